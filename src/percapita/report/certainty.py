"""How sure a figure is that explain follows: the interval that sampled usage leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from percapita.attribute.sampling import CONFIDENCE
from percapita.core.money import text
from percapita.core.subjects import SESSION, TENANT, USER
from percapita.measure.question import Dimension, ask, dimension
from percapita.report.cost.doubt import Sure, is_sampled, sure
from percapita.report.cost.plan import plan_of
from percapita.report.cost.spending import spending
from percapita.report.explain.who import Sought
from percapita.report.numbers import amount
from percapita.report.opened import Opened


def interval(opened: Opened, sought: Sought, period: str | None, pool: str) -> dict[str, Any]:
    """Return ``interval`` for ``meta`` where the figure depends on sampled usage, else nothing."""
    if not is_sampled(opened):
        # Only sampled usage pays for reading what everybody got.
        return {}
    where = [(dimension(name, opened.model), value) for name, value in sought.attributes.items()]
    if sought.subjects:
        kind = str(sought.shown.get("subject_kind"))
        if kind not in (USER, SESSION, TENANT):
            return {}
        where = [(Dimension(kind, "subject", kind), str(sought.subjects[0]))]
    if pool:
        where.append((Dimension("pool", "pool", "pool"), pool))
    model = opened.model
    whole = ask(model, period=opened.period(period), basis=opened.basis)
    plan = plan_of(opened, replace(whole, where=tuple(where)))
    spent = spending(opened, plan)
    found = _told(sure(opened, plan, spent.costs.rows, spent.periods), model.currency)
    return {} if found is None else {"interval": found}


def _told(found: Sure, currency: str) -> dict[str, Any] | None:
    """Return the interval of a question without rows of its own, and where it comes from."""
    if () not in found.rows:
        return None
    bounds = found.rows[()]
    sampled = f"usage is sampled: {', '.join(found.sources)}"
    if bounds is None:
        why = f"Not enough data: {sampled}, and too few traces were kept to tell."
    else:
        low, high = (amount(bound) for bound in (bounds.low, bounds.high))
        why = f"Between {low} and {high} {currency}, with {CONFIDENCE} %: {sampled}."
    return {
        "confidence": CONFIDENCE,
        "enough": bounds is not None,
        "low": text(bounds.low) if bounds else None,
        "high": text(bounds.high) if bounds else None,
        "why": why,
    }
