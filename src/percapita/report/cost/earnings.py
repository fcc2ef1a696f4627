"""Reads the revenue of a question, in the model's currency."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from percapita.bills.converting import Foreign, MissingRateError
from percapita.core.money import stored
from percapita.core.rates import exact_product
from percapita.core.tables import REVENUE, SEGMENTS
from percapita.measure.revenue import Earned, Paid, earned
from percapita.measure.units import Days
from percapita.report.cost.denominators import place, shown
from percapita.report.cost.plan import Plan
from percapita.report.opened import Opened
from percapita.store.read import revenue as read_revenue
from percapita.store.read.revenue import Asked
from percapita.store.read.units import Named


def earned_of(
    opened: Opened, plan: Plan, named: Sequence[Named]
) -> tuple[Earned | None, list[str]]:
    """Return the revenue of a question and remarks; ``None`` where there is none at all."""
    opened.bind(REVENUE, SEGMENTS)
    model, days = opened.model, plan.days
    remarks = _converted(opened, days)
    if not read_revenue.touched(opened.engine, days.first, days.last):
        return None, remarks
    receivers = [at for at in plan.question.dimensions if at.of_receiver]
    asked = Asked(
        days.first, days.last, tuple(place(at) for at in receivers),
        model.segments, named,
    )  # fmt: skip
    paid = (
        Paid(
            dict(zip(receivers, map(shown, row.receivers), strict=True)),
            row.start, row.end, row.amount, row.times, row.day,
        )
        for row in read_revenue.payments(opened.engine, asked)
    )  # fmt: skip
    return earned(paid, plan.question, days), remarks


def _converted(opened: Opened, days: Days) -> list[str]:
    """Make ``earnings`` of the revenue in the model's currency, and say what is not in it.

    Raises:
        MissingRateError: rates are named, and one that is needed is not there.
    """
    wanted = opened.model.currency
    others = read_revenue.foreign(opened.engine, wanted, days.first, days.last)
    rates = opened.store.rates() if opened.store.rates and others else None
    if rates is None:
        read_revenue.earnings(opened.engine, wanted, [])
        names = sorted({one.currency for one in others})
        return [
            f"Revenue in {name} is left out: the model counts in {wanted}, and percapita.yaml names"
            " no rates." for name in names
        ]  # fmt: skip
    products = []
    missing: dict[tuple[str, date], int] = {}
    for one in others:
        rate = rates.find(one.currency, wanted, one.day)
        if rate is None:
            at = (one.currency, one.day)
            missing[at] = missing.get(at, 0) + one.times
            continue
        worth = stored(exact_product(one.amount, rate.value))
        products.append((one.currency, one.day, one.amount, worth))
    if missing:
        found = [Foreign(*at, times, "revenue") for at, times in sorted(missing.items())]
        raise MissingRateError(wanted, found, rates, "payment")
    read_revenue.earnings(opened.engine, wanted, products)
    return []
