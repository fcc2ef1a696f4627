"""Line parts over time: a charge longer than a day falls on its days by the time it overlaps.

Most lines lie within a day and follow nothing: they are never copied, ``plain`` reads them where
they are. The rest go through working tables.
"""

from __future__ import annotations

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
_TIMES: Final = {"begins": "timestamp", "last": "timestamp"}
_BOUNDED: Final = POOLED | _TIMES
_REST: Final = FOLLOWED | _TIMES
_LONG: Final = SPREAD | {"w": "int64"}
_MOMENTS: Final = {
    "moment": "timestamp",
    "day_start": "timestamp",
    "day_end": "timestamp",
    "month": "string",
}


def place(engine: Engine, source: str) -> None:
    """Make the view ``bounded`` of ``source`` (``POOLED``), and the table ``moments``.

    Many charges begin at one moment: its day is looked for once.
    """
    engine.view("bounded", _bounded(named(source, POOLED)).select(*_BOUNDED))
    begins, days = named("bounded", _BOUNDED).select(moment="begins").distinct(), _day_bounds()
    on_day = [begins.moment >= days.day_start, begins.moment < days.day_end]
    engine.create("moments", begins.join(days, on_day).select(*_MOMENTS), _MOMENTS)


def plain() -> ir.Table:
    """Return the lines (``SPREAD``) that lie within a day and follow nothing."""
    rows = _placed()
    rows = rows.filter(~_follows(rows), rows["last"] <= rows.day_end)
    rows = rows.mutate(follows=ibis.null("string"), follow_level=ibis.null("int32"))
    return _columns(rows, rows.amount)


def rest() -> ir.Table:
    """Return the lines (``POOLED``) that ``plain`` leaves out."""
    rows = _placed()
    return rows.filter(_follows(rows) | (rows["last"] > rows.day_end)).select(*POOLED)


def _follows(rows: ir.Table) -> ir.BooleanValue:
    """A credit of nothing corrects nothing: it stays where its pool puts it."""
    return rows.credit & (rows.amount != 0)


def spread(engine: Engine, source: str, target: str) -> None:
    """Make ``target`` (``SPREAD``) from ``source`` (``FOLLOWED``) and the table ``days``."""
    engine.create("rest", _bounded(named(source, FOLLOWED)), _REST)
    engine.create(target, _within_a_day(), SPREAD)
    engine.create("long", _overlaps(), _LONG)
    engine.insert(target, _split_days(), SPREAD)
    for name in ("rest", "long"):
        engine.drop(name)


def _bounded(rows: ir.Table) -> ir.Table:
    """Say from when to when each amount is spread.

    Billed cost stays inside its billing period: it is spread over the part of the charge period
    inside it or, if there is none, over the whole billing period.
    """
    billed = (rows.basis == "billed") & rows.billing_start.notnull() & rows.billing_end.notnull()
    instant = (rows.end <= rows.start).fill_null(True)
    from_start = rows.start >= rows.billing_start
    overlaps = ibis.ifelse(instant, from_start, rows.end > rows.billing_start)
    inside = (rows.start < rows.billing_end) & overlaps
    begins = ibis.cases(
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
    # An amount of nothing falls on one day.
    return rows.mutate(begins=begins, last=ibis.ifelse(rows.amount == 0, begins, end))


def _placed() -> ir.Table:
    rows, moments = named("bounded", _BOUNDED), named("moments", _MOMENTS)
    return rows.join(moments, rows.begins == moments.moment)


def _first_day() -> ir.Table:
    rows, days = named("rest", _REST), _day_bounds()
    return rows.join(days, [rows.begins >= days.day_start, rows.begins < days.day_end])


def _day_bounds() -> ir.Table:
    days = named("days", DAYS)
    return days.select(day_start=days.start, day_end=days.end, month=days.month)


def _within_a_day() -> ir.Table:
    joined = _first_day()
    return _columns(joined.filter(joined["last"] <= joined.day_end), joined.amount)


def _columns(rows: ir.Table, amount: ir.Value) -> ir.Table:
    kept = [name for name in SPREAD if name not in ("start", "end", "amount")]
    return rows.select(
        *kept, amount.name("amount"), start=rows.day_start, end=rows.day_end
    ).select(*SPREAD)  # fmt: skip


def _overlaps() -> ir.Table:
    first = _first_day()
    long = first.filter(first["last"] > first.day_end).drop("day_start", "day_end", "month")
    days = _day_bounds()
    joined = long.join(days, [long.begins < days.day_end, long["last"] > days.day_start])
    start = ibis.greatest(joined.begins, joined.day_start)
    end = ibis.least(joined["last"], joined.day_end)
    weighed = joined.mutate(w=end.delta(start, unit="microsecond"))
    kept = [name for name in SPREAD if name not in ("start", "end")]
    return weighed.select(*kept, "w", start=weighed.day_start, end=weighed.day_end)


def _split_days() -> ir.Table:
    parts = split(named("long", _LONG), _KEY, "amount", ["start"])
    kept = [name for name in SPREAD if name != "amount"]
    return parts.select(*kept, amount=parts.part)
