"""Oracle's own cost reports, told from its FOCUS and usage reports."""

from __future__ import annotations

import pytest

from bills.bill_texts import Read
from percapita.plugins import bill_formats

HEADER = ("lineItem/tenantId,lineItem/intervalUsageStart,lineItem/intervalUsageEnd,product/service,"
          "product/resourceId,usage/billedQuantity,cost/myCost,cost/currencyCode,"
          "lineItem/isCorrection,tags/Finance.customer")  # fmt: skip


def row(cost: str, *, correction: str = "false", tag: str = "") -> str:
    """Return a row of an hour."""
    return f"t,2025-10-01T00:00Z,2025-10-01T01:00Z,COMPUTE,i,1,{cost},USD,{correction},{tag}"


def bill(*rows: str, header: str = HEADER) -> str:
    """Return a report."""
    return "\n".join([header, *rows, ""])


def test_a_cost_report_is_told_by_its_columns() -> None:
    """The older report is oci; the one in FOCUS is focus."""
    formats = bill_formats()
    focus = ["BilledCost", "ChargePeriodStart", "ServiceName"]

    assert [n for n, form in formats.items() if form.recognises(HEADER.split(","))] == ["oci"]
    assert [n for n, form in formats.items() if form.recognises(focus)] == ["focus"]


def test_a_usage_report_is_left_aside() -> None:
    """It lies in the same bucket and has no cost."""
    header = [column for column in HEADER.split(",") if not column.startswith("cost/")]

    assert bill_formats()["oci"].aside(header) == "usage report"
    assert bill_formats()["oci"].aside(HEADER.split(",")) is None


@pytest.mark.parametrize(
    "header", [HEADER, HEADER.replace("tenantId", "TenantId").replace("isC", "isc")]
)
def test_corrections_and_tags_in_both_spellings(read: Read, header: str) -> None:
    """A correction is one in FOCUS' sense; a tag keeps its namespace."""
    lines = read(bill(row("0.2", tag="acme"), row("-0.1", correction="true"), header=header)).lines

    assert [(line["ChargeClass"], line["Tags"]) for line in lines] == [
        (None, {"Finance.customer": "acme"}), ("Correction", None),
    ]  # fmt: skip
    assert {line["BillingAccountId"] for line in lines} == {"t"}


def test_both_bases_are_the_cost(read: Read) -> None:
    """Oracle's cost is after all discounts, and what the hour is worth."""
    sums = read(bill(row("0.2"), row("3.14E-7"))).sums

    assert sums == {"USD": {"billed": "0.200000314", "effective": "0.200000314"}}
