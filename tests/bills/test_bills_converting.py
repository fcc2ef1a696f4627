"""Conversion: every amount is the nearest to the exact product, whatever its digits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from percapita.bills.converting import (
    TABLE,
    ConversionProofError,
    Foreign,
    convert,
    foreign,
    proven,
)
from percapita.core.errors import InputError
from percapita.core.rates import Dated, Rate, Rates
from percapita.core.tables import COSTS, LINES
from percapita.store.engine import Engine

DAY = date(2025, 10, 31)
SCHEMA = {**{column.name: column.type for column in LINES.columns}, "period": "string"}
QUANTUM = Fraction(1, 10**18)


def lines(engine: Engine, amounts: Sequence[Decimal | None], currency: str = "EUR") -> str:
    """Make a table of lines with these billed costs, and twice as much effective."""
    from percapita.core.periods import month_span, zone  # noqa: PLC0415

    span = month_span(2025, 10, zone("UTC"))
    rows = []
    for number, amount in enumerate(amounts):
        said = {
            "LineId": str(number), "source": "bill", "ChargePeriodStart": span.start,
            "ChargePeriodEnd": span.end, "BilledCost": amount,
            "EffectiveCost": None if amount is None else amount * 2, "BillingCurrency": currency,
            "period": "2025-10",
        }  # fmt: skip
        rows.append([said.get(name) for name in SCHEMA])
    engine.load("lines", SCHEMA, rows)
    return "lines"


def rates(value: Decimal) -> Rates:
    """Return one rate from euro to dollar."""
    return Rates({("EUR", "USD"): [Dated(Rate(value, DAY), DAY + timedelta(days=7))]})


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.decimals("-1e15", "1e15", places=18, allow_nan=False), min_size=1, max_size=20),
    st.decimals("1e-12", 99, places=20, allow_nan=False),
)
def test_each_amount_is_rounded_once_and_the_sum_closes(
    amounts: list[Decimal], value: Decimal
) -> None:
    """Half-even to 18 digits a line; the rounding line brings the sum to the exact one's."""
    with closing(Engine()) as engine:
        convert(engine, lines(engine, amounts), rates(value), currency="USD", zone="UTC")
        found = dict(engine.rows(f"SELECT LineId, BilledCost FROM {TABLE} WHERE rate IS NOT NULL"))
        whole = engine.value(f"SELECT sum(BilledCost) FROM {TABLE}")

    exact = [Fraction(amount) * Fraction(value) / QUANTUM for amount in amounts]
    assert [Fraction(found[str(n)]) / QUANTUM for n in range(len(amounts))] == list(
        map(round, exact)
    )
    assert Fraction(whole) / QUANTUM == round(sum(exact, Fraction(0)))


def test_a_cost_that_is_not_known_stays_unknown() -> None:
    """Null is converted to null, zero to zero."""
    with closing(Engine()) as engine:
        convert(engine, lines(engine, [None, Decimal(0)]), rates(Decimal("1.1")),
                currency="USD", zone="UTC")  # fmt: skip
        found = engine.rows(f"SELECT {', '.join(COSTS.values())} FROM {TABLE} ORDER BY LineId")

    assert found == [(None,) * 4, (Decimal(0), Decimal(0), None, None)]


def test_lines_of_other_currencies_are_found_by_day() -> None:
    """Each currency and last day of charges, with how many lines; one's own is none."""
    with closing(Engine()) as engine:
        name = lines(engine, [Decimal(1), Decimal(2)])
        found = foreign(engine, name, "USD", "UTC")
        assert foreign(engine, name, "EUR", "UTC") == []

    assert found == [Foreign("EUR", DAY, 2, "bill")]


def test_a_wrong_product_is_found() -> None:
    """The proof starts from the lines and their rates, not from what was multiplied."""
    with closing(Engine()) as engine:
        name = lines(engine, [Decimal(3), Decimal(4)])
        convert(engine, name, rates(Decimal("1.1")), currency="USD", zone="UTC")
        assert len(proven(engine, name, TABLE)) == 2
        engine.execute(f"UPDATE {TABLE} SET BilledCost = BilledCost + 0.000000000000000002"
                       " WHERE LineId = '1'")  # fmt: skip

        with pytest.raises(ConversionProofError, match=r"billed cost in EUR, 2025-10"):
            proven(engine, name, TABLE)


def test_a_product_that_is_too_large_is_refused() -> None:
    """A money column has 18 digits before the point."""
    with closing(Engine()) as engine, pytest.raises(InputError, match="too large"):
        convert(engine, lines(engine, [Decimal(10) ** 12]), rates(Decimal(10) ** 9),
                currency="USD", zone="UTC")  # fmt: skip
