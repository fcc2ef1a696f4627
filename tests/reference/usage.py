"""Readings to integer weights: who used how much of a meter in a window and a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from percapita.core import subjects
from percapita.model.spec import Driver, Mix, Pool
from reference.kernel import split_whole
from reference.lines import cell_of, fits
from reference.whose import Register
from reference.world import Reading, Receiver, Slice, Window, World

ACTIVE = "active"
Weights = dict[Receiver, int]


@dataclass(frozen=True)
class Use:
    """A reading, or its part in one slice of its subject."""

    reading: Reading
    day: date
    """The first day of a reading by month."""
    slice: Slice
    quantity: int

    def inside(self, window: Window) -> bool:
        """Tell whether all of it falls into a window."""
        if window.grain == "month":
            return self.day.replace(day=1) == window.first
        return self.reading.grain != "month" and self.day == window.first

    def column(self, name: str) -> str | None:
        """Return a cell column: what the reading says, or a segment of its subject."""
        if name in self.reading.columns:
            return self.reading.columns[name]
        return dict(self.slice.attributes).get(name)

    def cell(self, names: Iterable[str]) -> str:
        """Return the cell it belongs to."""
        return cell_of([self.column(name) for name in names])


class Usage:
    """All usage of a world, weighed as a model's drivers ask for it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._register = Register(world)
        self._uses = [use for reading in world.readings for use in self._divided(reading)]

    def _divided(self, reading: Reading) -> Iterator[Use]:
        clock = self._world.clock
        if reading.grain == "hour":
            piece = self._register.at(reading.subject, reading.time)
            yield Use(reading, clock.day(reading.time), piece, reading.quantity)
            return
        window = Window(reading.grain, reading.time.date())
        pieces = self._register.over(reading.subject, *clock.bounds(window))
        parts = split_whole(reading.quantity, [length for _, length in pieces])
        for (piece, _), part in zip(pieces, parts, strict=True):
            # Where nothing was used, nobody was active either.
            if part:
                yield Use(reading, window.first, piece, part)

    def of(self, driver: Driver) -> list[Use]:
        """Return the usage a driver counts."""
        if driver.meter == ACTIVE:
            return self._active()
        return [use for use in self._uses if _counted(use, driver)]

    def _active(self) -> list[Use]:
        """Return the usage that makes a subject active as the primary unit has it."""
        unit = self._world.model.primary
        people = [use for use in self._uses if self._counts_as(use, unit.subject, unit.exclude)]
        if not unit.active:
            return people
        return [use for use in people if any(_counted(use, driver) for driver in unit.active)]

    def _counts_as(self, use: Use, kind: str, excluded: tuple[str, ...]) -> bool:
        return use.reading.subject > 0 and use.slice.kind == kind and kind not in excluded

    def monthly(self, driver: Driver, month: Window) -> bool:
        """Tell whether a driver is known by the month only."""
        if driver.meter == ACTIVE and self._counts(month):
            return True
        uses = (use for use in self.of(driver) if use.reading.grain == "month")
        return any(use.inside(month) for use in uses)

    def _counts(self, window: Window) -> Weights:
        """Return given head counts of segments and tenants, which stand before observed ones."""
        found = Weights()
        for count in self._world.counts:
            if count.subject > 0 and count.start <= window.first < count.end:
                instant = self._world.clock.midnight(window.first)
                piece = self._register.at(count.subject, instant)
                found[Receiver(count.subject, piece)] = count.count
        return found

    def weights(
        self,
        driver: Driver,
        window: Window,
        pool: Pool,
        keep: Callable[[Use], bool] = lambda _: True,
    ) -> Weights:
        """Return each receiver's weight in a window; none weighs zero."""
        if driver.meter == ACTIVE and (given := self._counts(window)):
            return {receiver: count for receiver, count in given.items() if count}
        uses = [use for use in self.of(driver) if use.inside(window) and keep(use)]
        found = Weights()
        for use in _one_level(uses, pool):
            if driver.meter == ACTIVE:
                found[Receiver(use.reading.subject, use.slice)] = 1
            else:
                receiver = self._receiver(use)
                found[receiver] = found.get(receiver, 0) + use.quantity
        return {receiver: weight for receiver, weight in found.items() if weight}

    def total(
        self, driver: Driver, window: Window, keep: Callable[[Use], bool] = lambda _: True
    ) -> int:
        """Return how much was used in a window by anyone."""
        return sum(u.quantity for u in self.of(driver) if u.inside(window) and keep(u))

    def named(self, driver: Driver, window: Window, columns: Iterable[str]) -> set[str]:
        """Return which columns some reading of a window fills."""
        uses = [use for use in self.of(driver) if use.inside(window)]
        return {name for name in columns if any(use.column(name) is not None for use in uses)}

    def _receiver(self, use: Use) -> Receiver:
        kept = {
            name: use.reading.columns.get(name)
            for name in self._world.model.dimensions
            if name in ("feature", "operation", "region")
        }
        return Receiver(use.reading.subject, use.slice, **kept)

    def unit(self, pool: Pool, value: str, window: Window) -> Weights:
        """Return the subject that a line names itself, cut where its attributes changed."""
        assert pool.direct is not None
        level = pool.direct.level
        if level in subjects.KINDS:
            subject = self._world.number(level, value)
        else:
            name = subjects.segment_name(level, value)
            subject = self._world.number(subjects.SEGMENT, name)
        pieces = self._register.over(subject, *self._world.clock.bounds(window))
        return {Receiver(subject, piece): length for piece, length in pieces}

    def segment(self, attribute: str, value: str) -> Receiver:
        """Return the receiver that stands for a whole segment."""
        name = subjects.segment_name(attribute, value)
        subject = self._world.number(subjects.SEGMENT, name)
        return Receiver(subject, Slice(subjects.SEGMENT, frozenset({(attribute, value)})))


def _counted(use: Use, driver: Driver) -> bool:
    columns: Mapping[str, str | None] = use.reading.columns
    named = use.reading.meter == driver.meter
    return named and all(fits(columns.get(name), c) for name, c in driver.where.items())


def _one_level(uses: list[Use], pool: Pool) -> list[Use]:
    """Keep one level of subjects where the pool names one. Nobody has no level.

    Without a word all count: a world's readings are signals, each counted for one subject.
    """
    if not pool.level:
        return uses
    return [use for use in uses if use.reading.level in (pool.level, None)]


def drivers(pool: Pool) -> list[Driver]:
    """Return every driver a pool names, for whatever purpose."""
    found: list[Driver | None] = []
    if isinstance(pool.by, Mix):
        found += [driver for driver, _ in pool.by.parts]
    else:
        found.append(pool.by)
    if pool.idle:
        found += [pool.idle.capacity, pool.idle.used]
    found += [pool.direct.then if pool.direct else None]
    found += [pool.through.by if pool.through else None]
    return [driver for driver in found if driver is not None]
