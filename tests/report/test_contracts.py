"""``percapita contracts``: what is due, what is used of a commitment, prices above the agreed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import Inputs, Row, ask, call, charge, write

MODEL = "version: 1\ncurrency: USD\nunits: {active user: {subject: user}}\n"
CONTRACTS = """
contracts:
  - contract: Mail
    vendor: Acme
    term: 2025
    notice: 30
    renews: true
    uplift: 7.5
    currency: USD
    commitment: 12000
    cap: 13000
    prices: [{sku: seat, unit: seat, price: 10, tolerance: 0}]
    owner: growth
    alternative: Other Mail
  - {contract: Host, vendor: Iron, match: {ServiceName: host*}, term: 2025-07..2026-06,
     currency: USD, cap: 500, notice: 2026-01-31}
  - {contract: Old, vendor: Past, term: 2024-01..2025-08, currency: USD}
  - {contract: Next, vendor: Iron, term: 2026, currency: USD, notice: 2026-11-30}
"""


def line(vendor: str, month: int, cost: str, **columns: str) -> Row:
    """Return what a vendor charges for a month."""
    start, end = (f"2025-{m:02d}-01T00:00:00Z" for m in (month, month + 1))
    said = {"InvoiceIssuerName": vendor, "SkuId": "x", **columns}
    return charge("shop", cost, start, end, **said)


LINES = [
    *(line("Acme", month, "800") for month in range(1, 11)),
    line("Acme", 10, "400", ChargeCategory="Tax"),
    line("Acme", 10, "400", CommitmentDiscountStatus="Unused"),
    line("Acme", 3, "31.5", SkuId="seat", PricingQuantity="3", PricingUnit="seat"),
    line("Acme", 4, "28.5", SkuId="seat", PricingQuantity="3", PricingUnit="seat"),
    line("Else", 9, "150", ServiceName="hosting"),
    line("Else", 10, "300", ServiceName="hosting"),
    line("Past", 8, "10"),
    line("Past", 9, "20"),
]


@pytest.fixture(scope="module", autouse=True)
def clock() -> Any:  # noqa: ANN401
    """Let it be the ninth of November 2025."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERCAPITA_NOW", "2025-11-09T00:00:00Z")
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, clock: None) -> Path:  # noqa: ARG001
    """Give a project with contracts."""
    folder = write(tmp_path_factory.mktemp("contracts"), Inputs(MODEL, LINES))
    (folder / "contracts.yaml").write_text(CONTRACTS, encoding="utf-8")
    ask(folder, "import")
    return folder


def contract(shop: Path, name: str) -> dict[str, Any]:
    """Return one contract as JSON carries it."""
    found: list[dict[str, Any]] = ask(shop, "contracts")["contracts"]
    return next(one for one in found if one["contract"] == name)


def test_a_commitment_is_used_by_what_it_pays_for(shop: Path) -> None:
    """Tax and unused parts use nothing up; the pace is that of the months that are in."""
    mail = contract(shop, "Mail")

    assert (mail["spent"], mail["left"]) == ("8060.00", "3940.00")
    assert (mail["through"], mail["elapsed"]) == ("2025-11-01", "83.287671232877")
    assert Decimal(mail["pace"]).quantize(Decimal("0.01")) == Decimal("9677.30")
    assert mail["used"] == "67.166666666667"


def test_what_is_due_first_stands_first(shop: Path) -> None:
    """Contracts are in order of their notice date; those that are over stand last."""
    found = ask(shop, "contracts")["contracts"]

    assert [(one["contract"], one["status"], one["notice_in"]) for one in found] == [
        ("Mail", "notice due", 22), ("Host", "running", 83), ("Next", "future", 386),
        ("Old", "ended", None),
    ]  # fmt: skip
    assert found[0]["notice"] == "2025-12-01"


def test_prices_above_the_agreed_count(shop: Path) -> None:
    """What is dearer than agreed was overpaid; what is cheaper is no matter."""
    mail = contract(shop, "Mail")

    assert mail["overpaid"] == "1.50"
    assert [(row["period"], row["differs"]) for row in mail["prices"]] == [
        ("2025-03", True), ("2025-04", False),
    ]  # fmt: skip


def test_lines_are_told_by_match(shop: Path) -> None:
    """A match names lines that the vendor does not issue."""
    assert contract(shop, "Host")["spent"] == "450.00"


def test_check_tells_what_needs_somebody(shop: Path) -> None:
    """Renewal, slow use, a cap that is near, prices and charges after the end are findings."""
    found = {one["code"]: one for one in ask(shop, "check")["findings"]}

    renewal = found["contract-renewal"]
    assert (renewal["where"], renewal["amount"], renewal["owner"]) == ("Mail", "900.00", "growth")
    assert "22 days are left to give notice, until 2025-12-01" in renewal["message"]
    assert "It renews on 2026-01-01, 7.5 % dearer." in renewal["message"]
    assert "Other Mail" in renewal["advice"]
    assert found["contract-underused"]["where"] == "Mail"
    assert found["contract-cap"]["where"] == "Host"
    assert (found["contract-price"]["where"], found["contract-price"]["amount"]) == (
        "Mail: seat", "1.50",
    )  # fmt: skip
    assert (found["contract-ended"]["where"], found["contract-ended"]["amount"]) == ("Old", "20.00")


def test_table_and_rows(shop: Path) -> None:
    """The table names each contract and each price above the agreed; CSV has a row each."""
    text = call("contracts", "--project", shop).out
    rows = call("contracts", "--project", shop, "--format", "csv").out.splitlines()

    assert "Above the agreed price" in text
    assert [row.split(",")[0] for row in rows] == ["contract", "Mail", "Host", "Next", "Old"]


def test_a_vendor_that_no_line_names_is_said(tmp_path: Path, clock: None) -> None:  # noqa: ARG001
    """Nothing spent may mean nothing found: the way to say which lines are meant is shown."""
    folder = write(tmp_path / "other", Inputs(MODEL, LINES))
    one = "{contract: Elsewhere, vendor: Nobody Ltd, term: 2025, currency: USD}"
    (folder / "contracts.yaml").write_text(f"contracts: [{one}]\n", encoding="utf-8")
    ask(folder, "import")

    text = " ".join(call("contracts", "--project", folder).out.split())

    assert "No line in its term belongs to: Elsewhere (vendor: Nobody Ltd)" in text


WRONG = {
    "contracts: [{contract: a, vendor: b, term: 2025, currency: USD, notice: 2026-03-01}]":
        "after the end of the term",
    "contracts: [{contract: a, vendor: b, currency: USD}]": "needs the key 'term'",
    "contracts: [{contract: a, vendor: b, term: 2025, currency: USD, notice: soon}]":
        "'soon' is not a period",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, text: str) -> None:
    """A flaw of the file stops with file, line and column; no file says how to write one."""
    folder = write(tmp_path / "p", Inputs(MODEL, LINES[:1]))
    none = call("contracts", "--project", folder)
    (folder / "contracts.yaml").write_text(text, encoding="utf-8")
    said = call("contracts", "--project", folder)

    assert (none.code, said.code) == (2, 2)
    assert "There are no contracts" in none.err
    assert WRONG[text] in said.err
    assert "contracts.yaml:1:" in said.err


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    """A name in percapita.yaml that leads nowhere stops check, rather than finding nothing."""
    folder = write(tmp_path / "p", Inputs(MODEL, LINES[:1]))
    settings = folder / "percapita.yaml"
    settings.write_text(f"contracts: vendor.yaml\n{settings.read_text(encoding='utf-8')}")
    call("import", "--project", folder)
    said = call("check", "--project", folder)

    assert said.code == 2
    assert "vendor.yaml is not there; percapita.yaml says `contracts:`" in said.err
