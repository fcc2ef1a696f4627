"""How many were active in a day, a week or a month: activity, counted once for all questions.

Heads do not add up: who is there on two days is one head, and who changes plan is one head in
either plan. Subjects are therefore counted by all slices that they were in within a piece of
time, so that any cut by attributes counts each of them once.
"""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.core.subjects import NOBODY
from percapita.core.tables import ACTIVITY, PRESENCE
from percapita.model.spec import Model
from percapita.plugins import Engine, named, stored

GRAINS: Final = ("day", "week", "month")
_SPANS: Final = {
    "unit": "string", "first": "date", "subject": "int64", "low": "int64", "high": "int64",
}  # fmt: skip
_CHANGING: Final = {"unit": "string", "subject": "int64"}


def presence(engine: Engine, model: Model) -> ir.Table:
    """Return the rows of the table ``presence``, from the activity of the same run and period.

    Weeks are counted for units that have one as their window. Their pieces end with the month.
    """
    rows = _subjects()
    engine.create("presence_months", _spans(rows), _SPANS)
    months = named("presence_months", _SPANS)
    changing = months.filter(months.low != months.high).select("unit", "subject").distinct()
    engine.create("presence_changing", changing, _CHANGING)
    steady = months.filter(months.low == months.high)
    by_month = steady.group_by("unit", "first", slices=steady.low.cast("string")).agg(
        subjects=steady.count()
    )
    weekly = [unit.name for unit in model.units if unit.window == "week"]
    pieces = [_row("month", by_month), _row("day", _days(rows)), _row("week", _weeks(rows, weekly))]
    pieces += [_row(grain, _moving(rows, grain, weekly)) for grain in GRAINS]
    return ibis.union(*pieces)


def _subjects() -> ir.Table:
    rows = stored(ACTIVITY)
    return rows.filter(rows.subject > NOBODY).select("unit", "day", "subject", "slice")


def _first(rows: ir.Table, grain: str) -> ir.DateValue:
    """Return the first day of the piece of time that a row lies in; a week's lies in its month."""
    month = rows.day.truncate("M")
    if grain == "month":
        return month
    return rows.day if grain == "day" else ibis.greatest(rows.day.truncate("W"), month)


def _spans(rows: ir.Table) -> ir.Table:
    months = rows.mutate(first=_first(rows, "month"))
    return months.group_by("unit", "first", "subject").agg(
        low=months.slice.min(), high=months.slice.max()
    )


def _steady(rows: ir.Table) -> ir.Table:
    """Return the rows of subjects that stay in one slice for a whole month."""
    changing = named("presence_changing", _CHANGING)
    return rows.anti_join(changing, ["unit", "subject"])


def _days(rows: ir.Table) -> ir.Table:
    steady = _steady(rows)
    # Usage of a whole month stands on its first day, beside the usage of that day.
    twice = steady.day == steady.day.truncate("M")
    once = ibis.union(steady.filter(~twice), steady.filter(twice).distinct())
    counted = once.group_by("unit", "day", "slice").agg(subjects=once.count())
    return counted.select(
        "unit", "subjects", first=counted.day, slices=counted.slice.cast("string")
    )


def _weeks(rows: ir.Table, weekly: list[str]) -> ir.Table:
    steady = _steady(rows.filter(rows.unit.isin(weekly or [""])))
    weeks = steady.select("unit", "subject", "slice", first=_first(steady, "week")).distinct()
    return weeks.group_by("unit", "first", slices=weeks.slice.cast("string")).agg(
        subjects=weeks.count()
    )


def _moving(rows: ir.Table, grain: str, weekly: list[str]) -> ir.Table:
    """Count subjects that change within a month: by all slices they have in each piece of it."""
    if grain == "week":
        rows = rows.filter(rows.unit.isin(weekly or [""]))
    changing = named("presence_changing", _CHANGING)
    moving = rows.semi_join(changing, ["unit", "subject"])
    seen = moving.select("unit", "subject", "slice", first=_first(moving, grain)).distinct()
    each = seen.group_by("unit", "first", "subject").agg(
        slices=seen.slice.cast("string").group_concat(",", order_by=seen.slice)
    )
    return each.group_by("unit", "first", "slices").agg(subjects=each.count())


def _row(grain: str, counted: ir.Table) -> ir.Table:
    return counted.mutate(grain=ibis.literal(grain)).select(*PRESENCE.names)
