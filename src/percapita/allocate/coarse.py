"""Which pools split by the month in which months: they, or what they read, are that coarse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import ibis
import ibis.expr.types as ir

from percapita.allocate.drivers import ACTIVE, drivers
from percapita.core.subjects import NOBODY, USER
from percapita.core.tables import COUNTS, INTERVALS, READINGS, SLICES
from percapita.model.match import reads
from percapita.model.spec import Driver, Model, Pool, Unit
from percapita.plugins import Engine, named, stored


def monthly_pools(
    engine: Engine, model: Model, labels: Sequence[str]
) -> frozenset[tuple[str, str]]:
    """Return each pool with the months, of ``labels``, in which it splits by the month."""
    known = _Known(engine, model)
    return frozenset(
        (pool.name, label)
        for pool in model.pools
        for label in labels
        if _by_rule(pool) or any(label in known.months(driver) for driver in _own(pool))
    )


def _by_rule(pool: Pool) -> bool:
    return pool.grain == "month" or pool.overhead is not None


def _own(pool: Pool) -> Iterator[Driver]:
    """Yield what the pool's own split reads, not that of the pools it serves."""
    yield from drivers(pool)
    if pool.direct and pool.direct.then:
        yield pool.direct.then
    if pool.idle:
        yield from (pool.idle.capacity, pool.idle.used)
    if pool.through:
        yield pool.through.by


class _Known:
    """The months in which a driver has readings by the month."""

    def __init__(self, engine: Engine, model: Model) -> None:
        self._engine = engine
        self._model = model
        rows = stored(READINGS)
        self._rows = rows.filter(rows.grain == "month", rows.quantity > 0)
        self._meters = {meter for (meter,) in engine.rows(self._rows.select("meter").distinct())}

    def months(self, driver: Driver) -> set[str]:
        if driver.meter == ACTIVE:
            return self._counted() | self._active(self._model.primary)
        if driver.meter not in self._meters:
            return set()
        return self._months(self._rows.filter(reads(self._rows, driver)))

    def _months(self, rows: ir.Table) -> set[str]:
        labels = rows.select(month=rows.time.strftime("%Y-%m")).distinct()
        return {label for (label,) in self._engine.rows(labels)}

    def _counted(self) -> set[str]:
        """Return the months whose head counts were given: they stand for the whole of it."""
        rows = stored(COUNTS)
        primary = rows.unit.isnull() | (rows.unit == self._model.primary.name)
        rows = rows.filter(primary, rows.subject > NOBODY)
        return self._months(rows.select(time=rows.start))

    def _active(self, unit: Unit) -> set[str]:
        """Return the months in which some reading by the month makes a subject active."""
        if not self._meters:
            return set()
        if unit.meter:
            return self.months(unit.meter)
        rows = self._rows.filter(self._rows.subject > NOBODY)
        if unit.active:
            verdict: ir.BooleanValue = ibis.literal(False)
            for driver in unit.active:
                verdict = verdict | reads(rows, driver)
            rows = rows.filter(verdict)
        joined = rows.left_join(_kinds(), "subject")
        kind = joined.kind.fill_null(USER)
        return self._months(joined.filter(kind == unit.subject, kind.notin([*unit.exclude, ""])))


def _kinds() -> ir.Table:
    """Return the kind of each subject of which anything is known."""
    held, slices = named("intervals", INTERVALS), stored(SLICES)
    joined = held.join(slices, held.slice == slices.slice)
    return joined.select(held.subject, slices.kind).distinct()
