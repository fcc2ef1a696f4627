"""A question about cost in the words of the stored tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from percapita.core.periods import month_label, next_month
from percapita.measure.question import Dimension, Question, alike
from percapita.measure.units import Days
from percapita.report.opened import Opened
from percapita.store.read.rollup import Cut


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
    )
    return Plan(question, opened.days(question.period), receivers, times, lines, free, cut)


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
    from percapita.report.explain.who import subject  # noqa: PLC0415 only such filters need it

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
