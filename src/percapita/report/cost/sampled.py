"""Which splits are by sampled usage, and of which of them nothing tells how unsure they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from percapita.core.tables import READINGS
from percapita.model.spec import Driver, Mix, Model, Pool
from percapita.model.words import ACTIVE
from percapita.report.opened import Opened
from percapita.store.read import doubt as read_doubt


class Way(NamedTuple):
    """A driver of a pool."""

    pool: Pool
    driver: Driver


class Untold(NamedTuple):
    """A split of which nothing tells how unsure it is, where any of some meters is sampled."""

    pool: Pool
    driver: str
    meters: frozenset[str] | None
    """``None``: every meter counts."""

    def of(self, sampled: Collection[str]) -> list[str]:
        """Return which sampled meters make it unsure."""
        return [meter for meter in sampled if self.meters is None or meter in self.meters]


class Sampled(NamedTuple):
    """What sampled usage splits."""

    meters: Sequence[str]
    ways: Sequence[Way]
    untold: Sequence[Untold]

    @property
    def some(self) -> bool:
        """Some is: without, every figure is exact."""
        return bool(self.ways or self.untold)

    def sources(self, given: Collection[str]) -> tuple[str, ...]:
        """Return the sampled meters, each with those of some pools that it splits."""
        pools: dict[str, list[str]] = defaultdict(list)
        for way in self.ways:
            pools[way.driver.meter].append(way.pool.name)
        for one in self.untold:
            for meter in one.of(self.meters):
                pools[meter].append(one.pool.name)
        shown = {
            m: [pool for pool in dict.fromkeys(its) if pool in given] for m, its in pools.items()
        }
        return tuple(f"{meter} ({', '.join(its)})" for meter, its in shown.items() if its)


def is_sampled(opened: Opened) -> bool:
    """Tell whether any driver's usage is sampled: without, every figure is exact."""
    return sampled(opened, sorted(opened.runs)).some


def sampled(opened: Opened, periods: Sequence[str]) -> Sampled:
    """Return the splits by usage that is sampled."""
    readings = opened.store.bind(READINGS, "doubt_told", run=opened.last_run, periods=periods)
    unknown = opened.model.sampling.unknown != 1
    found = read_doubt.sampled(opened.engine, readings, unknown=unknown)
    pools = opened.model.pools
    return Sampled(
        found,
        [way for pool in pools for way in _ways(pool) if way.driver.meter in found],
        [one for pool in pools for one in _untold(pool, opened.model) if one.of(found)],
    )


def _ways(pool: Pool) -> Iterator[Way]:
    if set(READINGS.names).issuperset(pool.within):
        for driver in _drivers(pool):
            yield Way(pool, driver)


def _untold(pool: Pool, model: Model) -> Iterator[Untold]:
    """Yield the splits whose error no sample tells.

    Who was active at all is seen in what was kept; cells by attributes and tenants divide it
    further than traces are counted; pools that serve others hand on the errors of them all.
    """
    for driver in _drivers(pool):
        if driver.meter == ACTIVE:
            yield Untold(pool, ACTIVE, _active(model))
        elif not set(READINGS.names).issuperset(pool.within):
            yield Untold(pool, driver.meter, frozenset([driver.meter]))
    if pool.direct is not None and pool.direct.then is not None:
        meter = pool.direct.then.meter
        yield Untold(pool, meter, frozenset([meter]))
    if pool.through is not None:
        yield Untold(pool, pool.through.by.meter, _reached(pool, model))


def _active(model: Model) -> frozenset[str] | None:
    """Return the meters that make somebody active; ``None`` where all do."""
    unit = model.primary
    if unit.meter is not None:
        return frozenset([unit.meter.meter])
    return frozenset(driver.meter for driver in unit.active) or None


def _reached(pool: Pool, model: Model) -> frozenset[str] | None:
    """Return the meters that split a pool and all that it serves."""
    meters: set[str] = set()
    reached = [pool]
    for one in reached:
        meters |= {driver.meter for driver in _drivers(one)}
        if one.through is not None:
            meters.add(one.through.by.meter)
            known = [other.name for other in reached]
            reached += [model.pool(name) for name in one.through.pools if name not in known]
    if ACTIVE not in meters:
        return frozenset(meters)
    active = _active(model)
    return None if active is None else frozenset(meters | active)


def _drivers(pool: Pool) -> list[Driver]:
    if isinstance(pool.by, Mix):
        return [driver for driver, _ in pool.by.parts]
    return [pool.by] if pool.by is not None else []
