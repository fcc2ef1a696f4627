"""The month's double entries: both sides are equal, and the cost is the bill."""

from __future__ import annotations

import csv
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crash.books import Goal, restate
from invariants.folder import Inputs, ask, call, charge, made
from percapita.reconcile.journal import Accounts, Owed, Spent, UnbalancedError, entries, prove

MODEL = """
version: 1
currency: USD
pools:
  - {pool: db, match: {ServiceName: db}, by: queries, owner: data, cost centre: CC-1}
  - {pool: ci, match: {ServiceName: ci}, by: builds, class: research and development}
"""
OCTOBER = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
PAID = {"BilledCost": "0", "ListCost": "90", "ContractedCost": "90"}
BOUGHT = {"ChargeCategory": "Purchase", "BilledCost": "100", "InvoiceId": "N-10"}
JOURNAL = """
journal:
  payable: "2000"
  accrued: "2100"
  prepaid: "1400"
  classes: {cost of revenue: "5000"}
  pools: {ci: "6150"}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a month with an invoice, unbilled usage, a commitment bought and used, and a credit."""
    lines = [
        charge("db", "60", *OCTOBER, InvoiceId="N-10"),
        charge("db", "70.000000000000000003", *OCTOBER, InvoiceId="N-10", **PAID),
        charge("db", "0", *OCTOBER, **BOUGHT),
        charge("db", "-5", *OCTOBER, InvoiceId="N-10", ChargeCategory="Credit"),
        charge("ci", "30.5", *OCTOBER),
        charge("stray", "7", *OCTOBER),
    ]
    return made(tmp_path_factory.mktemp("journal"), Inputs(MODEL, lines))


def rows(found: dict[str, Any], **only: str) -> list[dict[str, Any]]:
    """Return the entries that have these values."""
    return [e for e in found["entries"] if all(e[name] == value for name, value in only.items())]


def signed(found: list[dict[str, Any]]) -> Decimal:
    """Return debit less credit."""
    return sum((Decimal(e["debit"]) - Decimal(e["credit"]) for e in found), Decimal(0))


def test_the_journal_balances_and_is_the_bill(project: Path) -> None:
    """Debit equals credit, and what the pools have is the bill, to the last digit."""
    found = ask(project, "journal 2025-10")

    assert found["debit"] == found["credit"]
    assert signed(found["entries"]) == 0
    assert signed([e for e in found["entries"] if e["pool"]]) == Decimal(found["bill_total"])
    assert found["bill_total"] == "162.500000000000000003"


def test_invoices_are_payable_and_the_rest_is_accrued(project: Path) -> None:
    """The invoice is credited with what it bills, lines without one with what they cost."""
    found = ask(project, "journal 2025-10")
    (invoice,) = rows(found, account="accounts payable")
    (accrued,) = rows(found, account="accrued liabilities")

    assert (invoice["credit"], invoice["invoice"], invoice["issuer"]) == (
        "155.00",
        "N-10",
        "Nimbus",
    )
    assert (accrued["credit"], accrued["invoice"]) == ("37.50", None)


def test_what_basis_and_bill_differ_by_is_prepaid(project: Path) -> None:
    """A commitment bought for 100, of which 70 was used: 30 is paid ahead; billed needs none."""
    (ahead,) = rows(ask(project, "journal 2025-10"), account="prepaid expenses")
    assert ask(project, "run --basis billed")["published"]
    billed = ask(project, "journal 2025-10 --basis billed")

    assert ahead["debit"] == "29.999999999999999997"
    assert rows(billed, account="prepaid expenses") == []
    assert billed["bill_total"] == "192.50"


def test_accounts_are_those_of_the_project(project: Path, tmp_path: Path) -> None:
    """percapita.yaml names the accounts; a pool's own comes before that of its class."""
    folder = Path(shutil.copytree(project, tmp_path / "p"))
    with (folder / "percapita.yaml").open("a", encoding="utf-8") as file:
        file.write(JOURNAL)
    found = ask(folder, "journal 2025-10")
    (db,) = rows(found, pool="db")

    assert {e["account"] for e in found["entries"]} == {"5000", "6150", "2000", "2100", "1400"}
    assert (db["account"], db["cost_centre"], db["owner"]) == ("5000", "CC-1", "data")


def test_csv_has_the_same_entries(project: Path) -> None:
    """CSV is the default, a row an entry."""
    said = call("journal", "2025-10", "--project", project)
    plain = list(csv.DictReader(said.out.splitlines()))

    assert [row["debit"] for row in plain] == [
        e["debit"] for e in ask(project, "journal 2025-10")["entries"]
    ]


def test_adjustments_are_entries_of_the_month_they_are_booked_in(
    peace: Goal, tmp_path: Path
) -> None:
    """A restated closed month leaves its journal alone; the difference stands in the open one."""
    folder = Path(shutil.copytree(peace.folder, tmp_path / "p"))
    before = ask(folder, "journal 2025-11")
    ask(folder, "close 2025-11")
    restate(folder)
    ask(folder, "run")
    after, booked = ask(folder, "journal 2025-11"), ask(folder, "journal 2025-12")

    assert [e["debit"] for e in after["entries"]] == [e["debit"] for e in before["entries"]]
    assert {e["status"] for e in after["entries"]} == {"closed"}
    assert booked["bill_total"] == "11.04"
    assert {(e["status"], e["of_period"]) for e in booked["entries"]} == {("adjustment", "2025-11")}
    assert signed(booked["entries"]) == 0


def test_a_journal_that_is_not_the_bill_is_not_written() -> None:
    """A lost cent on either side stops the command."""
    spent = [Spent("db", "cost of revenue", "", "", Decimal(10))]
    found = entries(
        spent,
        [Owed("N", "1", Decimal(10), Decimal(10))],
        Accounts(),
        status="open",
        period="2025-10",
    )
    prove(found, Decimal(10))

    with pytest.raises(UnbalancedError):
        prove(found, Decimal("10.01"))
    with pytest.raises(UnbalancedError):
        prove(found[:1], Decimal(10))


def test_a_month_without_figures_has_no_journal(project: Path) -> None:
    """It is refused with the months that are known."""
    said = call("journal", "2024-01", "--project", project)

    assert said.code == 2
    assert "2025-10" in said.err
