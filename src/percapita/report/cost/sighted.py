"""What a role may ask of the figures: who may not see people gets none by way of a cut or filter.

A reader who sees groups only may not choose filters, days or runs either: two answers that differ
by one person would tell what that person costs.
"""

from __future__ import annotations

from percapita.core.errors import InputError
from percapita.core.roles import Sight
from percapita.core.subjects import TENANT
from percapita.measure.question import POOL_FACTS, Dimension, Question
from percapita.model.spec import Model
from percapita.report.cost import answer as whole
from percapita.report.cost.answer import Answer
from percapita.report.opened import Opened


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
    if not sight.people:
        check(question, opened.model, sight)
    return whole.answer(opened, question, revenue=sight.revenue)


def cuts(model: Model, sight: Sight) -> list[str]:
    """Return what may be asked for by who may not see people."""
    tenants = [TENANT] if sight.tenants else []
    return [*_segments(model), *tenants, "pool", *POOL_FACTS, "month", "billing period"]


def check_run(sight: Sight) -> None:
    """Refuse another run than the published one.

    Raises:
        NotForRoleError: two runs may differ by one person.
    """
    if not sight.people:
        raise NotForRoleError("runs other than the published one")


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
    by_month = any(at.source in {"month", "billing period"} for at in question.by)
    if groups and not by_month and not _is_month(question):
        raise NotForRoleError("groups of people over other periods than a month")


def _segments(model: Model) -> list[str]:
    return [segment.name for segment in model.segments[:1]]


def _may_cut(at: Dimension, model: Model, sight: Sight) -> bool:
    if at.place == "attribute":
        return at.name in _segments(model)
    if at.place == "subject":
        return at.source == TENANT and sight.tenants
    return at.place in ("pool", "group") or at.source == "month"


def _is_month(question: Question) -> bool:
    label = question.period.label if question.period else ""
    return len(label) == len("2025-10") and label[4] == "-" and label.replace("-", "").isdigit()
