"""Revenue: spans are pro-rated by days and close exactly."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from percapita.core.money import total
from percapita.measure.question import Dimension, ask
from percapita.measure.revenue import Paid, by_day, earned
from percapita.measure.units import Days
from percapita.model.load import loads

MODEL = loads("""
version: 1
currency: USD
segments: {tier: {from: users.plan}}
pools: [{pool: db, match: {ServiceName: db}, by: queries}]
""")
TIER = Dimension("tier", "attribute", "tier")
OCTOBER = Days(date(2025, 10, 1), date(2025, 11, 1))
YEAR = (date(2025, 1, 1), date(2026, 1, 1))


def paid(amount: str, start: date, end: date, times: int = 1, day: date | None = None) -> Paid:
    """Payments of the tier Pro."""
    return Paid({TIER: "Pro"}, start, end, Decimal(amount), times, day)


def test_an_annual_contract_brings_a_month_its_days() -> None:
    """31 of 365 days of a year's contract fall in October."""
    found = earned([paid("3650", *YEAR)], ask(MODEL, by=["tier"]), OCTOBER)

    assert found.rows == {("Pro",): Decimal(310)}


def test_equal_payments_count_as_often_as_they_were_made() -> None:
    """Twelve hundred payments of 49 are 58,800."""
    found = earned([paid("49", *OCTOBER, times=1200)], ask(MODEL), OCTOBER)

    assert found.total == Decimal(58800)


def test_a_payment_of_one_day_brings_that_day_alone() -> None:
    """A payer whose tier changed counts day by day."""
    item = paid("31", *OCTOBER, day=date(2025, 10, 7))

    assert earned([item], ask(MODEL), OCTOBER).total == Decimal(1)
    assert earned([item], ask(MODEL, by=["day"]), OCTOBER).rows == {("2025-10-07",): Decimal(1)}


def test_filters_leave_revenue_out() -> None:
    """Only payers that a filter lets through count."""
    assert not earned([paid("9", *OCTOBER)], ask(MODEL, where=["tier=Free"]), OCTOBER).total


@given(
    st.decimals(min_value=Decimal("-1e9"), max_value=Decimal("1e9"), places=18, allow_nan=False),
    st.integers(1, 400),
    st.integers(0, 400),
)
def test_periods_of_a_span_sum_to_it(amount: Decimal, days: int, cut: int) -> None:
    """However a span is cut in two periods, both together are the payment."""
    start, end = date(2025, 1, 1), date.fromordinal(date(2025, 1, 1).toordinal() + days)
    middle = date.fromordinal(start.toordinal() + min(cut, days))
    item = Paid({}, start, end, amount, 1, None)

    halves = [earned([item], ask(MODEL), Days(*span)) for span in ((start, middle), (middle, end))]

    assert total([half.total for half in halves]) == amount
    assert total(list(by_day(amount, days))) == amount
