"""What a model's drivers demand of the readings, and the shares that a window's usage gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.pools import json_list
from percapita.allocate.usage import KEYS, Asked, MeterSum, apart, numbered, used_rows
from percapita.core.tables import SLICES, USED
from percapita.model.match import where
from percapita.model.spec import Condition, Driver, Mix, Model, Pool
from percapita.plugins import Engine, named, stored

ACTIVE: Final = "active"
"""The driver that weighs every active subject of the primary unit alike."""

DIMENSIONS: Final = ("feature", "operation", "region")
RECEIVER: Final = ("subject", "slice", *DIMENSIONS)
"""What tells receivers of one group apart; also the order among equal weights."""

SHARES: Final = {
    "driver": "int32",
    "cell": "string",
    "subject": "int64",
    "slice": "int64",
    **dict.fromkeys(DIMENSIONS, "string"),
    "w": "int64",
}
"""A receiver's weight for a driver in one cell; ``cell`` is a JSON list as on the lines' side."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A driver as one pool needs it: over these cells, at this level of subject."""

    meter: str
    where: tuple[tuple[str, Condition], ...] = ()
    cells: tuple[str, ...] = ()
    """Reading columns or segments, in the order of the pool's ``within``."""
    level: str = ""


def demand(driver: Driver, pool: Pool, cells: Sequence[str] | None = None) -> Demand:
    """Return what a driver of the pool demands."""
    within = tuple(pool.within) if cells is None else tuple(cells)
    return Demand(driver.meter, tuple(driver.where.items()), within, pool.level)


def demands(model: Model) -> dict[Demand, int]:
    """Return every demand of the model with the number its shares carry, in file order."""
    numbers: dict[Demand, int] = {}
    for pool in model.pools:
        for wanted in pool_demands(pool):
            numbers.setdefault(wanted, len(numbers))
    return numbers


def pool_demands(pool: Pool) -> Iterator[Demand]:
    """Yield what one pool demands: its drivers, its idle meters, what it passes through by."""
    if pool.direct is not None and pool.direct.then is not None:
        yield demand(pool.direct.then, pool, [pool.direct.level])
    for driver in drivers(pool):
        yield demand(driver, pool)
    if pool.idle is not None:
        yield demand(pool.idle.capacity, pool)
        yield demand(pool.idle.used, pool)
    if pool.through is not None:
        yield demand(pool.through.by, pool, ["service"])
    if pool.overhead is not None and pool.overhead.how == "active":
        yield Demand(ACTIVE)


def drivers(pool: Pool) -> list[Driver]:
    """Return the drivers that split the pool, in written order."""
    if isinstance(pool.by, Mix):
        return [driver for driver, _ in pool.by.parts]
    return [pool.by] if pool.by is not None else []


def asked(model: Model, numbers: Mapping[Demand, int]) -> Asked:
    """Return which meters and columns of the readings the model needs at all."""
    columns = {column for d in numbers for column in (*d.cells, *dict(d.where))}
    columns |= set(model.dimensions)
    any_reading = False
    meters = {d.meter for d in numbers}
    for unit in model.units:
        conditions = [*unit.active, *([unit.meter] if unit.meter else [])]
        any_reading |= bool(unit.subject) and not unit.active
        meters |= {driver.meter for driver in conditions}
        columns |= {column for driver in conditions for column in driver.where}
    keys = [key for key in KEYS if key in columns]
    levels = any(wanted.level for wanted in numbers)
    return Asked(meters - {ACTIVE}, keys, every=any_reading, level=levels)


def want(engine: Engine, model: Model, numbers: Mapping[Demand, int]) -> None:
    """Make the table that ``shares`` reads in every window: which demand wants what."""
    engine.load("demanded", _DEMANDED, _demanded(numbers, numbered(asked(model, numbers))))


def shares(engine: Engine, model: Model, numbers: Mapping[Demand, int]) -> bool:
    """Make ``shares`` (``SHARES``) from the window's ``used`` and ``active``.

    Demands that differ in nothing but the meter are met in one pass. Where no demand needs usage
    summed anew, ``shares`` is a view: its rows are those of ``used``, in the same order. Returns
    whether that is so.
    """
    wanted = asked(model, numbers)
    shapes = tuple(dict.fromkeys(_shape(demand) for demand in numbers))
    dims = tuple(d for d in DIMENSIONS if d in model.dimensions)
    served = any(pool.through for pool in model.pools)
    if shapes and not served and apart(wanted) == dims and all(map(_as_used, shapes)):
        engine.view("shares", _view(shapes, dims))
        return len(shapes) == 1 and shapes[0].meter != ACTIVE
    engine.load("shares", SHARES, [])
    for number, shape in enumerate(shapes):
        engine.insert("shares", _of_shape(shape, number, dims), SHARES)
    return False


_DEMANDED: Final = {
    "shape": "int32",
    "its_meter": "string",
    "its_number": "int32",
    "driver": "int32",
}


def _as_used(shape: Demand) -> bool:
    return not (shape.where or shape.cells or shape.level)


@cache
def _view(shapes: tuple[Demand, ...], dims: tuple[str, ...]) -> ir.Table:
    made = []
    for number, shape in enumerate(shapes):
        wanted = named("demanded", _DEMANDED)
        wanted = wanted.filter(wanted["shape"] == number).select("its_number", "driver")
        if shape.meter == ACTIVE:
            made.append(_active(wanted, shape))
            continue
        rows = used_rows(dims)
        rows = rows.join(wanted, rows.number == wanted.its_number)
        made.append(_columns(rows.mutate(cell=ibis.literal("")), dims))
    return ibis.union(*made) if len(made) > 1 else made[0]


def _shape(wanted: Demand) -> Demand:
    meter = ACTIVE if wanted.meter == ACTIVE else ""
    return Demand(meter, wanted.where, wanted.cells, wanted.level)


def _demanded(
    numbers: Mapping[Demand, int], meters: Sequence[str]
) -> list[tuple[int, str, int | None, int]]:
    shapes = list(dict.fromkeys(_shape(wanted) for wanted in numbers))
    positions = {meter: number for number, meter in enumerate(meters)}
    return [
        (shapes.index(_shape(d)), d.meter, positions.get(d.meter), number)
        for d, number in numbers.items()
    ]


@cache
def _of_shape(shape: Demand, number: int, dims: tuple[str, ...]) -> ir.Table:
    wanted = named("demanded", _DEMANDED)
    wanted = wanted.filter(wanted["shape"] == number).select("its_meter", "driver")
    if shape.meter == ACTIVE:
        return _active(wanted, shape)
    rows = named("used", USED)
    rows = rows.filter(where(rows, dict(shape.where)))
    if shape.level:
        rows = rows.filter((rows.level == shape.level) | rows.level.isnull())
    rows = rows.join(wanted, rows.meter == wanted.its_meter)
    rows = _with_cell(rows, shape)
    summed = rows.group_by(["driver", "cell", "subject", "slice", *dims]).agg(w=rows.w.sum())
    return _columns(summed, dims)


def _columns(rows: ir.Table, dims: Sequence[str]) -> ir.Table:
    missing = {d: ibis.null("string") for d in DIMENSIONS if d not in dims}
    return rows.mutate(**missing).select(*SHARES)


def _active(wanted: ir.Table, shape: Demand) -> ir.Table:
    rows = named("active", {"subject": "int64", "slice": "int64", "w": "int64"})
    cell = "[" + ",".join(["null"] * len(shape.cells)) + "]" if shape.cells else ""
    return _columns(rows.cross_join(wanted).mutate(cell=ibis.literal(cell)), [])


def _with_cell(rows: ir.Table, wanted: Demand) -> ir.Table:
    if not wanted.cells:
        return rows.mutate(cell=ibis.literal(""))
    attributes = [c for c in wanted.cells if c not in KEYS]
    if attributes:
        known = stored(SLICES)
        values = {f"_{c}": known.attributes.get(c) for c in attributes}
        known = known.select(number=known.slice, **values)
        rows = rows.left_join(known, rows.slice == known.number)
    return rows.mutate(cell=json_list([rows[c if c in KEYS else f"_{c}"] for c in wanted.cells]))


@dataclass(frozen=True, slots=True)
class Total:
    """Sum of the weights of a driver in a cell."""

    sum: int
    largest: int
    rows: int


def totals_of(
    uses: Iterable[MeterSum], numbers: Mapping[Demand, int]
) -> dict[tuple[int, str], Total]:
    """Return the totals of ``shares`` where its rows are those of ``used``."""
    by_meter = {use.meter: Total(use.quantity, use.largest, use.rows) for use in uses}
    return {
        (number, ""): by_meter[wanted.meter]
        for wanted, number in numbers.items()
        if wanted.meter in by_meter
    }


def totals(engine: Engine) -> dict[tuple[int, str], Total]:
    """Return the total of every (driver, cell) of the window's ``shares``."""
    rows = named("shares", SHARES)
    summed = rows.group_by(["driver", "cell"]).agg(
        total=rows.w.sum(), largest=rows.w.max(), rows=rows.count()
    )
    return {(d, cell): Total(int(t), int(m), int(n)) for d, cell, t, m, n in engine.rows(summed)}
