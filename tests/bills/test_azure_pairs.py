"""Both Azure datasets in one delivery: seen, and never counted twice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

import pytest

from bills.bill_texts import Read
from bills.test_azure_exports import bill
from percapita.bills import Preview
from percapita.core.errors import InputError

COVERED = {"PricingModel": "Reservation", "ReservationId": "r-1", "MeterId": "m-2"}
BOUGHT = {**COVERED, "ChargeType": "Purchase", "CostInBillingCurrency": "100"}
UNUSED = {**COVERED, "ChargeType": "UnusedReservation", "CostInBillingCurrency": "0.4"}
ACTUAL = bill({}, {**COVERED, "CostInBillingCurrency": "0"}, BOUGHT)
AMORTIZED = bill({}, {**COVERED, "CostInBillingCurrency": "3"}, UNUSED)
PLAIN = bill({}, {"MeterId": "m-3"})


def sums(made: Preview) -> Mapping[str, Decimal]:
    """Return the sums of the bill's currency."""
    return {basis: Decimal(amount) for basis, amount in made.sums["EUR"].items()}


PAIR = {"billed": Decimal("101.25"), "effective": Decimal("4.65")}


def test_rows_tell_the_datasets_apart(read: Read) -> None:
    """Only the actual dataset has purchases, only the amortised one what commitments are worth."""
    made = read({"costs.csv": ACTUAL, "costs2.csv": AMORTIZED})

    assert sums(made) == PAIR
    assert made.format == "azure-actual+azure-amortized"
    assert any("1 file of the actual dataset (azure-actual)" in note for note in made.notes)


@pytest.mark.parametrize("names", [("actual", "amortized"), ("ActualCost", "AmortisedCost")])
def test_folders_tell_the_datasets_apart(read: Read, names: tuple[str, str]) -> None:
    """What rows do not tell, folders or file names do, whatever the whole folder is called."""
    made = read({
        f"{names[0]}/2025-10.csv": PLAIN, f"{names[1]}/2025-10.csv": PLAIN,
        f"{names[0]}-2025-11.csv": ACTUAL, f"{names[1]}-2025-11.csv": AMORTIZED,
    })  # fmt: skip

    assert sums(made) == {basis: amount + Decimal("2.5") for basis, amount in PAIR.items()}


def test_manifests_tell_the_datasets_apart(read: Read) -> None:
    """The type of the export that a manifest names counts before all else."""
    files: dict[str, str] = {}
    for place, kind, content in (("a", "ActualCost", PLAIN), ("b", "AmortizedCost", PLAIN)):
        blob = f"{place}/20251001-20251031/part_0.csv"
        said = {
            "exportConfig": {"exportName": place, "type": kind},
            "runInfo": {"startDate": "2025-10-01T00:00:00"}, "blobs": [{"blobName": blob}],
        }  # fmt: skip
        files |= {blob: content, f"{place}/20251001-20251031/manifest.json": json.dumps(said)}

    assert sums(read(files)) == {"billed": Decimal("2.5"), "effective": Decimal("2.5")}


def test_a_file_of_either_is_refused(read: Read) -> None:
    """Beside both datasets a file that tells neither is not guessed."""
    files = {"a.csv": ACTUAL, "b.csv": AMORTIZED, "c.csv": PLAIN}

    with pytest.raises(InputError, match=r"nothing tells which of them c\.csv is of") as refused:
        read(files)
    assert "azure" not in refused.value.hint
    assert "actual/" in refused.value.hint


def test_a_month_without_a_row_is_of_either(read: Read) -> None:
    """A header alone holds nothing that could count twice."""
    assert sums(read({"a.csv": ACTUAL, "b.csv": AMORTIZED, "c.csv": bill()})) == PAIR


@pytest.mark.parametrize("names", [("a.csv", "b.csv"), ("actual/a.csv", "actual/b.csv")])
def test_one_dataset_stays_a_single_export(read: Read, names: tuple[str, str]) -> None:
    """Files of one dataset alone give both bases, as before."""
    other = bill({"Date": "11/05/2025"}, {**BOUGHT, "Date": "11/06/2025"})
    made = read({names[0]: ACTUAL, names[1]: other})

    assert made.format == "azure"
    assert sums(made) == {"billed": Decimal("202.5"), "effective": Decimal("202.5")}
