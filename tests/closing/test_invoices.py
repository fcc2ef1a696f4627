"""Lines against invoices: what agrees, what differs, and what is to be accrued."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import Inputs, Said, ask, call, charge, write
from percapita.reconcile.invoices import Billed, Invoice, compare

MODEL = "version: 1\ncurrency: USD\n"
OCTOBER = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
NOVEMBER = ("2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z")
HEADER = "Issuer,Invoice ID,Currency,Total,Date\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with two invoices' lines and usage without one, imported but not run."""
    lines = [
        charge("db", "100.004", *OCTOBER, InvoiceId="N-10"),
        charge("tax", "7", *OCTOBER, InvoiceId="N-10", ChargeCategory="Tax"),
        charge("db", "50", *NOVEMBER, InvoiceId="N-11"),
        charge("db", "3.25", *NOVEMBER),
    ]
    folder = write(tmp_path_factory.mktemp("invoices"), Inputs(MODEL, lines))
    assert call("import", "--project", folder).code == 0
    return folder


def check(project: Path, text: str, *options: str) -> Any:  # noqa: ANN401
    """Compare with a file of these rows."""
    path = project / "invoices.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    return ask(project, "reconcile", "--invoices", str(path), *options)


def refused(project: Path, text: str) -> Said:
    """Compare with a file that cannot be read."""
    path = project / "broken.csv"
    path.write_text(text, encoding="utf-8")
    said = call("reconcile", "--invoices", path, "--project", project)
    assert said.code == 2
    return said


def test_each_invoice_stands_beside_its_lines(project: Path) -> None:
    """An invoice agrees to the cent, differs, has no lines, or is missing for lines."""
    found = check(project, "nimbus,N-10,USD,107.00,2025-11-02\nNimbus,N-12,USD,9,2025-11-02\n")
    states = {one["invoice"]: (one["state"], one["difference"]) for one in found["invoices"]}

    assert states == {
        "N-10": ("agrees", "-0.004"),
        "N-11": ("no invoice", "-50.00"),
        "N-12": ("no lines", "9.00"),
    }
    assert found["differs"] is True


def test_a_difference_is_exact(project: Path) -> None:
    """What differs beyond the invoice's last digit is told with every digit."""
    (one,) = check(project, "Nimbus,N-10,USD,100,2025-11-02\n", "--period", "2025-10")["invoices"]

    assert (one["state"], one["stated"], one["billed"]) == ("differs", "100.00", "107.004")
    assert one["difference"] == "-7.004"


def test_lines_without_an_invoice_are_accrued(project: Path) -> None:
    """Usage that no invoice has come for is listed by issuer, month and currency."""
    found = check(project, "")["accrued"]

    assert found == [
        {"issuer": "Nimbus", "billing_period": "2025-11", "currency": "USD", "lines": 1,
         "billed": "3.25"}
    ]  # fmt: skip


def test_differences_fail_only_when_asked(project: Path) -> None:
    """--fail-on-difference leaves with code 1."""
    check(project, "")
    said = call(
        "reconcile", "--invoices", project / "invoices.csv", "--fail-on-difference",
        "--project", project,
    )  # fmt: skip

    assert said.code == 1
    assert "0 of 2 invoices agree" in said.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEADER + "Nimbus,N-1,USD,twelve,2025-11-02\n", "row 1, column total: 'twelve'"),
        (HEADER + "Nimbus,N-1,dollar,12,2025-11-02\n", "column currency: 'dollar'"),
        (HEADER + "Nimbus,N-1,USD,12,02.11.25\n", "column date: '02.11.25'"),
        (HEADER + "Nimbus,,USD,12,\n", "column invoice"),
        (HEADER + "Nimbus,N-1,USD,1,\nNIMBUS,N-1,USD,2,\n", "stands in row 1 already"),
        ("Issuer,Currency,Total\n", "no column is the invoice"),
        ("", "no column is the issuer"),
    ],
)
def test_a_broken_file_is_refused_by_row_and_column(project: Path, text: str, says: str) -> None:
    """Nothing is compared with a file that cannot be read whole."""
    assert says in refused(project, text).err


def test_an_invoice_counts_for_the_month_it_bills() -> None:
    """Without lines, an invoice belongs to the month it was issued in or the one before."""
    bill = [Billed("N", "1", "USD", "2025-12", 1, Decimal(5))]
    invoices = [
        Invoice("N", "1", "USD", Decimal(5), date(2026, 1, 3), 1),
        Invoice("N", "2", "USD", Decimal(7), date(2026, 1, 3), 2),
        Invoice("N", "3", "USD", Decimal(7), date(2026, 3, 3), 3),
    ]
    found = compare(invoices, bill, frozenset({"2025-12"}))

    assert [(one.invoice, one.state) for one in found.matches] == [
        ("1", "agrees"),
        ("2", "no lines"),
    ]
