"""Rows from Python reach a table digit by digit, whether they are few or many."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from percapita.core.tables import MONEY
from percapita.store.engine import Engine

SCHEMA = {
    "name": "string", "amount": MONEY, "count": "int64", "at": "timestamp", "day": "date",
    "sure": "bool",
}  # fmt: skip
ROWS = [
    ("it's \"x\"", Decimal("-123456789012345678.000000000000000001"), 2**62,
     datetime(2025, 10, 26, 0, 30, 0, 1, tzinfo=UTC), date(2024, 2, 29), True),
    ("", Decimal("1E+3"), -1, datetime(1970, 1, 1, tzinfo=UTC), date(9999, 12, 31), False),
    (None, None, None, None, None, None),
]  # fmt: skip


def test_few_rows_and_many_say_the_same() -> None:
    """Every value of a row comes back as it was given, in both ways of loading."""
    engine = Engine()
    few = engine.load("few", SCHEMA, ROWS)
    many = engine.load("many", SCHEMA, ROWS * 400)

    assert (few, many) == (3, 1200)
    assert engine.rows("SELECT * FROM few") == ROWS
    assert set(engine.rows("SELECT * FROM many")) == set(ROWS)


def test_no_rows_make_an_empty_table() -> None:
    """The table is there with its types, and one that was there before is gone."""
    engine = Engine()
    engine.load("kept", SCHEMA, ROWS)
    engine.load("kept", {"amount": MONEY}, [])

    assert engine.rows("SELECT count(*), sum(amount) FROM kept") == [(0, None)]
