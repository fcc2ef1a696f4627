"""Every bill format turns its golden cases into exactly the lines written there."""

from __future__ import annotations

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from percapita import bills
from percapita.core.tables import COSTS
from percapita.plugins import bill_formats
from percapita.testing import Case, cases, prove

FOLDER = Path(__file__).parents[1] / "cases" / "bills"
CASES = cases(FOLDER)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    """A case's files become its lines, its sums, its quarantine and its notes."""
    read = bills.preview(case.source, root=case.folder)

    prove(case, read.lines, read.quarantined, read.sums, read.notes)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lines_sum_to_the_reported_sums(case: Case) -> None:
    """The sums of a case are the sums of its lines."""
    sums: dict[str, dict[str, Decimal]] = {}
    for line in case.expected["lines"]:
        for basis, column in COSTS.items():
            if column in line:
                held = sums.setdefault(line["BillingCurrency"], {})
                held[basis] = held.get(basis, Decimal(0)) + Decimal(line[column])

    said = case.expected["sums"]
    assert {c: {b: Decimal(a) for b, a in by.items()} for c, by in said.items()} == sums


def test_every_installed_format_has_a_case() -> None:
    """A bill format without a golden case is not proven."""
    assert {path.name for path in FOLDER.iterdir()} == set(bill_formats())


def test_difference_is_told() -> None:
    """A line that is not as written fails its case, and the message shows the difference."""
    case = next(case for case in CASES if case.name == "tags")
    read = bills.preview(case.source, root=case.folder)
    lines = [{**line, "ServiceName": "T"} for line in read.lines]

    with pytest.raises(AssertionError, match='"ServiceName": "T"'):
        prove(case, lines, read.quarantined, read.sums, read.notes)


def test_rounding_closes_the_exact_sum() -> None:
    """With the rounding lines the lines sum to the file's text, rounded once."""
    folder = FOLDER / "focus" / "beyond_18_digits"
    with gzip.open(folder / "bill.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    case = next(case for case in CASES if case.name == "beyond_18_digits")

    for currency in ("USD", "EUR"):
        exact = sum(
            (Decimal(row["BilledCost"]) for row in rows if row["BillingCurrency"] == currency),
            Decimal(0),
        )
        said = Decimal(case.expected["sums"][currency]["billed"])
        assert said == exact.quantize(Decimal("1e-18"))
