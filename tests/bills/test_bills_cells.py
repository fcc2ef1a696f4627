"""What fills a column of ours when no single column of the file does."""

from __future__ import annotations

from decimal import Decimal

import pytest

from percapita.bills.cells import columns_of, spent, text
from percapita.bills.normalise import amount
from percapita.plugins import Cell, First, Fixed, Inside, Part, Total, When
from percapita.store import Store

AT = {"Type": "c0", "A": "c1", "B": "c2", "Json": "c3"}
ROW = "(SELECT 'Usage' AS c0, ' 0.30 ' AS c1, '1E-06' AS c2, '{\"a b\": \"x\", \"n\": 1}' AS c3)"
EMPTY = "(SELECT '' AS c0, NULL AS c1, ' ' AS c2, 'no json' AS c3)"


def value(store: Store, cell: Cell | None, row: str = ROW) -> str | None:
    """Return what a cell says in a row."""
    found: str | None = store.engine.value(f"SELECT {text(cell, AT)} FROM {row}")
    return found


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("A", "0.30"),
        ("not there", None),
        (First(("not there", "B", "A")), "1E-06"),
        (Fixed("it's"), "it's"),
        (When("Type", ("Tax", "Usage"), "A", "B"), "0.30"),
        (When("Type", ("Tax",), "A", Fixed("0")), "0"),
        (When("Type", ("Tax",), "A"), None),
        (When("Type", (), "B"), "1E-06"),
        (Part("Json", '"a b": "(.)"'), "x"),
        (Part("Json", "none(.)"), None),
        (Inside("Json", "a b"), "x"),
        (Inside("Json", "n"), "1"),
        (Inside("Json", "none"), None),
        (Total(("A",)), "0.30"),
    ],
)
def test_a_cell_is_the_text_its_rule_makes(store: Store, cell: Cell, expected: str | None) -> None:
    """Each kind of cell gives the trimmed text that it describes, or none."""
    assert value(store, cell) == expected


@pytest.mark.parametrize("cell", ["A", First(("A", "B")), Inside("Json", "a"), Total(("A", "B"))])
def test_what_is_empty_stays_empty(store: Store, cell: Cell) -> None:
    """No rule makes text of empty cells, and text that is no JSON holds no keys."""
    assert value(store, cell, EMPTY) is None


def test_a_total_is_exact(store: Store) -> None:
    """Terms are summed as decimals, signs of their own included."""
    found = value(store, Total(("A", "B"), minus=("A", Fixed("-2"))))
    assert found is not None
    assert amount(found) == Decimal("2.000001")


def test_a_total_of_text_is_no_amount(store: Store) -> None:
    """One term that is no number spoils the total."""
    found = value(store, Total(("A", "Type")))
    assert found is not None
    with pytest.raises(ValueError, match="Usage"):
        amount(found)


def test_only_columns_that_stand_whole_are_spent() -> None:
    """What a rule merely looks at, or takes apart, is kept beside the line."""
    assert spent("A") == {"A"}
    assert spent(First(("A", Fixed("x"), "B"))) == {"A", "B"}
    assert not spent(When("Type", ("Tax",), "A"))
    assert list(columns_of(Total(("A",), minus=(When("Type", (), "B"),)))) == ["A", "B"]
