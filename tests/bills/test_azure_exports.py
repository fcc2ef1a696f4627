"""Azure's exports in every generation and spelling, alone and in pairs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bills.bill_texts import Read
from percapita import bills
from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.core.tables import LINES
from percapita.store import Store

CASES = Path(__file__).parents[1] / "cases" / "bills"

ROW = {
    "SubscriptionId": "s-1", "ResourceGroup": "rg", "ResourceLocation": "westeurope",
    "Date": "10/05/2025", "MeterCategory": "Virtual Machines", "MeterId": "m-1", "Quantity": "24",
    "CostInBillingCurrency": "1.25", "ConsumedService": "Microsoft.Compute", "Tags": "",
    "ResourceId": "/subscriptions/s-1/resourceGroups/rg/providers/Microsoft.Compute/disks/d",
    "ChargeType": "Usage", "PricingModel": "OnDemand", "BillingCurrencyCode": "EUR",
    "ReservationId": "", "BillingAccountId": "a-1",
}  # fmt: skip


def bill(*rows: Mapping[str, str], names: Mapping[str, str] | None = None) -> str:
    """Return an export of rows like ROW, its columns named otherwise where ``names`` says so."""
    header = ",".join((names or {}).get(column, column) for column in ROW)
    lines = [",".join({**ROW, **row}[column] for column in ROW) for row in rows]
    return "\n".join([header, *lines, ""])


def costs(lines: Sequence[Mapping[str, object]]) -> list[tuple[object, object]]:
    """Return billed and effective cost of lines."""
    return [(line["BilledCost"], line["EffectiveCost"]) for line in lines]


SPELLINGS = {
    "EA": {},
    "camel": {column: column[0].lower() + column[1:] for column in ROW},
    "small": {column: column.lower() for column in ROW},
    "pay-as-you-go": {
        "SubscriptionId": "SubscriptionGuid", "Date": "UsageDateTime", "Quantity": "UsageQuantity",
        "CostInBillingCurrency": "PreTaxCost", "ResourceId": "InstanceId",
        "BillingCurrencyCode": "Currency",
    },
    "MCA": {"Date": "date", "ResourceGroup": "resourceGroupName",
            "BillingCurrencyCode": "billingCurrency"},
    "old": {"Date": "Usage Date", "CostInBillingCurrency": "Cost", "ResourceId": "Instance ID",
            "Quantity": "Consumed Quantity"},
    "German": {column: f"Spalte {n} ({column})" for n, column in enumerate(ROW)},
    "French": {column: f"Coût « {n} » ( {column} )" for n, column in enumerate(ROW)},
    "Japanese": {column: f"列{n}\uff08{column}\uff09" for n, column in enumerate(ROW)},
}  # fmt: skip


def test_every_spelling_is_the_same_line(read: Read) -> None:
    """Generations and languages name the columns otherwise; the line is the same."""
    made = read({f"{name}.csv": bill(ROW, names=SPELLINGS[name]) for name in SPELLINGS})

    apart = ("LineId", "Extra", "file")
    said = [{n: v for n, v in line.items() if n not in apart} for line in made.lines]
    assert made.format == "azure"
    assert said == [said[0]] * len(SPELLINGS)
    assert len({line["LineId"].partition("-")[0] for line in made.lines}) == 1
    assert {line["Extra"]["x_ResourceGroupName"] for line in made.lines} == {"rg"}


DAYS = ("10/05/2025", "2025-10-05", "2025-10-05T00:00:00Z", "10/5/2025 12:00:00 AM", "20251005")


def test_a_charge_is_of_a_day(read: Read) -> None:
    """Whatever form the date has, and whatever clock stands behind it."""
    lines = read(bill(*({"Date": text} for text in DAYS))).lines

    spans = [(x["ChargePeriodStart"].isoformat(), x["ChargePeriodEnd"].isoformat()) for x in lines]
    assert spans == [("2025-10-05T00:00:00+00:00", "2025-10-06T00:00:00+00:00")] * len(DAYS)


def test_27_digits_keep_their_sum(read: Read) -> None:
    """Digits that are all zero cost nothing; others are a rounding line."""
    zeros = read(bill({"CostInBillingCurrency": "0.333333333333000000000000000"}))
    assert zeros.sums["EUR"]["billed"] == "0.333333333333"
    assert len(zeros.lines) == 1

    digits = read(bill(*[{"CostInBillingCurrency": "0.333333333333333333333333333"}] * 3))
    assert digits.sums["EUR"]["billed"] == "1.00"
    assert len(digits.lines) == 5


def test_a_single_export_bills_no_covered_usage(read: Read) -> None:
    """What a commitment paid for was billed with its purchase."""
    covered = [
        {"PricingModel": "Reservation"}, {"PricingModel": "SavingsPlan"},
        {"PricingModel": "", "ReservationId": "r"},
        {"ChargeType": "UnusedReservation", "PricingModel": "Reservation"},
        {"ChargeType": "unusedSavingsPlan", "PricingModel": "SavingsPlan"},
    ]  # fmt: skip
    others = [
        {"ChargeType": "Purchase", "PricingModel": "Reservation"},
        {"ChargeType": "", "PricingModel": ""}, {"PricingModel": "Spot"},
    ]  # fmt: skip
    found = costs(read(bill(*covered, *others)).lines)

    cost = Decimal("1.25")
    assert found == [(Decimal(0), cost)] * len(covered) + [(cost, cost)] * len(others)


def test_charge_types_are_those_of_focus(read: Read) -> None:
    """Refunds correct a purchase, unused commitments are usage, what is unknown adjusts."""
    meanings = {
        "Usage": ("Usage", None), "UnusedReservation": ("Usage", None),
        "Purchase": ("Purchase", None), "Refund": ("Purchase", "Correction"),
        "Tax": ("Tax", None), "Credit": ("Credit", None),
        "RoundingAdjustment": ("Adjustment", None), "": ("Usage", None),
    }  # fmt: skip
    lines = read(bill(*({"ChargeType": said} for said in meanings))).lines

    assert [(x["ChargeCategory"], x["ChargeClass"]) for x in lines] == list(meanings.values())


def test_an_export_with_commitments_asks_for_the_other_one(read: Read) -> None:
    """A single export tells half of a commitment; without one nothing is said."""
    asked = [note for note in read(bill({"PricingModel": "Reservation"})).notes if "half" in note]

    assert len(asked) == 1
    assert not any("half" in note for note in read(bill(ROW)).notes)


def test_two_exports_give_each_basis_once(store: Store) -> None:
    """Actual and amortised beside each other: billed is the one's sum, effective the other's."""
    pair = {
        "actual": ("azure-actual/beside_amortized", "actual.csv"),
        "amortised": ("azure-amortized/beside_actual", "amortized.csv"),
    }
    for name, (case, file) in pair.items():
        form = f"azure-{'actual' if name == 'actual' else 'amortized'}"
        bills.take(store, Source(name, path=file, format=form), root=CASES / case)

    lines = store.bind(LINES)
    sums = store.engine.rows(f"SELECT sum(BilledCost), sum(EffectiveCost) FROM {lines}")
    assert sums == [(Decimal("2521.10548552"), Decimal("207.60548552"))]


def test_the_user_comes_first(read: Read) -> None:
    """Columns and values that percapita.yaml names are used before Azure's own."""
    made = read(
        bill({"BillingCurrencyCode": ""}),
        columns={"ServiceName": "ResourceGroup", "tags.place": "ResourceLocation"},
        values={"BillingCurrency": "CHF"},
    )

    line = made.lines[0]
    assert (line["ServiceName"], line["BillingCurrency"]) == ("rg", "CHF")
    assert line["Tags"] == {"place": "westeurope"}


def test_a_file_without_cost_is_refused(read: Read) -> None:
    """A file that is said to be an Azure export needs an amount."""
    with pytest.raises(InputError, match="amount"):
        read("Date,MeterId\n2025-10-05,m\n", format="azure")


def test_what_comes_along_is_left_aside(read: Read) -> None:
    """A price sheet in the same folder is no bill."""
    made = read({"bill.csv": bill(ROW), "prices.csv": "meterId,unitPrice,term\nm,1,\n"})

    assert len(made.lines) == 1
    assert any("price sheet" in note for note in made.notes)


RUNS = ("0a0a0a0a-0000-4000-8000-000000000001", "0b0b0b0b-0000-4000-8000-000000000002")
MONTH = "costs/20251001-20251031"


def manifest(run: str, made: str) -> str:
    """Return the manifest of a run of an export, as Azure writes it beside its files."""
    said = {
        "manifestVersion": "2024-04-01",
        "exportConfig": {"exportName": "costs", "type": "ActualCost"},
        "runInfo": {"submittedTime": made, "runId": run, "startDate": "2025-10-01T00:00:00"},
        "blobs": [{"blobName": f"exports/{MONTH}/{run}/part_0_0001.csv", "byteCount": 1}],
    }
    return json.dumps(said)


def test_the_newest_run_of_a_month_counts(read: Read) -> None:
    """Each run of an export holds the whole month to date; the manifest tells which is newest."""
    first, second = RUNS
    made = read({
        f"{MONTH}/{first}/part_0_0001.csv": bill({"CostInBillingCurrency": "100"}),
        f"{MONTH}/{first}/manifest.json": manifest(first, "2025-10-06T01:00:00Z"),
        f"{MONTH}/{second}/part_0_0001.csv": bill(ROW),
        f"{MONTH}/{second}/manifest.json": manifest(second, "2025-10-05T01:00:00Z"),
    })  # fmt: skip

    assert made.sums["EUR"]["billed"] == "100.00"
    assert any("left aside" in note for note in made.notes)


def test_runs_that_nothing_tells_apart_are_refused(read: Read) -> None:
    """Without manifests two files of one export and month may not both count."""
    files = {f"{MONTH}/costs_{run}.csv": bill(ROW) for run in RUNS}

    with pytest.raises(InputError, match="several assemblies"):
        read(files)
    assert len(read({f"one/{MONTH}/costs_{RUNS[0]}.csv": bill(ROW)}, path="bills/one").lines) == 1
