"""Who was active, and how many units were metered, in one window."""

from __future__ import annotations

from datetime import date
from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.core.subjects import NOBODY
from percapita.core.tables import COUNTS, INTERVALS, SLICES, USED
from percapita.model.match import reads
from percapita.model.spec import Driver, Model, Unit
from percapita.plugins import Engine, named, stored

ACTIVE: Final = {"subject": "int64", "slice": "int64", "w": "int64"}


def activity(engine: Engine, model: Model, day: date) -> ir.Table:
    """Return the window's rows of the table ``activity``: each unit of the model, counted anew."""
    counted = [_unit(unit) for unit in model.units]
    engine.view("counted", ibis.union(*counted))
    return named("counted", _COUNTED).mutate(day=ibis.literal(day))


_COUNTED: Final = {"unit": "string", "subject": "int64", "slice": "int64", "quantity": "int64"}


def _unit(unit: Unit) -> ir.Table:
    rows = _metered(unit.meter) if unit.meter else _present(unit)
    return rows.mutate(unit=ibis.literal(unit.name)).select(*_COUNTED)


def _metered(driver: Driver) -> ir.Table:
    rows = named("used", USED)
    rows = rows.filter(reads(rows, driver))
    return rows.group_by("slice").agg(quantity=rows.w.sum()).mutate(
        subject=ibis.literal(NOBODY, type="int64")
    )  # fmt: skip


def _present(unit: Unit) -> ir.Table:
    """Return the distinct subjects of the unit's kind that used anything that counts."""
    rows = named("used", USED)
    rows = rows.filter(rows.subject > NOBODY)
    if unit.active:
        verdict: ir.BooleanValue = ibis.literal(False)
        for driver in unit.active:
            verdict = verdict | reads(rows, driver)
        rows = rows.filter(verdict)
    rows = rows.select("subject", "slice").distinct()
    kinds = stored(SLICES).select(number="slice", kind="kind")
    rows = rows.join(kinds, rows.slice == kinds.number)
    rows = rows.filter(rows.kind == unit.subject, rows.kind.notin(list(unit.exclude) or [""]))
    return rows.select("subject", "slice", quantity=ibis.literal(1, type="int64"))


def active(engine: Engine, model: Model, first: date, last: date) -> None:
    """Make the table ``active`` of one window: the primary unit's subjects, each with weight 1.

    Head counts that were given for a time that holds the whole window win over what was observed:
    the segment that was counted weighs as many as it has.
    """
    given = _given(model, first, last)
    if engine.create("active", given, ACTIVE):
        return
    meter = model.primary.meter
    seen = _metered(meter) if meter else _present(model.primary)
    engine.create("active", seen.select("subject", "slice", w=seen.quantity), ACTIVE)


def _given(model: Model, first: date, last: date) -> ir.Table:
    rows = stored(COUNTS)
    wanted = rows.unit.isnull() | (rows.unit == model.primary.name)
    covers = (rows.start.date() <= ibis.literal(first)) & (rows["end"].date() >= ibis.literal(last))
    rows = rows.filter(wanted, covers, rows["count"] > 0, rows.subject > NOBODY)
    held = named("intervals", INTERVALS)
    held = held.group_by("subject").agg(slice=held.slice.max())
    held = held.select("slice", who=held.subject)
    joined = rows.left_join(held, rows.subject == held.who)
    return joined.select("subject", slice=joined.slice.fill_null(0), w=joined["count"])
