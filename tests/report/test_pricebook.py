"""``percapita pricebook``: prices that the bill charged against those of the book."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invariants.folder import Inputs, Row, ask, call, charge, write
from percapita.measure.pricebook import Price, Tier, stale

MODEL = "version: 1\ncurrency: USD\nunits: {active user: {subject: user}}\n"
BOOK = """
currency: USD
tolerance: 2
stale after: 100
prices:
  - {sku: seat, unit: seat, price: 10, to: 2025-10, checked: 2025-01-01, source: https://a.example}
  - {sku: seat, unit: seat, price: 11, from: 2025-11, checked: 2025-11-01}
  - {name: egress, match: {SkuId: egress-*}, tiers: [{to: 100, price: 0}, {price: 0.09}]}
  - {service: mail, price: 1.50, per: 1000, basis: list, tolerance: 0}
  - {sku: nobody, price: 1, to: 2025-01}
  - {sku: missing, price: 1}
"""


def line(sku: str, quantity: str, cost: str, month: str = "10", **columns: str) -> Row:
    """Return a line with a quantity."""
    start, end = f"2025-{month}-03T00:00:00Z", f"2025-{month}-04T00:00:00Z"
    said = {"SkuId": sku, "PricingQuantity": quantity, "PricingUnit": "seat", **columns}
    return charge("shop", cost, start, end, **said)


LINES = [
    line("seat", "3", "30"),
    line("seat", "2", "20.30"),
    line("seat", "4", "48.123456789012345678"),
    line("seat", "2", "19.50"),
    line("seat", "5", "55", "11"),
    line("seat", "5", "99", PricingUnit="day"),
    line("seat", "5", "99", BillingCurrency="EUR"),
    line("seat", "9", "9", ChargeCategory="Credit"),
    line("egress-a", "80", "1.80", PricingUnit="GB"),
    line("egress-b", "120", "7.20", PricingUnit="GB"),
    line("m", "2000", "2", ServiceName="mail", ListCost="3"),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with a price book."""
    folder = write(tmp_path_factory.mktemp("book"), Inputs(MODEL, LINES))
    (folder / "pricebook.yaml").write_text(BOOK, encoding="utf-8")
    ask(folder, "import")
    return folder


def rows(shop: Path, **told: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return the rows of prices that are as told."""
    found = ask(shop, "pricebook")["prices"]
    return [row for row in found if all(row[key] == value for key, value in told.items())]


def test_lines_that_are_off_are_counted_to_the_last_digit(shop: Path) -> None:
    """Lines beyond the tolerance count, dearer and cheaper; units and currencies do not mix."""
    (seat,) = rows(shop, price="seat", period="2025-10")

    assert (seat["lines"], seat["quantity"], seat["off_lines"]) == (4, "11.00", 2)
    assert (seat["expected_price"], seat["expected"]) == ("10.00", "110.00")
    assert Decimal(seat["found"]) == Decimal("117.923456789012345678")
    assert Decimal(seat["at_stake"]) == Decimal("48.123456789012345678") + Decimal("19.50") - 60
    assert seat["differs"] is True


def test_dates_say_which_price_holds(shop: Path) -> None:
    """From November on the new price holds, and the bill keeps it."""
    (seat,) = rows(shop, price="seat", period="2025-11")

    assert (seat["expected_price"], seat["found_price"], seat["differs"]) == (
        "11.00", "11.00", False,
    )  # fmt: skip


def test_tiers_are_of_a_month(shop: Path) -> None:
    """The quantity of all lines of a month goes through the tiers, free allowance first."""
    (egress,) = rows(shop, price="egress")

    assert (egress["quantity"], egress["expected"], egress["found"]) == ("200.00", "9.00", "9.00")
    assert egress["differs"] is False


def test_basis_and_units_of_a_price(shop: Path) -> None:
    """A price per thousand is compared on the basis that it names."""
    (mail,) = rows(shop, price="mail")

    assert (mail["basis"], mail["expected_price"], mail["found_price"]) == ("list", "1.50", "1.50")


def test_prices_without_lines_are_named(shop: Path) -> None:
    """A price that holds and that no line has is named, one that is over is not."""
    assert ask(shop, "pricebook")["unseen"] == ["missing"]


def test_check_tells_what_is_off(shop: Path) -> None:
    """Each price that is off is one finding with its money."""
    found = {one["code"]: one for one in ask(shop, "check")["findings"]}

    assert Decimal(found["price-differs"]["amount"]) == Decimal("7.623456789012345678")
    assert "2 of 4 lines in 2025-10 are off by more than 2 %" in found["price-differs"]["message"]


@given(st.dates(date(2024, 1, 1), date(2026, 1, 1)), st.integers(1, 400))
def test_old_prices_are_told(checked: date, after: int) -> None:
    """A price is stale when more days have gone than the book allows."""
    today = date(2026, 1, 2)
    price = Price("x", {}, (Tier(Decimal(1)),), "USD", checked=checked)

    assert bool(stale([price], today, after)) == ((today - checked).days > after)
    assert stale([replace(price, end=date(2026, 1, 1))], today, after) == []


QUANTITY = st.decimals(0, Decimal("1e6"), places=3)


@given(QUANTITY, st.lists(st.integers(1, 10**5), max_size=4, unique=True))
def test_tiers_cost_at_least_the_cheapest_and_at_most_the_dearest(
    quantity: Decimal, ends: list[int]
) -> None:
    """What tiers come to lies between all at the lowest and all at the highest price."""
    tiers = (*(Tier(Decimal(end % 5), Decimal(end)) for end in sorted(ends)), Tier(Decimal(2)))
    cost = Price("x", {}, tiers, "USD").cost(quantity)
    prices = [tier.price for tier in tiers]

    assert min(prices) * quantity <= cost <= max(prices) * quantity


def test_exit_code_and_text(shop: Path) -> None:
    """The table names what is at stake; the code is 1 where the user asks for it."""
    said = call("pricebook", "--project", shop, "--fail-on-difference")

    assert said.code == 1
    assert "At stake: 7.62 USD." in said.out
    assert call("pricebook", "--project", shop, "--period", "2025-11").code == 0


WRONG = {
    "prices: [{price: 1}]": "which lines the price is for",
    "prices: [{sku: a, price: 1, tiers: [{price: 2}]}]": "price or tiers, one of them",
    "prices: [{sku: a, tiers: [{to: 2, price: 2}]}]": "do not rise",
    "prices: [{sku: a, price: 1}]": "'a' has no currency",
    "currency: USD\nprices: [{sku: a, prize: 1}]": "Did you mean price?",
    "": "The file is empty",
}


@pytest.mark.parametrize("book", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, book: str) -> None:
    """A flaw of the book stops with file, line and column."""
    folder = write(tmp_path / "p", Inputs(MODEL, LINES[:1]))
    (folder / "pricebook.yaml").write_text(book, encoding="utf-8")
    said = call("pricebook", "--project", folder)

    assert said.code == 2
    assert WRONG[book] in said.err
    assert "pricebook.yaml:" in said.err


def test_no_book(tmp_path: Path) -> None:
    """Without a book the command says how to write one."""
    said = call("pricebook", "--project", write(tmp_path / "p", Inputs(MODEL, LINES[:1])))

    assert said.code == 2
    assert "There is no price book" in said.err
