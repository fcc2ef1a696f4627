"""A question about cost in the words of the stored tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from percapita.core.periods import month_label, next_month
from percapita.core.subjects import CLASS_OF_KIND
from percapita.measure.cost import pool_value
from percapita.measure.question import FULL, SCOPES, Dimension, Question, alike
from percapita.measure.units import Days
from percapita.model.spec import Model
from percapita.report.opened import Opened
from percapita.store.read.cut import Cut, Top


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be read to answer a question."""

    question: Question
    days: Days
    receivers: tuple[Dimension, ...]
    times: tuple[Dimension, ...]
    lines: tuple[Dimension, ...]
    free: Mapping[Dimension, str]
    """Where the free tier is acquisition: what its receivers have; else empty."""
    cut: Cut

    @property
    def parts(self) -> tuple[Dimension, ...]:
        """Times, then lines: the order of ``Amount.parts``."""
        return (*self.times, *self.lines)


def plan_of(opened: Opened, question: Question) -> Plan:
    """Look at what a question needs."""
    model = opened.model
    free = {}
    if model.free_tier == "acquisition":
        free = {Dimension(name, "attribute", name): value for name, value in model.free.items()}
    dimensions = tuple(dict.fromkeys((*question.dimensions, *free)))
    receivers = tuple(at for at in dimensions if at.of_receiver)
    times = tuple(at for at in dimensions if at.place == "time")
    lines = tuple(at for at in dimensions if at.place == "line")
    cut = Cut(
        basis=opened.basis,
        zone=model.timezone,
        span=question.period.span if question.period else None,
        receivers=tuple((at.place, at.source) for at in receivers),
        lines=tuple(at.source for at in lines),
        times=tuple(at.source for at in times),
        pools=alike(question, model),
        billing=any(at.place == "group" for at in dimensions),
        only=tuple((at.source, v) for at, v in question.where if at.place == "attribute" and v),
    )
    return Plan(question, opened.days(question.period), receivers, times, lines, free, cut)


def top_of(plan: Plan, model: Model) -> Top | None:
    """Return what rows are of, where a question asks for its dearest subjects and nothing finer."""
    question = plan.question
    alone = len(question.by) == 1 and question.by[0].place == "subject"
    if not (question.top and alone) or plan.times or plan.lines or plan.free:
        return None
    where = [(at, value) for at, value in question.where if at.of_receiver]
    said = [(at, value) for at, value in question.where if at.place == "pool"]
    if len(where) + len(said) < len(question.where):
        return None
    pools = None
    if said or question.scope != FULL:
        within = SCOPES[question.scope][1]
        pools = tuple(
            pool.name for pool in model.pools
            if within(pool) and all(pool_value(pool, at) == value for at, value in said)
        )  # fmt: skip
    return Top(
        plan.receivers.index(question.by[0]), question.top, question.skip, pools,
        tuple((plan.receivers.index(at), _typed(at, value)) for at, value in where),
        tuple(CLASS_OF_KIND),
    )  # fmt: skip


def _typed(at: Dimension, value: str | None) -> str | int | None:
    return int(value) if at.place == "subject" and value is not None else value


def resolved(opened: Opened, question: Question) -> Question:
    """Replace the subjects that filters name by their numbers.

    Raises:
        UnknownSubjectError: nobody is known by that name.
    """
    where = tuple((at, _number(opened, at, value)) for at, value in question.where)
    return replace(question, where=where)


def _number(opened: Opened, at: Dimension, value: str | None) -> str | None:
    if at.place != "subject" or value is None:
        return value
    from percapita.report.sought import subject  # noqa: PLC0415 only such filters need it

    return str(subject(opened, value).subjects[0])


def buckets(plan: Plan) -> dict[str, Days]:
    """Return the finest pieces of time that the question cuts by, each with its days."""
    wanted = {at.source for at in plan.question.by if at.place == "time"}
    if not wanted:
        return {}
    if "day" in wanted:
        return {day.isoformat(): Days(day, day + timedelta(days=1)) for day in _each_day(plan.days)}
    found: dict[str, Days] = {}
    first = plan.days.first
    while first < plan.days.last:
        last = min(next_month(first), plan.days.last)
        found[month_label(first)] = Days(first, last)
        first = last
    return found


def _each_day(days: Days) -> Iterable[date]:
    return (days.first + timedelta(days=at) for at in range((days.last - days.first).days))
