"""How sure a figure is that explain follows: the interval that sampled usage leaves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from percapita.attribute.sampling import CONFIDENCE
from percapita.core.money import text, total
from percapita.core.subjects import SESSION, TENANT, USER
from percapita.core.tables import GROUPS
from percapita.measure.cost import Amounts
from percapita.measure.question import Dimension, ask, dimension
from percapita.report.cost.doubt import Sure, sure
from percapita.report.cost.plan import plan_of
from percapita.report.cost.sampled import is_sampled
from percapita.report.explain.found import Down
from percapita.report.numbers import amount
from percapita.report.opened import Opened
from percapita.report.sought import Sought
from percapita.store.read.rollup import Reader


def interval(
    opened: Opened, sought: Sought, period: str | None, pool: str, found: Down
) -> dict[str, Any]:
    """Return ``interval`` for ``meta`` where the figure depends on sampled usage, else nothing."""
    kind = sought.shown.get("subject_kind")
    if (sought.subjects and kind not in (USER, SESSION, TENANT)) or not is_sampled(opened):
        return {}
    where = [(dimension(name, opened.model), value) for name, value in sought.attributes.items()]
    if pool:
        where.append((Dimension("pool", "pool", "pool"), pool))
    model = opened.model
    whole = ask(model, period=opened.period(period), basis=opened.basis)
    plan = plan_of(opened, replace(whole, where=tuple(where)))
    opened.bind(GROUPS)
    periods = Reader(opened.engine, plan.cut).periods()
    told = sure(opened, plan, {(): _amounts(opened, found)}, periods, sought.subjects)
    named = _told(told, model.currency)
    return {} if named is None else {"interval": named}


def _amounts(opened: Opened, found: Down) -> Amounts:
    """Return what was explained, overhead apart."""
    even = {pool.name for pool in opened.model.pools if pool.method == "overhead"}
    parts: dict[bool, list[Decimal]] = {False: [], True: []}
    for one in found.shares:
        parts[one.group.pool in even].append(one.amount)
    return Amounts(shared=total(parts[False]), overhead=total(parts[True]))


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
