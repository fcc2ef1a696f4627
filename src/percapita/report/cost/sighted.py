"""What a role may ask of the figures: who may not see people gets none by way of a cut or filter.

A reader who sees groups only may not choose filters, days or runs either: two answers that differ
by one person would tell what that person costs. For the same reason they see whole months only,
with enough people in each, and no line of erased people alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from percapita.core.errors import InputError, nearest
from percapita.core.money import ZERO, total
from percapita.core.periods import Period, Span, midnight
from percapita.core.roles import Sight
from percapita.core.subjects import TENANT, USER
from percapita.measure.cohorts import Shown, blocks, merged, shown
from percapita.measure.cost import Key
from percapita.measure.figures import Figure, cut
from percapita.measure.question import POOL_FACTS, Dimension, Question, ask
from percapita.measure.units import Units
from percapita.model.spec import Model
from percapita.report.cost import answer as whole
from percapita.report.cost.answer import Answer
from percapita.report.cost.denominators import units_of, wide_subjects
from percapita.report.cost.plan import plan_of
from percapita.report.opened import Opened

_MONTHS: Final = frozenset({"month", "billing period"})
_NOBODY: Final = ("anonymous", "bots", "erased")
"""Named lines of cost that falls on somebody who has no name."""


class NotForRoleError(InputError):
    """A question that whoever asks may not have answered."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"Your role does not see {what}.",
            hint="It sees groups of people, month by month. Ask somebody whose role is finance.",
        )


def answer(opened: Opened, question: Question, sight: Sight) -> Answer:
    """Answer a question as far as a role may know it.

    Raises:
        NotForRoleError: it asks for more than the role may see.
        InputError: nothing was spent in the period, or a filter names nobody.
    """
    if sight.people:
        return whole.answer(opened, question, revenue=sight.revenue)
    check(question, opened.model, sight)
    _check_months(opened, question, sight)
    found = whole.answer(opened, replace(question, top=None, skip=0), revenue=sight.revenue)
    rows = _together(opened, found, sight)
    said = (f"Groups of fewer than {sight.fewest} people are shown together with others.",)
    # What is shown together has no interval: those of its parts do not add up.
    vague = dict.fromkeys((row.key for row in rows if row.merged), None)
    alone = {row.key for row in rows if not row.merged}
    known = {key: one for key, one in found.sure.rows.items() if key in alone}
    return replace(
        found,
        figures=replace(
            found.figures,
            rows=cut(rows, question.top, skip=question.skip),
            named=_nobody_alone(found.figures.named),
        ),
        sure=replace(found.sure, rows={**known, **vague} if found.sure.rows else {}),
        notes=(*found.notes, *(said if any(row.merged for row in rows) else ())),
    )


def _check_months(opened: Opened, question: Question, sight: Sight) -> None:
    """Refuse parts of months, and months of few people: their total is about them alone."""
    period = question.period
    if period is not None and not _whole_months(opened, period):
        raise NotForRoleError("figures of other periods than whole months")
    for month in opened.runs:
        days = opened.period(month)
        if period is not None and days is not None and not days.span.overlap(period.span):
            continue
        if not crowded(opened, month, sight):
            raise NotForRoleError(f"{month}, in which fewer than {sight.fewest} people were active")


def _whole_months(opened: Opened, period: Period) -> bool:
    days = opened.days(period)
    return days.first.day == days.last.day == 1 and period.span == Span(
        midnight(days.first, opened.zone), midnight(days.last, opened.zone)
    )


def crowded(opened: Opened, month: str, sight: Sight) -> bool:
    """Tell whether so many people were active in a month that a reader may see its figures."""
    if sight.people or not any(unit.subject == USER for unit in opened.model.units):
        return True
    heads = _heads(opened, month, segments(opened.model, sight))[1]
    return heads.total is None or heads.total >= sight.fewest


def _nobody_alone(named: Mapping[str, Decimal]) -> Mapping[str, Decimal]:
    """Return the named lines with those of nobody known as one: one of them may be one person.

    Raises:
        NotForRoleError: there are erased people and nobody to hide them among.
    """
    known = {name: amount for name, amount in named.items() if name not in _NOBODY}
    if named.get("erased") and not (named.get("anonymous") or named.get("bots")):
        raise NotForRoleError("figures in which erased people are the only ones without a name")
    return {" + ".join(_NOBODY): total([named.get(one, ZERO) for one in _NOBODY]), **known}


def _together(opened: Opened, found: Answer, sight: Sight) -> Sequence[Figure]:
    """Return the rows of an answer, groups of few people put together."""
    by, rows = found.question.by, found.figures.rows
    places = [at for at, one in enumerate(by) if one.place == "attribute"]
    if not places:
        return rows
    place = places[0]
    timed = next((at for at, one in enumerate(by) if one.source in _MONTHS), None)
    period = found.question.period
    asked = period.label if period else ""
    months = {row.key: asked if timed is None else str(row.key[timed]) for row in rows}
    known = {m: _shown(opened, m, by[place].name, sight) for m in sorted(set(months.values()))}
    alone = {row.key: (row.key[place],) for row in rows}
    together = {row.key: known[months[row.key]].get(row.key[place], alone[row.key]) for row in rows}
    made = merged(rows, place, together, counted=not found.figures.overlap)
    return made if timed is not None else sorted(made, key=lambda row: -row.cost.total)


def _shown(opened: Opened, month: str, name: str, sight: Sight) -> Shown:
    """Tell which groups of a month are shown together, looking at all that viewers see of it."""
    named = segments(opened.model, sight)
    question, counted = _heads(opened, month, named)
    values = dict.fromkeys(_with_cost(opened, question), 0) | dict(counted.rows)
    made = blocks(values, fewest=sight.fewest, overlap=counted.overlap or 0)
    return shown(made, named.index(name))


def _heads(opened: Opened, month: str, by: Sequence[str]) -> tuple[Question, Units]:
    """Count the people of a month; who comes every day is one."""
    unit = next((one for one in opened.model.units if one.subject == USER), opened.model.primary)
    question = ask(opened.model, by=by, period=opened.period(month), basis=opened.basis)
    question = replace(question, unit=replace(unit, window="month"))
    return question, units_of(opened, plan_of(opened, question), wide_subjects(opened))


def _with_cost(opened: Opened, question: Question) -> Sequence[Key]:
    """Return every combination that cost falls on, whether anybody of it was active or not."""
    return [row.key for row in whole.answer(opened, question, revenue=False).figures.rows]


def cuts(model: Model, sight: Sight) -> list[str]:
    """Return what may be asked for by who may not see people."""
    tenants = [TENANT] if sight.tenants else []
    return [*segments(model, sight), *tenants, "pool", *POOL_FACTS, "month", "billing period"]


def check_beside(sight: Sight, *, run: str = "", distribution: bool = False) -> None:
    """Refuse another run than the published one, and what is made of single people.

    Raises:
        NotForRoleError: two runs may differ by one person.
    """
    if run and not sight.people:
        raise NotForRoleError("runs other than the published one")
    if distribution and not sight.people:
        raise NotForRoleError("how cost is spread over people")


def check(question: Question, model: Model, sight: Sight) -> None:
    """Refuse a question that may single somebody out.

    Raises:
        NotForRoleError: it may.
    """
    if question.where:
        raise NotForRoleError("figures behind a filter")
    for at in question.by:
        if not _may_cut(at, model, sight):
            raise NotForRoleError(f"cost by {at.name}")
    groups = [at.name for at in question.by if at.place in ("attribute", "subject")]
    if len(groups) > 1:
        raise NotForRoleError(f"cost by {' and '.join(groups)} together")
    by_month = any(at.source in _MONTHS for at in question.by)
    if groups and not by_month and not _is_month(question):
        raise NotForRoleError("groups of people over other periods than a month")


def segments(model: Model, sight: Sight) -> list[str]:
    """Return the segments that people are grouped by where they may not be seen.

    Raises:
        InputError: percapita.yaml names one that the model has not.
    """
    known = [segment.name for segment in model.segments]
    for name in sight.segments:
        if name not in known:
            said = f"percapita.yaml names {name!r} for viewers, which the model has not."
            raise InputError(said, hint=nearest(name, known))
    return list(sight.segments) or known[:1]


def _may_cut(at: Dimension, model: Model, sight: Sight) -> bool:
    if at.place == "attribute":
        return at.name in segments(model, sight)
    if at.place == "subject":
        return at.source == TENANT and sight.tenants
    return at.place in ("pool", "group") or at.source == "month"


def _is_month(question: Question) -> bool:
    label = question.period.label if question.period else ""
    return len(label) == len("2025-10") and label[4] == "-" and label.replace("-", "").isdigit()
