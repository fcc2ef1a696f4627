"""Products and quotients of money in SQL, against plain Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from percapita.core import money
from percapita.store import exact
from percapita.store.engine import Engine, decimal_literal

_EXACT = Context(prec=120)
AMOUNT = st.integers(-(10**36) + 1, 10**36 - 1).map(lambda n: _EXACT.scaleb(Decimal(n), -18))
SMALL = st.decimals(-1000, 1000, places=6)
ANY = AMOUNT | SMALL
_LAST = Decimal("1e-18")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Give an engine."""
    engine = Engine(threads=1)
    yield engine
    engine.close()


MANY = settings(deadline=None, max_examples=8)
"""Examples are lists: planning a query takes longer than answering it."""


def asked(engine: Engine, sql: str, rows: Sequence[Sequence[Decimal]]) -> list[Any]:
    """Return the value of SQL over the columns a, b and c of each row."""
    values = ", ".join(
        f"({at}, {', '.join(map(decimal_literal, row))})" for at, row in enumerate(rows)
    )
    names = ", ".join("abc"[: len(rows[0])])
    found = engine.rows(f"SELECT {sql} FROM (VALUES {values}) v(n, {names}) ORDER BY n")
    return [value for (value,) in found]


def quotient(amount: Decimal, count: Decimal) -> Decimal | None:
    """Return what ``money`` says, where a money column holds it."""
    if count and _EXACT.divide(abs(amount), abs(count)) >= money.LARGEST:
        return None
    return money.quotient(amount, count)


@MANY
@given(st.lists(st.tuples(ANY, ANY), min_size=20))
def test_a_quotient_is_that_of_money(engine: Engine, rows: list[tuple[Decimal, Decimal]]) -> None:
    """Every quotient that a money column holds is rounded half-even to 12 digits."""
    assert asked(engine, exact.quotient("a", "b"), rows) == [quotient(a, b) for a, b in rows]


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0.0000000000005", "0"), ("0.0000000000015", "0.000000000002")]
)
def test_a_tie_goes_to_the_even_digit(engine: Engine, amount: str, rounded: str) -> None:
    """Half of the last digit goes up or down so that the digit is even."""
    [found] = asked(engine, exact.quotient("a", "b"), [(Decimal(amount), Decimal(1))])

    assert found == Decimal(rounded)


@MANY
@given(st.lists(st.tuples(ANY, ANY, ANY.map(abs)), min_size=20))
def test_an_amount_is_compared_with_a_product_to_the_last_digit(
    engine: Engine, given: list[tuple[Decimal, Decimal, Decimal]]
) -> None:
    """More, less and equal are told from every digit of price x quantity."""
    rows = list(given)
    for _, price, quantity in given:
        product = _EXACT.multiply(price, quantity)
        if abs(product) < money.LARGEST - 1:
            near = money.stored(product)
            rows += [
                (_EXACT.add(near, step), price, quantity) for step in (-_LAST, Decimal(0), _LAST)
            ]

    differences = [_EXACT.subtract(a, _EXACT.multiply(b, c)) for a, b, c in rows]
    assert asked(engine, exact.above("a", "b", "c"), rows) == [one > 0 for one in differences]
    assert asked(engine, exact.below("a", "b", "c"), rows) == [one < 0 for one in differences]
