"""Reads the units of a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from percapita.core.subjects import NOBODY, SEGMENT, TENANT
from percapita.core.tables import ACTIVITY, COUNTS, PRESENCE, SLICES
from percapita.measure.question import Dimension
from percapita.measure.units import Given, Observed, Units, units
from percapita.report.cost.plan import Plan, buckets
from percapita.report.opened import Opened
from percapita.store import claimed
from percapita.store.read import units as read_units
from percapita.store.read.units import Counting, Named


def wide_subjects(opened: Opened) -> list[Named]:
    """Return the subjects that stand for many users."""
    return [Named(*one) for one in opened.store.door.named((SEGMENT, TENANT))]


def units_of(opened: Opened, plan: Plan, named: Sequence[Named]) -> Units:
    """Count the units of a question."""
    opened.bind(ACTIVITY, PRESENCE, SLICES)
    rows, total = read_units.activity(opened.engine, counting(plan), counted=opened.heads)
    order = [at for at in plan.question.unit_dimensions if at.place != "time"]
    order += [at for at in plan.question.unit_dimensions if at.place == "time"]
    places = [order.index(at) for at in plan.question.unit_dimensions]
    by_key = {tuple(shown(key[p]) for p in places): n for key, n in rows}
    observed = Observed(by_key, total, known=not total and _measured(opened, plan))
    return units(
        plan.question,
        plan.days,
        buckets(plan),
        observed=observed,
        given=_given(opened, plan, named),
    )


def _measured(opened: Opened, plan: Plan) -> bool:
    """Tell whether usage names subjects of the unit's kind throughout: then none is none."""
    unit, days = plan.question.unit, plan.days
    if not unit.subject:
        return False
    claimed.bind(opened.store, opened.zone, run=opened.last_run)
    meters = [driver.meter for driver in unit.active]
    return read_units.measured(opened.engine, unit.subject, meters, days.first, days.last)


def counting(plan: Plan) -> Counting:
    """Say which activity counts."""
    question = plan.question
    unit = question.unit
    return Counting(
        unit=unit.name,
        metered=unit.meter is not None,
        window="day" if unit.window == "hour" else unit.window,
        first=plan.days.first,
        last=plan.days.last,
        receivers=tuple(place(at) for at in question.unit_dimensions if at.place != "time"),
        times=tuple(at.source for at in question.unit_dimensions if at.place == "time"),
        where=tuple((*place(at), _known(at, v)) for at, v in question.where if at.counts),
        without={at.source: value for at, value in plan.free.items()},
    )


def place(at: Dimension) -> tuple[str, str]:
    """Return where a dimension stands, and its name there."""
    return at.place, at.source


def _known(at: Dimension, value: str | None) -> str | int | None:
    return int(value) if at.place == "subject" and value is not None else value


def shown(value: Any) -> str | None:  # noqa: ANN401
    """Return a value as rows are keyed by it."""
    return None if value is None else str(value)


def _given(opened: Opened, plan: Plan, named: Sequence[Named]) -> list[Given]:
    """Return the head counts that were given, those of a free tier that is no product left out."""
    opened.bind(COUNTS)
    unit = plan.question.unit
    rows = read_units.counts(opened.engine, unit.name, primary=unit == opened.model.primary)
    who = {item.subject: item for item in named}
    free = {(at.source, value) for at, value in plan.free.items()}
    found = []
    for subject, start, end, count in rows:
        attribute, value = _counted(who.get(subject), plan)
        known = subject == NOBODY or attribute
        if known and (attribute, value) not in free:
            found.append(Given(attribute, value, start, end, count))
    return found


def _counted(item: Named | None, plan: Plan) -> tuple[str, str]:
    """Return the attribute and value that were counted; empty is everyone."""
    if item is None:
        return "", ""
    if item.kind == SEGMENT:
        attribute, _, value = item.label.partition("=")
        return attribute, value
    by_number = any(at.place == "subject" and at.source == TENANT for at in plan.receivers)
    return TENANT, str(item.subject) if by_number else item.label
