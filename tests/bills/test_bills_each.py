"""Charges inside a cell become rows of their own; nothing is lost and nothing counts twice."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from bills.bill_formats import Crediting
from bills.bill_texts import Read
from percapita import plugins
from percapita.bills import elements, layouts
from percapita.bills.files import records
from percapita.bills.proof import UnequalError


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    formats = {**plugins.bill_formats(), "crediting": Crediting()}
    for module in (layouts, records):
        monkeypatch.setattr(module, "bill_formats", lambda: formats)


HEADER = ("day", "service.name", "cost", "list", "amount", "note", "credits")


def bill(rows: Sequence[tuple[str, str]]) -> str:
    """Return a CSV of rows of (cost, credits)."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow(HEADER)
    writer.writerows(("2025-10-01", "S", cost, "5", "7", "n", held) for cost, held in rows)
    return target.getvalue()


def crediting(*amounts: str) -> str:
    """Return an array of credits as BigQuery writes it."""
    listed = ", ".join(f'{{"name": "C", "amount": {amount}, "id": "i"}}' for amount in amounts)
    return f"[{listed}]"


def billed(lines: Sequence[dict[str, Any]]) -> list[tuple[int, str, Decimal]]:
    """Return row, category and billed cost of lines."""
    return [(line["row"], line["ChargeCategory"], line["BilledCost"]) for line in lines]


def test_each_element_is_a_line(read: Read) -> None:
    """An element is a line of the row's own number, with the row's texts and its own amount."""
    lines = read(bill([("3", crediting("-1.5", "-1E-03")), ("2", "[]"), ("1", "")])).lines

    assert sorted(billed(lines)) == [
        (1, "Credit", Decimal("-1.5")), (1, "Credit", Decimal("-0.001")), (1, "Usage", Decimal(3)),
        (2, "Usage", Decimal(2)), (3, "Usage", Decimal(1)),
    ]  # fmt: skip
    assert {line["ServiceName"] for line in lines} == {"S"}
    assert len({line["LineId"] for line in lines}) == 5


def test_nothing_else_counts_twice(read: Read) -> None:
    """Costs that the element does not fill are 0 in its line, quantities empty."""
    credit = next(
        line
        for line in read(bill([("3", crediting("-1"))])).lines
        if line["ChargeCategory"] == "Credit"
    )

    assert credit["ListCost"] == 0
    assert credit["EffectiveCost"] == -1
    assert credit["ContractedCost"] is None
    assert credit["ConsumedQuantity"] is None


def test_keys_that_fill_nothing_are_kept(read: Read) -> None:
    """Other keys of an element go to Extra under the column's name, and so do the row's columns."""
    held = '[{"name": "C", "amount": "-1", "info": {"kind": "promo", "n": 1.50}, "parts": [1.10]}]'
    lines = {line["ChargeCategory"]: line for line in read(bill([("3", held)])).lines}

    assert lines["Credit"]["Extra"] == {
        "note": "n", "credits.info.n": "1.50", "credits.parts": "[1.10]",
    }  # fmt: skip
    assert lines["Credit"]["Tags"] == {"credit": "promo"}
    assert lines["Credit"]["ChargeDescription"] == "C"
    assert lines["Usage"]["Extra"] == {"note": "n"}
    assert lines["Usage"]["Tags"] is None


def test_python_prints_lists_too(read: Read) -> None:
    """Single quotes, None and True are read; amounts keep every digit they were printed with."""
    held = "[{'name': 'it''s', 'amount': -0.12345678901234567, 'full_name': None, 'on': True}]"
    credit = min(read(bill([("1", held)])).lines, key=lambda line: line["BilledCost"])

    assert credit["BilledCost"] == Decimal("-0.12345678901234567")
    assert credit["Extra"]["credits.on"] == "true"


def test_digits_beyond_the_18th_are_a_rounding_line(read: Read) -> None:
    """Digits that a line can't hold are summed exactly, those of elements too."""
    made = read(bill([("1", crediting("-0.0000000000000000006")), ("1", crediting("-4e-19"))]))

    assert made.sums["USD"]["billed"] == "1.999999999999999999"


@pytest.mark.parametrize("broken", ["[{", '{"amount": 1}', "[1]", "credits"])
def test_an_array_that_is_none_quarantines_its_row(read: Read, broken: str) -> None:
    """The user sees file, row, column and text; the row is no line."""
    made = read(bill([("1", crediting("-1")), ("2", broken)]))

    (item,) = made.quarantined
    assert (item.row, item.column, item.value) == (2, "credits", broken)
    assert item.code == "not-an-array"
    assert made.sums["USD"]["billed"] == "0.00"


def test_a_row_is_taken_whole_or_not_at_all(read: Read) -> None:
    """An element that can't be a line keeps its row and the other elements out, in one entry."""
    made = read(bill([("5", crediting("-1", '"x"', '"y"')), ("2", "")]))

    (item,) = made.quarantined
    assert (item.row, item.column, item.value) == (1, "credits.amount", "x")
    assert billed(made.lines) == [(2, "Usage", Decimal(2))]
    assert any("hold 4.00 USD (billed)" in note for note in made.notes)


def test_a_broken_row_keeps_its_elements_out(read: Read) -> None:
    """Credits of a row that can't be a line are no lines either."""
    made = read(bill([("x", crediting("-1")), ("2", "")]))

    assert [(item.row, item.column) for item in made.quarantined] == [(1, "cost")]
    assert made.sums["USD"]["billed"] == "2.00"


def test_proof_counts_elements_by_itself(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """An element that is lost between the cell and the lines stops the import."""
    listed = elements._records  # noqa: SLF001 the defect is planted there
    monkeypatch.setattr(elements, "_records", lambda text: list(listed(text))[:-1])

    with pytest.raises(UnequalError, match=r"(billed|effective) cost of all rows is 0\.0+ USD"):
        read(bill([("3", crediting("-1", "-2"))]))


def test_json_lines_hold_arrays_as_they_are(read: Read) -> None:
    """In a bill of JSON lines the array is JSON of its own, and nested objects are columns."""
    row = {
        "day": "2025-10-01", "service": {"name": "S"}, "cost": 3,
        "credits": [{"amount": -1.25, "name": "C"}],
    }  # fmt: skip
    lines = read({"bill.jsonl": json.dumps(row)}).lines

    assert sorted(billed(lines)) == [
        (1, "Credit", Decimal("-1.25")), (1, "Usage", Decimal(3)),
    ]  # fmt: skip
    assert lines[0]["ServiceName"] == "S"
