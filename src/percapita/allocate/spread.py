"""Line parts over time: a charge longer than a day falls on its days by the time it overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.kernel import split
from percapita.allocate.pools import POOLED
from percapita.core.tables import MONEY
from percapita.plugins import Engine, named

DAYS: Final = {"day": "date", "start": "timestamp", "end": "timestamp", "month": "string"}
"""The days of the model's time zone that the charges touch."""

SPREAD: Final = {
    "LineId": "string",
    "basis": "string",
    "pool": "string",
    "cell": "string",
    "follows": "string",
    "follow_level": "int32",
    "positive": "bool",
    "month": "string",
    "start": "timestamp",
    "end": "timestamp",
    "amount": MONEY,
}
FOLLOWED: Final = POOLED | {"follows": "string", "follow_level": "int32"}
_KEY: Final = ("LineId", "basis", "follows")


def spread(engine: Engine, source: str, target: str) -> None:
    """Make ``target`` (``SPREAD``) from ``source`` (``FOLLOWED``) and the table ``days``.

    Billed cost stays inside its billing period: it is spread over the part of the charge period
    inside it or, if there is none, over the whole billing period.
    """
    engine.create("bounded", _bounded(named(source, FOLLOWED)), _BOUNDED)
    engine.create(target, _within_a_day(), SPREAD)
    engine.create("long", _overlaps(), _LONG)
    engine.insert(target, _split_days(), SPREAD)
    for name in ("bounded", "long"):
        engine.drop(name)


_BOUNDED: Final = {**FOLLOWED, "last": "timestamp"}
_LONG: Final = {**SPREAD, "w": "int64"}


def _bounded(rows: ir.Table) -> ir.Table:
    billed = (rows.basis == "billed") & rows.billing_start.notnull() & rows.billing_end.notnull()
    instant = (rows.end <= rows.start).fill_null(True)
    from_start = rows.start >= rows.billing_start
    overlaps = ibis.ifelse(instant, from_start, rows.end > rows.billing_start)
    inside = (rows.start < rows.billing_end) & overlaps
    start = ibis.cases(
        (billed & inside, ibis.greatest(rows.start, rows.billing_start)),
        (billed, rows.billing_start),
        else_=rows.start,
    )
    end = ibis.cases(
        (billed & inside & ~instant, ibis.least(rows.end, rows.billing_end)),
        (billed & ~inside, rows.billing_end),
        (instant, rows.start),
        else_=rows.end,
    )
    placed = rows.mutate(start=start, end=end)
    # An amount of nothing falls on one day.
    return placed.mutate(last=ibis.ifelse(placed.amount == 0, placed.start, placed.end))


def _first_day() -> ir.Table:
    rows, days = named("bounded", _BOUNDED), _day_bounds()
    return rows.join(days, [rows.start >= days.day_start, rows.start < days.day_end])


def _day_bounds() -> ir.Table:
    days = named("days", DAYS)
    return days.select(day_start=days.start, day_end=days.end, month=days.month)


def _within_a_day() -> ir.Table:
    joined = _first_day()
    return _columns(joined.filter(joined["last"] <= joined.day_end), joined.amount.name("amount"))


def _columns(rows: ir.Table, amount: ir.Value) -> ir.Table:
    kept = [name for name in SPREAD if name not in ("start", "end", "amount")]
    return rows.select(*kept, amount.name("amount"), start=rows.day_start, end=rows.day_end)


def _overlaps() -> ir.Table:
    first = _first_day()
    long = first.filter(first["last"] > first.day_end).drop("day_start", "day_end", "month")
    days = _day_bounds()
    joined = long.join(days, [long.start < days.day_end, long["last"] > days.day_start])
    start = ibis.greatest(joined.start, joined.day_start)
    end = ibis.least(joined["last"], joined.day_end)
    weighed = joined.mutate(w=end.delta(start, unit="microsecond"))
    kept = [name for name in SPREAD if name not in ("start", "end")]
    return weighed.select(*kept, "w", start=weighed.day_start, end=weighed.day_end)


def _split_days() -> ir.Table:
    parts = split(named("long", _LONG), _KEY, "amount", ["start"])
    kept = [name for name in SPREAD if name != "amount"]
    return parts.select(*kept, amount=parts.part)


def months_of(days: Sequence[tuple[object, ...]]) -> list[str]:
    """Return the months that the days stand in, in order."""
    return sorted({str(day[3]) for day in days})
