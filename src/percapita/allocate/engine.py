"""One billing period allocated: window by window, so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import ibis

from percapita.allocate.book import Book, Entry, Fixed, Leaf, pseudo
from percapita.allocate.capacity import Totals
from percapita.allocate.cascade import Cascade, with_whole
from percapita.allocate.drivers import (
    ACTIVE,
    DIMENSIONS,
    SHARES,
    Demand,
    asked,
    demands,
    shares,
    totals,
    totals_of,
    want,
)
from percapita.allocate.entries import Calendar
from percapita.allocate.leaves import split_leaves
from percapita.allocate.levels import check_levels
from percapita.allocate.overhead import weigh_by_cost
from percapita.allocate.pools import IMPLICIT
from percapita.allocate.serving import Serving
from percapita.allocate.usage import (
    Asked,
    MeterSum,
    Traits,
    Window,
    collect,
    in_blocks,
    sums,
    traits,
)
from percapita.allocate.weights import fitted
from percapita.core.periods import EVER, Span
from percapita.core.subjects import UNALLOCATED, USER
from percapita.core.tables import INTERVALS, LEDGER, MONEY, ROLLUP, WIDE
from percapita.model.spec import Model, Pool, Unit
from percapita.plugins import Engine, Sink, named

Units = Mapping[tuple[str, str], int]
"""(level, name) of a unit that lines name -> its subject number."""


@dataclass(slots=True)
class Allocation:
    """The state of one period's allocation; ``run`` goes through it once."""

    engine: Engine
    sink: Sink
    model: Model
    calendar: Calendar
    units: Units
    active: Callable[[Window], None]
    """Makes the table ``active`` of the window whose ``used`` is there."""
    record: Callable[[Window], None]
    """Writes the activity of the window whose ``used`` is there."""
    progress: Callable[[str], None]
    book: Book = field(default_factory=Book)
    opened: dict[Entry, int] = field(default_factory=dict)
    measured: list[MeterSum] = field(default_factory=list)
    """Usage in the recorded windows."""
    matched: bool = field(init=False)
    """Whoever was active is known to have cost, and whoever has cost to have been active."""
    numbers: dict[Demand, int] = field(init=False)
    cascade: Cascade = field(init=False)
    serving: Serving = field(init=False)
    traits: Traits = field(init=False)
    ordered: bool = False
    """The shares of the window are in blocks of subjects."""

    def __post_init__(self) -> None:
        """Number the demands and start the book."""
        self.numbers = demands(self.model)
        self.cascade = Cascade(self.model, self.numbers, self.book)
        self.traits = traits(self.engine)
        self.matched = _counts_users(self.model.primary)
        want(self.engine, self.model, self.numbers)
        self.serving = Serving(self.engine, self.model, self.numbers, self.book)

    def run(self, entries: Sequence[Entry], observed: Iterable[Window]) -> None:
        """Split every entry; activity is recorded in the ``observed`` windows, billed or not."""
        recorded = set(observed)
        by_window: dict[Window, list[Entry]] = {window: [] for window in recorded}
        late: list[Entry] = []
        for entry in entries:
            pool = self._pool(entry)
            if pool and pool.overhead and pool.overhead.how != "active":
                late.append(entry)
            else:
                by_window.setdefault(entry.window, []).append(entry)
        seen: dict[Window, Totals] = {}
        for window in sorted(by_window, key=lambda w: (w.grain, w.first)):
            seen[window] = self._window(window, by_window[window], record=window in recorded)
        self._widen(seen)
        self._units()
        self._overhead(late)
        self._fixed()

    def _pool(self, entry: Entry) -> Pool | None:
        return next((pool for pool in self.model.pools if pool.name == entry.pool), None)

    def _asked(self) -> Asked:
        return asked(self.model, self.numbers)

    def _prepare(self, window: Window) -> None:
        self._collect(window)
        if self.traits.levels:
            check_levels(self.engine, self.numbers, window)
        if any(wanted.meter == ACTIVE for wanted in self.numbers):
            self.active(window)
        self.ordered = shares(self.engine, self.model, self.numbers)

    def _collect(self, window: Window, *, own_grain: bool = False) -> None:
        collect(self.engine, window, self._asked(), self.traits, own_grain=own_grain)

    def _window(self, window: Window, entries: Sequence[Entry], *, record: bool) -> Totals:
        self.progress(
            window.first.isoformat() if window.grain == "day" else f"{window.first:%Y-%m}"
        )
        uses: list[MeterSum] = []
        if record and window.grain == "month":
            # Finer readings were recorded with their days.
            self._collect(window, own_grain=True)
            uses = self._record(window)
        found: Totals = {}
        if record or any(_weighs(self._pool(entry)) for entry in entries):
            self._prepare(window)
            if record and window.grain == "day":
                uses = self._record(window)
            summed = bool(uses) and window.grain == "day" and self.ordered
            found = with_whole(totals_of(uses, self.numbers) if summed else totals(self.engine))
        leaves: list[Leaf] = []
        for entry in entries:
            self.opened[entry] = len(self.book.groups) + 1
            pool = self._pool(entry)
            if pool and pool.through:
                leaves += self.serving.enter(entry, pool, found)
            else:
                leaves += self.cascade.enter(entry, pool, found)
        self.matched = self.matched and (
            self._matches(leaves, uses) if record and window.grain == "day" else not leaves
        )
        self._split(leaves, f"{window.grain}-{window.first}", found)
        return found

    def _record(self, window: Window) -> list[MeterSum]:
        uses = sums(self.engine, self._asked())
        self.measured += uses
        self.record(window)
        return uses

    def _matches(self, leaves: Sequence[Leaf], uses: Sequence[MeterSum]) -> bool:
        """Tell whether all that names a subject in a window is split over, undivided."""
        drivers = {
            leaf.driver
            for leaf in leaves
            if leaf.group.entry.basis == self.model.basis and leaf.group.moves
        }
        split = {wanted.meter for wanted, number in self.numbers.items() if number in drivers}
        return self.ordered and all(use.meter in split for use in uses if use.named)

    def _split(self, leaves: Sequence[Leaf], part: str, known: Totals | None = None) -> None:
        split_leaves(
            self.engine, self.sink, leaves, part,
            dims=self.model.dimensions, ordered=self.ordered, known=known,
        )  # fmt: skip

    def _widen(self, seen: Mapping[Window, Totals]) -> None:
        waiting = [w.group.entry.window for w in self.cascade.waiting]
        waiting += [group.entry.window for group in self.serving.waiting]
        self.matched = self.matched and not waiting and not self.cascade.units
        months: dict[str, tuple[Window, Totals]] = {}
        for label in sorted({f"{window.first:%Y-%m}" for window in waiting}):
            month = self.calendar.month(label)
            self._prepare(month)
            months[label] = month, with_whole(totals(self.engine))
        placed = self.cascade.widen(months, seen)
        for weighed in sorted(placed, key=lambda w: (w.grain, w.first)):
            self._prepare(weighed)
            part = f"wide-{weighed.grain}-{weighed.first}"
            self._split(placed[weighed], part)
        for window, leaves in self.serving.widen(self._prepare, months, seen):
            self._split(leaves, f"through-{window.grain}-{window.first}")

    def _units(self) -> None:
        """Give groups that lines name a unit for to that unit, in the slices it was in."""
        rows = [
            (group.number, self.units[level, name], group.entry.window.span)
            for group, level, name in self.cascade.units
        ]
        pieces = slices_in(self.engine, rows)
        for group, level, name in self.cascade.units:
            self.book.give_unit(group, self.units[level, name], pieces[group.number])

    def _overhead(self, entries: Sequence[Entry]) -> None:
        done = {pool.name for pool in self.model.pools if not pool.overhead} | set(IMPLICIT)
        for pool in self.model.pools:
            if pool.overhead is None:
                continue
            mine = [entry for entry in entries if entry.pool == pool.name]
            if mine:
                self._spread_overhead(pool, mine, done)
            done.add(pool.name)

    def _spread_overhead(self, pool: Pool, entries: Sequence[Entry], done: set[str]) -> None:
        rule = pool.overhead
        assert rule is not None  # noqa: S101
        self.progress(pool.name)
        self.ordered = self.matched = False
        driver = len(self.numbers)
        if rule.how == "weights":
            shift: int | None = self._fixed_weights(pool, driver)
        else:
            shift = weigh_by_cost(
                self.engine, self.sink, self.book,
                basis=self.model.basis, pools=done, driver=driver,
                allocated_only=rule.over == "allocated",
            )  # fmt: skip
        leaves = []
        for entry in entries:
            self.opened[entry] = len(self.book.groups) + 1
            group = self.book.open(entry, "overhead", driver=rule.how)
            if shift is None:
                self.book.give(group, pseudo(UNALLOCATED), "unallocated")
            else:
                leaves.append(Leaf(group, driver, ""))
        self._split(leaves, f"overhead-{self.model.pools.index(pool)}")
        for leaf in leaves:
            leaf.group.shift = max(leaf.group.shift, shift or 0)

    def _fixed_weights(self, pool: Pool, driver: int) -> int:
        rule = pool.overhead
        assert rule is not None  # noqa: S101
        places = max(max(-int(w.as_tuple().exponent), 0) for _, w in rule.weights)
        subjects = [self.units[rule.attribute, name] for name, _ in rule.weights]
        # A subject that stands for a segment is in one slice for ever.
        pieces = slices_in(self.engine, [(s, s, Span(*EVER)) for s in subjects])
        rows = [
            (driver, "", subject, pieces[subject][0][0], None, None, None, int(w.scaleb(places)))
            for subject, (_, w) in zip(subjects, rule.weights, strict=True)
            if w > 0
        ]
        self.engine.load("weighed", {**SHARES, "w": WIDE}, rows)
        return fitted(self.engine, "weighed", "shares", SHARES, ["driver"]).get(driver, 0)

    def _fixed(self) -> None:
        """Write the parts that are known without shares."""
        if not self.book.fixed:
            return
        self.engine.load("fixed", _FIXED, [_fixed_row(given) for given in self.book.fixed])
        rows = named("fixed", _FIXED)
        self.sink.write(LEDGER, rows.order_by(in_blocks(rows.subject)), "fixed")
        rolled = rows.group_by(["basis", "group", "slice", *DIMENSIONS]).agg(
            w=rows.w.sum().cast(WIDE), amount=rows.amount.sum().cast(MONEY), receivers=rows.count()
        )
        self.sink.write(ROLLUP, rolled, "fixed")


def _counts_users(unit: Unit) -> bool:
    """Tell whether a unit counts every user that any reading names."""
    plain = unit.subject == USER and not unit.meter and not unit.active
    return plain and USER not in unit.exclude


def _weighs(pool: Pool | None) -> bool:
    """Tell whether a pool's split needs the shares of its window."""
    if pool is None or pool.method in ("exclude", "none"):
        return False
    return pool.direct is None or pool.direct.then is not None


_FIXED: Final = {column.name: column.type for column in LEDGER.columns}


def _fixed_row(fixed: Fixed) -> tuple[Any, ...]:
    return (fixed.group.entry.basis, fixed.group.number, *fixed.receiver, fixed.w, fixed.amount)


_ASKED: Final = {"id": "int64", "subject": "int64", "first": "timestamp", "last": "timestamp"}


def slices_in(
    engine: Engine, rows: Sequence[tuple[int, int, Span]]
) -> dict[int, list[tuple[int, int]]]:
    """Return the slices that each (id, subject, span) was in, and for how many microseconds."""
    engine.load("asked", _ASKED, [(n, s, span.start, span.end) for n, s, span in rows])
    wanted, held = named("asked", _ASKED), named("intervals", INTERVALS)
    held = held.select("start", "end", "slice", who=held.subject)
    meets = [
        wanted.subject == held.who,
        held.start < wanted["last"],
        held["end"] > wanted["first"],
    ]
    joined = wanted.join(held, meets)
    first = ibis.greatest(joined.start, joined["first"])
    last = ibis.least(joined["end"], joined["last"])
    timed = joined.mutate(time=last.delta(first, unit="microsecond"))
    summed = timed.group_by(["id", "slice"]).agg(time=timed.time.sum())
    pieces: dict[int, list[tuple[int, int]]] = {}
    for number, number_of, time in sorted(engine.rows(summed)):
        pieces.setdefault(int(number), []).append((int(number_of), int(time)))
    return {n: pieces.get(n, [(0, span.microseconds)]) for n, _, span in rows}
