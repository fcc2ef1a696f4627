"""Google Cloud's exports: a line a row, and one for each credit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bills.bill_texts import Read
from percapita import bills
from percapita.core.sources import Source

ROW = {
    "billing_account_id": "A", "service.id": "6F81", "service.description": "Compute Engine",
    "sku.id": "CF4E", "sku.description": "E2 Core", "usage_start_time": "2025-10-01 00:00:00 UTC",
    "usage_end_time": "2025-10-01 01:00:00 UTC", "project.id": "shop", "labels": "[]",
    "cost": "0.30", "currency": "EUR", "currency_conversion_rate": "0.92", "credits": "[]",
    "usage.amount": "3600", "usage.unit": "seconds", "invoice.month": "202510",
    "cost_type": "regular", "location.region": "europe-west3",
}  # fmt: skip

CREDITS = [
    {"name": "CUD", "amount": -0.1, "full_name": "", "id": "", "type": "COMMITTED_USAGE_DISCOUNT"},
    {"name": "Trial", "amount": -2e-07, "full_name": "Free trial", "id": "t", "type": "PROMOTION"},
]


def bill(*rows: Mapping[str, str], between: str = ".") -> str:
    """Return a CSV of rows like ROW, names flattened with dots or underscores."""
    target = io.StringIO(newline="")
    writer = csv.writer(target)
    writer.writerow([column.replace(".", between) for column in ROW])
    writer.writerows([{**ROW, **row}[column] for column in ROW] for row in rows)
    return target.getvalue()


def nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a flat row as BigQuery's record."""
    record: dict[str, Any] = {}
    for column, value in {**ROW, **row}.items():
        *outer, last = column.split(".")
        inner = record
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = value
    return record


def told(made: Any) -> list[tuple[str, Decimal, Decimal]]:  # noqa: ANN401
    """Return category, billed and effective cost of the lines, in order."""
    return sorted((x["ChargeCategory"], x["BilledCost"], x["EffectiveCost"]) for x in made.lines)


EXPECTED = [
    ("Credit", Decimal("-0.1"), Decimal("-0.1")),
    ("Credit", Decimal("-2E-7"), Decimal("-2E-7")),
    ("Usage", Decimal("0.3"), Decimal("0.3")),
]


@pytest.mark.parametrize("between", [".", "_"])
@pytest.mark.parametrize("written", [json.dumps(CREDITS), str(CREDITS)], ids=["JSON", "Python"])
def test_each_credit_is_a_line(read: Read, between: str, written: str) -> None:
    """Usage stands at its cost before credits; the file's net cost is the sum of all lines."""
    made = read(bill({"credits": written}, between=between))

    assert made.format == "gcp"
    assert told(made) == EXPECTED
    assert made.sums["EUR"]["billed"] == "0.1999998"
    assert {line["Extra"].get("x_CreditType") for line in made.lines} == {
        None, "PROMOTION", "COMMITTED_USAGE_DISCOUNT",
    }  # fmt: skip


@pytest.mark.parametrize("whole", [True, False], ids=["array", "lines"])
def test_records_are_read_as_they_are_nested(read: Read, whole: bool) -> None:  # noqa: FBT001
    """JSON from BigQuery: one array or one object a line; labels are a list of pairs."""
    record = nested({"credits": CREDITS, "labels": [{"key": "team", "value": "web"}]})
    text = json.dumps([record]) if whole else json.dumps(record) + "\n"
    made = read({"bill.json": text})

    assert told(made) == EXPECTED
    assert {tuple((line["Tags"] or {}).items()) for line in made.lines} == {(("team", "web"),)}


@pytest.mark.parametrize("case", ["standard_csv", "underscores", "detailed_json", "detailed_jsonl",
                                  "detailed_parquet"])  # fmt: skip
def test_an_export_is_known_by_its_columns(case: str) -> None:
    """Whatever the file and however deep its columns lie, nobody has to say that it is a bill."""
    folder = Path(__file__).parents[1] / "cases" / "bills" / "gcp" / case
    (file,) = (path for path in folder.iterdir() if path.name.startswith("bill"))

    assert bills.is_bill(Source("gcp", path=file.name), root=folder)


def test_a_record_of_one_credit_counts(read: Read) -> None:
    """Where a record holds one credit and no array, it is part of the row's cost."""
    made = read({"bill.json": json.dumps(nested({"credits": CREDITS[0]})) + "\n"})

    assert told(made) == [("Usage", Decimal("0.2"), Decimal("0.2"))]


def test_cost_types_are_those_of_focus(read: Read) -> None:
    """Tax, rounding and adjustments are told apart from usage; commitment fees are purchases."""
    rows = [
        {"cost_type": "tax", "sku.description": "Tax"}, {"cost_type": "rounding_error"},
        {"cost_type": "adjustment"}, {"sku.description": "Commitment v1: Cpu"}, {},
    ]  # fmt: skip
    lines = read(bill(*rows)).lines

    assert [(x["ChargeCategory"], x["ChargeClass"]) for x in lines] == [
        ("Tax", None), ("Adjustment", None), ("Adjustment", "Correction"), ("Purchase", None),
        ("Usage", None),
    ]  # fmt: skip


def test_an_invoice_month_is_the_billing_period(read: Read) -> None:
    """Late usage belongs to the month that bills it; the rate of exchange is kept."""
    row = {"usage_start_time": "2025-09-30T23:00:00", "usage_end_time": "2025-10-01T00:00:00"}
    line = read(bill(row)).lines[0]

    assert line["period"] == "2025-10"
    assert line["ChargePeriodStart"].isoformat() == "2025-09-30T23:00:00+00:00"
    assert line["Extra"]["currency_conversion_rate"] == "0.92"


def test_an_empty_project_is_none(read: Read) -> None:
    """Charges of no project have no sub account."""
    assert read(bill({"project.id": ""})).lines[0]["SubAccountId"] is None
