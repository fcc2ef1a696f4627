"""AWS Cost and Usage Reports: one meaning in three spellings, and every basis from its columns."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from bills.bill_texts import Read
from percapita.bills.peek import recognises
from percapita.core.errors import InputError

ROW = {
    "bill/PayerAccountId": "001122334455", "bill/BillingEntity": "AWS",
    "bill/BillingPeriodStartDate": "2025-03-01T00:00:00Z",
    "bill/BillingPeriodEndDate": "2025-04-01T00:00:00Z",
    "lineItem/UsageAccountId": "556677889900", "lineItem/LineItemType": "Usage",
    "lineItem/UsageStartDate": "2025-03-02T00:00:00Z",
    "lineItem/UsageEndDate": "2025-03-02T01:00:00Z", "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageType": "EUC1-BoxUsage:m5.large", "lineItem/ResourceId": "i-1",
    "lineItem/UsageAmount": "2", "lineItem/CurrencyCode": "USD", "lineItem/UnblendedCost": "0.2",
    "product/ProductName": "Amazon Elastic Compute Cloud", "product/region": "eu-central-1",
    "product/location": "EU (Frankfurt)", "product/locationType": "AWS Region",
    "product/sku": "SKU1", "pricing/publicOnDemandCost": "0.25", "pricing/unit": "Hrs",
}  # fmt: skip
PLAN = {
    "savingsPlan/SavingsPlanARN": "arn:sp", "savingsPlan/SavingsPlanEffectiveCost": "0.14",
    "savingsPlan/TotalCommitmentToDate": "0.5", "savingsPlan/UsedCommitment": "0.14",
}  # fmt: skip
RESERVED = {
    "reservation/ReservationARN": "arn:ri", "reservation/EffectiveCost": "0.11",
    "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod": "3.5",
    "reservation/UnusedRecurringFee": "1.25E0",
}  # fmt: skip
MAPS = {"resource_tags": '{"user_app": "api", "aws_created_by": "me"}',
        "cost_category": '{"team": "core"}'}  # fmt: skip

Row = Mapping[str, str]


def _text(rows: Sequence[Row]) -> str:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, columns, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return target.getvalue()


def _snake(name: str) -> str:
    """Return a column's name as Athena and CUR 2.0 write it."""
    spaced = re.sub(r"(?<![A-Z_])([A-Z])|([A-Z])", r"_\1\2", name).lower()
    return re.sub(r"[^a-z0-9]+", "_", spaced).strip("_").replace("__", "_")


def _line(read: Read, row: Row, **said: Any) -> dict[str, Any]:  # noqa: ANN401
    return read(_text([row]), **said).lines[0]


def test_three_spellings_are_one_bill(read: Read) -> None:
    """Legacy, Athena's and 2.0's names make the same line, but for what is kept beside it."""
    legacy = {**ROW, **PLAN, "resourceTags/user:app": "api", "costCategory/team": "core"}
    athena = {_snake(name): value for name, value in legacy.items()}
    product = {"product_name": ROW["product/ProductName"], "region": "eu-central-1"}
    modern = {
        **{_snake(name): value for name, value in {**ROW, **PLAN}.items()},
        "resource_tags": '{"user_app": "api"}', "cost_category": '{"team": "core"}',
        "product": json.dumps(product), "product_region_code": "eu-central-1",
    }  # fmt: skip
    for gone in ("product_product_name", "product_region"):
        del modern[gone]
    lines = [_line(read, row) for row in (legacy, athena, modern)]

    for line in lines:
        del line["Extra"]
    assert lines[0] == lines[1] == lines[2]
    assert lines[0]["Tags"] == {"app": "api", "costCategory/team": "core"}
    assert lines[0]["ServiceName"] == "Amazon Elastic Compute Cloud"


COSTS: Sequence[tuple[str, Row, tuple[str, str, str, str]]] = (
    ("Usage", {}, ("0.2", "0.2", "0.2", "0.25")),
    ("SavingsPlanCoveredUsage", PLAN, ("0.2", "0.14", "0.2", "0.25")),
    ("SavingsPlanNegation", PLAN, ("0.2", "0", "0", "0.25")),
    ("SavingsPlanUpfrontFee", PLAN, ("0.2", "0", "0", "0.25")),
    ("SavingsPlanRecurringFee", PLAN, ("0.2", "0.36", "0", "0.25")),
    ("DiscountedUsage", RESERVED, ("0.2", "0.11", "0.25", "0.25")),
    ("RIFee", RESERVED, ("0.2", "4.75", "0", "0.25")),
    ("Fee", RESERVED, ("0.2", "0", "0", "0.25")),
    ("Fee", {**RESERVED, "reservation/ReservationARN": ""}, ("0.2", "0.2", "0.2", "0.25")),
    ("Tax", {**PLAN, **RESERVED}, ("0.2", "0.2", "0.2", "0.25")),
    ("Credit", {**PLAN, **RESERVED}, ("0.2", "0.2", "0.2", "0.25")),
)
"""Type of a row, what else it says, and its billed, effective, contracted and list cost."""


def test_costs_of_each_type(read: Read) -> None:
    """Billed is unblended; effective is amortised; contracted and list know no commitments."""
    rows = [{**ROW, **more, "lineItem/LineItemType": kind} for kind, more, _ in COSTS]
    columns = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
    lines = read(_text(rows)).lines

    made = [tuple(line[column] for column in columns) for line in lines]
    assert made == [tuple(map(Decimal, costs)) for *_, costs in COSTS]


def test_a_plan_that_is_used_up_costs_its_fees(read: Read) -> None:
    """Billed and effective cost of a whole commitment are the same: its fee."""
    kinds = {
        "SavingsPlanCoveredUsage": "0.2", "SavingsPlanNegation": "-0.2",
        "SavingsPlanRecurringFee": "0.5",
    }  # fmt: skip
    rows = [
        {**ROW, **PLAN, "lineItem/LineItemType": kind, "lineItem/UnblendedCost": cost}
        for kind, cost in kinds.items()
    ]
    sums = read(_text(rows)).sums["USD"]

    assert sums["billed"] == sums["effective"] == "0.50"


def test_what_nobody_gave_is_unknown(read: Read) -> None:
    """No list price is no list cost, not a cost of nothing; an empty amortised cost likewise."""
    covered = {**ROW, **PLAN, "lineItem/LineItemType": "SavingsPlanCoveredUsage"}
    rows = [
        {**ROW, "pricing/publicOnDemandCost": ""},
        {**covered, "savingsPlan/SavingsPlanEffectiveCost": ""},
    ]
    bare, empty = read(_text(rows)).lines

    assert bare["ListCost"] is None
    assert empty["EffectiveCost"] is None


TYPES: Mapping[str, tuple[str, str | None, str, str | None]] = {
    "Usage": ("Usage", None, "Usage-Based", "Standard"),
    "SavingsPlanCoveredUsage": ("Usage", None, "Usage-Based", "Committed"),
    "SavingsPlanNegation": ("Usage", None, "Usage-Based", "Committed"),
    "SavingsPlanRecurringFee": ("Purchase", None, "Recurring", "Standard"),
    "SavingsPlanUpfrontFee": ("Purchase", None, "One-Time", "Standard"),
    "DiscountedUsage": ("Usage", None, "Usage-Based", "Committed"),
    "RIFee": ("Purchase", None, "Recurring", "Standard"),
    "Fee": ("Purchase", None, "One-Time", "Standard"),
    "Tax": ("Tax", None, "One-Time", None),
    "Credit": ("Credit", None, "One-Time", None),
    "Refund": ("Adjustment", "Correction", "One-Time", None),
    "BundledDiscount": ("Credit", None, "One-Time", None),
    "Discount": ("Credit", None, "One-Time", None),
    "NeverSeen": ("Adjustment", None, "One-Time", None),
}


def test_what_each_type_is(read: Read) -> None:
    """AWS' types of rows are FOCUS' categories."""
    lines = read(_text([{**ROW, "lineItem/LineItemType": kind} for kind in TYPES])).lines
    said = ("ChargeCategory", "ChargeClass", "ChargeFrequency", "PricingCategory")

    made = {
        kind: tuple(line[column] for column in said)
        for kind, line in zip(TYPES, lines, strict=True)
    }
    assert made == TYPES


def test_quantities_count_once(read: Read) -> None:
    """What a plan gives back, and what splits an instance, repeat a quantity of another row."""
    rows = [
        {**ROW, "lineItem/LineItemType": "SavingsPlanNegation"},
        {**ROW, "splitLineItem/ParentResourceId": "i-0"},
        {**ROW, "lineItem/LineItemType": "Tax"},
    ]
    lines = read(_text(rows)).lines

    assert [line["ConsumedQuantity"] for line in lines] == [0, 0, None]
    assert [line["PricingQuantity"] for line in lines] == [0, 0, None]


def test_split_rows_cost_nothing(read: Read) -> None:
    """Rows that split an instance name their parent and their share; the instance has the cost."""
    split = {"splitLineItem/ParentResourceId": "i-1", "splitLineItem/SplitCost": "0.15"}
    made = read(_text([ROW, {**ROW, "lineItem/ResourceId": "pod", **split}]))

    assert {basis: Decimal(a) for basis, a in made.sums["USD"].items()} == {
        "billed": Decimal("0.2"), "effective": Decimal("0.2"),
        "contracted": Decimal("0.2"), "list": Decimal("0.25"),
    }  # fmt: skip
    pod = made.lines[1]
    assert pod["ResourceId"] == "pod"
    assert split.items() <= pod["Extra"].items()


def test_tags_from_maps(read: Read) -> None:
    """User keys lose AWS' prefix, other keys keep theirs, and empty maps are no tags."""
    made = read(_text([{**ROW, **MAPS}, {**ROW, "resource_tags": "{}", "cost_category": ""}]))

    expected = {"app": "api", "aws_created_by": "me", "costCategory/team": "core"}
    assert [line["Tags"] for line in made.lines] == [expected, None]


def test_maps_that_are_none(read: Read) -> None:
    """A row whose tags can't be read is taken without them, and that is said."""
    made = read(_text([{**ROW, "resource_tags": "app=api", "cost_category": ""}]))

    assert made.lines[0]["Tags"] is None
    assert "1 row is taken without tags, which are not JSON." in made.notes


def test_what_the_user_says_comes_first(read: Read) -> None:
    """A mapping and fixed values go before AWS' meaning; a wrong one stops."""
    row = {**ROW, "resource_tags_user_customer_i_d": "acme", "lineItem/NetUnblendedCost": "0.17"}
    said = {"tags.CustomerID": "resource_tags_user_customer_i_d",
            "BilledCost": "lineItem/NetUnblendedCost"}  # fmt: skip
    line = _line(read, row, columns=said, values={"SubAccountName": "prod"})

    assert line["Tags"]["CustomerID"] == "acme"
    assert (line["BilledCost"], line["SubAccountName"]) == (Decimal("0.17"), "prod")
    with pytest.raises(InputError, match="'Net', which its file does not have"):
        _line(read, row, columns={"BilledCost": "Net"})
    with pytest.raises(InputError, match="'Nett', which is no column of a line"):
        _line(read, row, values={"Nett": "1"})


def test_spot_and_marketplace(read: Read) -> None:
    """Spot prices move; what a vendor sells through AWS is the vendor's."""
    sold = {"bill/BillingEntity": "AWS Marketplace", "lineItem/LegalEntity": "Vendor Inc."}
    rows = [{**ROW, "lineItem/UsageType": "EUC1-SpotUsage:m5.large"}, {**ROW, **sold}]
    spot, bought = read(_text(rows)).lines

    assert (spot["PricingCategory"], spot["ServiceProviderName"]) == ("Dynamic", "AWS")
    assert (bought["ServiceProviderName"], bought["HostProviderName"]) == ("Vendor Inc.", "AWS")


def test_reports_are_told_apart() -> None:
    """A report is told by its columns, and FOCUS with AWS' own columns stays FOCUS."""
    assert recognises(list(ROW)) == recognises([_snake(name) for name in ROW]) == "aws-cur"
    focus = ["BilledCost", "ChargePeriodStart", "ServiceName", "x_ServiceCode", "x_UsageType"]
    assert recognises(focus) == "focus"
