"""What there is to split: lines in pools, credits on their charges, parts on their days."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from percapita.allocate.book import Entry
from percapita.allocate.coarse import monthly_pools
from percapita.allocate.credits import follow
from percapita.allocate.pools import POOLED, pooled
from percapita.allocate.spread import DAYS, SPREAD, place, plain, rest, spread
from percapita.allocate.usage import Window
from percapita.core.money import ZERO
from percapita.core.periods import Span, day_span, days, local_day, month_label, month_span, months
from percapita.core.tables import MONEY, PARTS
from percapita.model.spec import Model
from percapita.plugins import Engine, named


@dataclass(frozen=True, slots=True)
class Calendar:
    """The windows of one run and period, in the model's time zone."""

    tz: ZoneInfo
    monthly: frozenset[tuple[str, str]]
    """Pools, and the months in which they split by the month."""

    def day(self, start: datetime) -> Window:
        """Return the day that starts at an instant."""
        first = local_day(start, self.tz)
        return Window(first, first + timedelta(days=1), day_span(first, self.tz), "day")

    def month(self, label: str) -> Window:
        """Return the month ``2025-10``."""
        year, month = int(label[:4]), int(label[5:])
        span = month_span(year, month, self.tz)
        return Window(date(year, month, 1), local_day(span.end, self.tz), span, "month")


def prepare(engine: Engine, model: Model, bases: Sequence[str], tz: ZoneInfo) -> None:
    """Make the view ``spread`` of ``lines``: every line part on its day, in its pool.

    Also makes ``days``, which usage is joined by, and ``daily``: the sums of ``spread``.
    """
    engine.view("pooled", pooled(model, bases).select(*POOLED))
    engine.load("days", DAYS, _days(engine, tz))
    place(engine, "pooled")
    engine.create("odd", rest(), POOLED)
    follow(engine, model, "odd", "followed")
    spread(engine, "followed", "spread_rest")
    for name in ("odd", "followed"):
        engine.drop(name)
    engine.view("spread", ibis.union(plain(), named("spread_rest", SPREAD)))
    engine.create("daily", _daily(), _DAILY)


_DAILY: Final = {
    "basis": "string", "pool": "string", "cell": "string", "month": "string", "start": "timestamp",
    "amount": MONEY, "gross": MONEY, "moves": "bool",
}  # fmt: skip


def _daily() -> ir.Table:
    rows = named("spread", SPREAD)
    zero = ibis.literal(ZERO, type=MONEY)
    return rows.group_by(["basis", "pool", "cell", "month", "start"]).agg(
        amount=rows.amount.sum().cast(MONEY),
        gross=rows.amount.sum(where=rows.positive).cast(MONEY).fill_null(zero),
        moves=(rows.amount != 0).any(),
    )


def calendar_of(engine: Engine, model: Model, tz: ZoneInfo) -> Calendar:
    """Return the calendar of what ``prepare`` and ``attribute.segments.slices`` made."""
    labels = [row[0] for row in engine.rows(named("daily", _DAILY).select("month").distinct())]
    return Calendar(tz, monthly_pools(engine, model, labels))


def _days(engine: Engine, tz: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    rows = named("pooled", POOLED)
    first = ibis.least(rows.start, rows.billing_start.coalesce(rows.start)).min()
    last = ibis.greatest(
        rows.start, rows.end.coalesce(rows.start), rows.billing_end.coalesce(rows.start)
    ).max()
    (bounds,) = engine.rows(rows.agg(first=first, last=last))
    if bounds[0] is None:
        return
    around = Span(bounds[0], bounds[1] + timedelta(microseconds=1))
    for _, month in months(around, tz):
        for day, span in days(month, tz):
            yield day, span.start, span.end, month_label(day)


_WINDOWED: Final = {**_DAILY, "at": "timestamp"}
"""Sums with the day that they are split on; ``at`` is null where the month is split as one."""
_MONTHLY: Final = {"its_pool": "string", "its_month": "string"}


def entries(engine: Engine, calendar: Calendar) -> list[Entry]:
    """Return what every pool has to split, in an order that depends on nothing but the figures."""
    engine.load("monthly", _MONTHLY, sorted(calendar.monthly))
    engine.create("windowed", _windowed(), _WINDOWED)
    rows = named("windowed", _WINDOWED)
    summed = rows.group_by(["basis", "pool", "cell", "month", "at"]).agg(
        amount=rows.amount.sum().cast(MONEY),
        gross=rows.gross.sum().cast(MONEY),
        moves=rows.moves.any(),
    )
    made = [
        Entry(basis, pool, cell, calendar.day(at) if at else calendar.month(month), *sums)
        for basis, pool, cell, month, at, *sums in engine.rows(summed)
    ]
    return sorted(made, key=_sorted_by)


def _sorted_by(entry: Entry) -> tuple[object, ...]:
    return (entry.window.first, entry.window.grain, entry.basis, entry.pool, entry.cell)


def _windowed() -> ir.Table:
    rows, monthly = named("daily", _DAILY), named("monthly", _MONTHLY)
    joined = rows.left_join(
        monthly, [rows.pool == monthly.its_pool, rows.month == monthly.its_month]
    )
    never = ibis.null("timestamp('UTC', 6)")
    whole = joined.its_pool.notnull()
    return joined.mutate(at=ibis.ifelse(whole, never, joined.start)).select(*_WINDOWED)


_OPENED: Final = {
    "its_basis": "string", "its_pool": "string", "its_cell": "string", "its_month": "string",
    "its_at": "timestamp", "group": "int64",
}  # fmt: skip
_ENTERED: Final = {
    "its_basis": "string", "its_pool": "string", "its_cell": "string", "its_start": "timestamp",
    "group": "int64",
}  # fmt: skip


def parts(engine: Engine, opened: Mapping[Entry, int]) -> tuple[ir.Table, ir.Table]:
    """Return the rows of the table ``parts``: each part with the group its entry opened.

    First those that are all of their line, then those of lines that may have several.
    """
    rows = [
        (e.basis, e.pool, e.cell, e.window.first.isoformat()[:7],
         e.window.span.start if e.window.grain == "day" else None, number)
        for e, number in opened.items()
    ]  # fmt: skip
    engine.load("opened", _OPENED, rows)
    engine.create("entered", _entered(), _ENTERED)
    return _with_groups(plain()), _with_groups(named("spread_rest", SPREAD))


def _with_groups(found: ir.Table) -> ir.Table:
    made = named("entered", _ENTERED)
    joined = found.join(
        made,
        [
            found.basis == made.its_basis,
            found.pool == made.its_pool,
            found.cell == made.its_cell,
            found.start == made.its_start,
        ],
    )
    return joined.select(*(column.name for column in PARTS.columns))


def _entered() -> ir.Table:
    """Return the group of each day's sum."""
    found, made = named("windowed", _WINDOWED), named("opened", _OPENED)
    joined = found.join(
        made,
        [
            found.basis == made.its_basis,
            found.pool == made.its_pool,
            found.cell == made.its_cell,
            found.month == made.its_month,
            found["at"].identical_to(made.its_at),
        ],
    )
    return joined.select("its_basis", "its_pool", "its_cell", "group", its_start=joined.start)


def named_units(engine: Engine, model: Model) -> set[tuple[str, str]]:
    """Return every (level, name) that a direct pool's lines or overhead weights name."""
    units = {
        (pool.overhead.attribute, name)
        for pool in model.pools
        if pool.overhead
        for name, _ in pool.overhead.weights
    }
    rows = named("daily", _DAILY)
    for pool in model.pools:
        if pool.direct:
            cells = engine.rows(rows.filter(rows.pool == pool.name).select("cell").distinct())
            names = [json.loads(cell, strict=False)[0] for (cell,) in cells]
            units |= {(pool.direct.level, name) for name in names if name is not None}
    return units
