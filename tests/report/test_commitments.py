"""``percapita commitments``: coverage, utilisation, unused cost and its owner, savings, expiry."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import Inputs, Row, ask, call, charge, write

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
pools:
  - {pool: waste, match: {CommitmentDiscountStatus: Unused, ServiceName: vm}, owner: cloud team}
"""
HOUR = ("2025-10-01T00:00:00Z", "2025-10-01T01:00:00Z")
NEXT = ("2025-11-01T00:00:00Z", "2025-11-01T01:00:00Z")


def line(kind: str, cost: str, listed: str = "", **columns: str) -> Row:
    """Return a line of a commitment: Used, Unused or Purchase; or one without, for nothing."""
    start, end = columns.pop("span", "").split() or HOUR
    said = {"EffectiveCost": cost, "BilledCost": "0", "ListCost": listed or cost}
    if kind:
        said |= {"CommitmentDiscountId": "plan-1", "CommitmentDiscountName": "Plan"}
    if kind == "Purchase":
        said |= {"ChargeCategory": "Purchase", "BilledCost": cost, "EffectiveCost": "0"}
    elif kind:
        said |= {"CommitmentDiscountStatus": kind}
    return charge("vm", "0", start, end, **{**said, **columns})


LINES = [
    line("Used", "6", "10"),
    line("Unused", "2", "2"),
    line("Used", "3", "5", span=" ".join(NEXT)),
    line("Unused", "1", "1", span=" ".join(NEXT), ServiceName="other", CommitmentDiscountId="p-2"),
    line("Purchase", "8760", span="2025-10-01T00:00:00Z 2026-10-01T00:00:00Z",
         ChargeFrequency="One-Time"),
    line("", "4", "5"),
    line("", "1", "9", PricingCategory="Dynamic"),
    line("", "50", "50", ServiceName="storage"),
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with two commitments over two months."""
    folder = write(tmp_path_factory.mktemp("commitments"), Inputs(MODEL, LINES))
    ask(folder, "import")
    return folder


def test_each_commitment_has_its_sums_and_rates(shop: Path) -> None:
    """Utilisation is by amortised cost, savings against list price; cash stands beside."""
    plan, other = ask(shop, "commitments")["commitments"]

    assert (plan["id"], plan["name"], plan["purchased"]) == ("plan-1", "Plan", "8760.00")
    assert (plan["committed"], plan["used"], plan["unused"]) == ("11.00", "9.00", "2.00")
    assert plan["utilisation"] == "81.818181818182"
    assert plan["savings"] == "4.00"
    assert plan["effective_savings_rate"] == "26.666666666667"
    assert plan["break_even"] == "60.00"
    assert (other["utilisation"], other["effective_savings_rate"]) == ("0.00", None)


def test_months_and_all_hold_what_could_be_covered(shop: Path) -> None:
    """On-demand usage of covered services counts; spot and other services do not."""
    found = ask(shop, "commitments")

    october, november = found["months"]
    assert (october["open_cost"], october["open_list"]) == ("4.00", "5.00")
    assert october["coverage"] == "66.666666666667"
    assert (november["open_cost"], november["coverage"]) == (None, "100.00")
    whole = found["totals"]
    assert (whole["on_demand"], whole["actual"]) == ("20.00", "16.00")
    rate = 1 - Decimal(whole["actual"]) / Decimal(whole["on_demand"])
    assert Decimal(whole["effective_savings_rate"]) == 100 * rate == 20


def test_the_unused_part_has_the_owner_of_its_pool(shop: Path) -> None:
    """The first pool that takes the lines owns the waste; what no pool takes is nobody's."""
    found = ask(shop, "commitments")

    assert found["unused"] == [
        {"pool": "waste", "owner": "cloud team", "amount": "2.00"},
        {"pool": "unallocated", "owner": None, "amount": "1.00"},
    ]
    assert [one["unused_owners"] for one in found["commitments"]] == [["cloud team"], [None]]
    assert "without an owner" in found["meta"]["notes"][0]


def test_expiry_is_what_a_purchase_or_the_contracts_say(shop: Path, tmp_path: Path) -> None:
    """One purchase for all of the term ends with it; the dataset of contracts wins."""
    contracts = tmp_path / "contracts.csv"
    contracts.write_text(
        "ContractCommitmentId,ContractCommitmentPeriodEnd\np-2,2027-05-01T08:00:00Z\n", "utf-8"
    )

    found = ask(shop, "commitments --contracts", str(contracts))["commitments"]
    assert [one["expires"] for one in found] == ["2026-10-01", "2027-05-01"]
    said = call("commitments", "--project", shop, "--contracts", shop / "bill.csv")
    assert said.code == 2
    assert "ContractCommitmentPeriodEnd" in said.err


def test_csv_and_text_say_the_same(shop: Path) -> None:
    """Rows of commitments, months and all; the terminal writes the formula out."""
    said = call("commitments", "--period", "2025-10", "--project", shop, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(said.out)))

    assert [row["what"] for row in rows] == ["commitment", "month", "all"]
    assert rows[-1]["actual"] == "12.00"
    text = call("commitments", "--project", shop).out
    assert "20.00 % = 1 -" in " ".join(text.split())
    assert "cloud team" in text


def test_a_missing_list_price_is_not_zero(tmp_path: Path) -> None:
    """Where covered usage has no list cost, savings and coverage are null, and a note says so."""
    lines = [line("Used", "6", "10"), {**line("Used", "3"), "ListCost": ""}]
    folder = write(tmp_path, Inputs(MODEL, lines))
    ask(folder, "import")

    found = ask(folder, "commitments")
    assert found["totals"]["utilisation"] == "100.00"
    assert found["totals"]["coverage"] is found["totals"]["effective_savings_rate"] is None
    assert "without a list cost" in found["meta"]["notes"][0]


def test_a_bill_without_commitments_says_so(tmp_path: Path) -> None:
    """Nothing is made up."""
    folder = write(tmp_path, Inputs(MODEL, [charge("vm", "1", *HOUR)]))
    ask(folder, "import")

    assert "no commitments" in call("commitments", "--project", folder).out
    assert ask(folder, "commitments")["totals"]["utilisation"] is None
