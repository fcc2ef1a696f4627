"""The answer to one question about cost, gathered from the stored run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from percapita.core.errors import InputError
from percapita.core.money import total
from percapita.core.tables import ACTIVITY, SLICES
from percapita.measure.distribution import Distribution, Spent, distribution
from percapita.measure.figures import Figures, figures
from percapita.measure.question import FULL, Dimension, Question
from percapita.report.adjustments import Booked, booked_within, reminders
from percapita.report.cost.denominators import counting, units_of, wide_subjects
from percapita.report.cost.doubt import Sure, sure
from percapita.report.cost.earnings import earned_of
from percapita.report.cost.plan import plan_of, resolved
from percapita.report.cost.spending import spending
from percapita.report.opened import Opened
from percapita.store.catalog.people import people
from percapita.store.read import units as read_units


@dataclass(frozen=True, slots=True)
class Answer:
    """Figures, and what a statement says about them."""

    question: Question
    opened: Opened
    figures: Figures
    complete_through: datetime | None
    runs: tuple[str, ...]
    names: Mapping[str, str]
    """What subjects in the rows are called, by number as text: label or pseudonym."""
    missing: tuple[str, ...]
    """``units``, ``revenue``."""
    notes: tuple[str, ...]
    sure: Sure = field(default_factory=Sure)
    """How sure rows are, where usage is sampled."""
    booked: tuple[Booked, ...] = ()
    """Restatements of closed months that are booked in the period; beside the bill total."""

    @property
    def booked_total(self) -> Decimal:
        """The bill total and what is booked beside it."""
        return total([self.figures.bill_total, *(one.amount for one in self.booked)])


@dataclass(frozen=True, slots=True)
class Spread:
    """How cost is spread over the subjects of one kind."""

    question: Question
    opened: Opened
    kind: str
    distribution: Distribution
    names: Mapping[str, str]
    """Of the dearest."""


def answer(opened: Opened, question: Question, *, revenue: bool = True) -> Answer:
    """Answer a question; without ``revenue`` as if nobody paid anything.

    Raises:
        InputError: nothing was spent in the period, or a filter names nobody.
        ProofError: the figures do not sum to the bill.
    """
    asked = resolved(opened, question)
    plan = plan_of(opened, asked)
    spent = spending(opened, plan)
    named = wide_subjects(opened)
    unsure = sure(opened, plan, spent.costs.rows, spent.periods)
    counted = units_of(opened, plan, named)
    income, remarks = earned_of(opened, plan, named) if revenue else (None, [])
    result = figures(
        asked, opened.model, costs=spent.costs, units=counted, earned=income, days=plan.days
    )
    # What was booked is known by pool and receiver, but not what a filter or a scope would leave.
    whole = not asked.where and asked.scope == FULL
    booked = booked_within(opened, asked.period) if whole else []
    missing = (["units"] if counted.total is None else []) + (["revenue"] if income is None else [])
    return Answer(
        question=asked,
        opened=opened,
        figures=result,
        complete_through=spent.complete_through,
        runs=_runs(opened, spent.periods),
        names=_names(opened, result, asked),
        missing=tuple(missing),
        notes=(*opened.notes, *reminders(opened, booked), *remarks, *result.notes, *unsure.notes),
        sure=unsure,
        booked=tuple(booked),
    )


def spread(opened: Opened, question: Question) -> Spread:
    """Tell how the cost that a question's filters and scope leave is spread over its units.

    Raises:
        InputError: the question's unit is metered, so nobody can be told apart.
    """
    unit = question.unit
    if not unit.subject:
        raise InputError(
            f"{unit.name} is metered: its cost has no distribution over subjects.",
            hint="Name another unit with --unit.",
        )
    who = Dimension(unit.subject, "subject", unit.subject)
    alone = Question((who,), question.where, question.scope, unit, question.period, question.basis)
    plan = plan_of(opened, resolved(opened, alone))
    spent = spending(opened, plan)
    opened.bind(ACTIVITY, SLICES)
    days = read_units.active_days(opened.engine, counting(plan))
    rows = [
        Spent(int(key[0]), cost.total, days.get(int(key[0]), 0))
        for key, cost in spent.costs.rows.items()
        if key[0] is not None
    ]
    found = distribution(rows, top=question.top or 10, active=len(days))
    names = _called(opened, (item.subject for item in found.top))
    return Spread(question, opened, unit.subject, found, names)


def _runs(opened: Opened, periods: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(opened.runs[period] for period in periods))


def _names(opened: Opened, found: Figures, question: Question) -> dict[str, str]:
    places = [at for at, part in enumerate(question.by) if part.place == "subject"]
    if not places:
        return {}
    keys = {row.key[at] for row in found.rows for at in places}
    return _called(opened, (int(key) for key in keys if key is not None))


def _called(opened: Opened, numbers: Iterable[int]) -> dict[str, str]:
    found = people(opened.store.catalog, numbers)
    return {str(n): who.label or who.pseudonym or f"#{n}" for n, who in found.items()}
