"""Amounts as bills write them, and as JSON carries them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percapita.core import money

AMOUNTS = st.decimals(
    min_value=Decimal(-(10**17)), max_value=Decimal(10**17), places=18, allow_nan=False
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("12.50", "12.50"),
        (" 12.50 ", "12.50"),
        ("-0.0000016", "-0.0000016"),
        ("1.6E-7", "0.00000016"),
        ("+3e2", "300"),
        (".5", "0.5"),
        ("7.", "7"),
        ("1,234,567.89", "1234567.89"),
        ("$1,234.50", "1234.50"),
        ("-$3.00", "-3.00"),
        ("$-3.00", "-3.00"),
        ("(4.20)", "-4.20"),
        ("($4.20)", "-4.20"),
        ("€9", "9"),
        ("0.12345678901234567", "0.12345678901234567"),
        ("0.1234567890123456789012", "0.1234567890123456789012"),
    ],
)
def test_amounts_are_read_as_bills_write_them(text: str, amount: str) -> None:
    """Every way a bill writes a number gives the same amount, no digit lost."""
    assert money.exact(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    ["", " ", "-", "abc", "NaN", "Infinity", "1.2.3", "1,23", "12 34", "1e", "0x10", "1_000",
     "1000000000000000000", "1e18", "-1e400"],
)  # fmt: skip
def test_what_is_no_amount_is_refused(text: str) -> None:
    """Anything else, and anything too large for the column, is refused by its text."""
    with pytest.raises(ValueError, match=r"is not a number|is too large"):
        money.exact(text)


def test_largest_amount_fits() -> None:
    """Amounts up to the last digit below 10^18 are read and stored."""
    text = "999999999999999999.999999999999999999"

    assert money.stored(money.exact(text)) == Decimal(text)


@pytest.mark.parametrize(
    ("amount", "kept"),
    [
        ("0.1234567890123456785", "0.123456789012345678"),
        ("0.1234567890123456775", "0.123456789012345678"),
        ("-0.00000000000000000051", "-0.000000000000000001"),
        ("0.0000000000000000005", "0"),
    ],
)
def test_stored_amounts_round_half_even(amount: str, kept: str) -> None:
    """The 19th digit rounds the 18th half-even."""
    assert money.stored(Decimal(amount)) == Decimal(kept)


def test_total_keeps_every_digit() -> None:
    """A sum over 30 orders of magnitude loses nothing, in any order."""
    amounts = [Decimal("1e17"), Decimal("1e-18"), Decimal("-1e17"), Decimal("2e-18")]

    assert money.total(amounts) == money.total(amounts[::-1]) == Decimal("3e-18")


@given(st.lists(AMOUNTS))
def test_total_undoes_itself(amounts: list[Decimal]) -> None:
    """Amounts and their opposites sum to zero."""
    assert money.total([*amounts, *(amount.copy_negate() for amount in amounts)]) == 0


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("1234.5", "1234.50"),
        ("-0.0000016", "-0.0000016"),
        ("0", "0.00"),
        ("-0", "0.00"),
        ("1E+3", "1000.00"),
        ("0.100000000000000000", "0.10"),
        ("13.333333333333", "13.333333333333"),
    ],
)
def test_amounts_in_json(amount: str, written: str) -> None:
    """Plain digits, at least two places, no trailing zeros beyond, a minus only if not zero."""
    assert money.text(Decimal(amount)) == written


def test_unknown_stays_unknown() -> None:
    """No amount has no text, no quotient and no percentage."""
    assert money.text(None) is None
    assert money.quotient(None, 3) is None
    assert money.percent(None, 3) is None


@given(AMOUNTS)
def test_json_text_reads_back(amount: Decimal) -> None:
    """What is written is read again as the same amount."""
    written = money.text(amount)

    assert written is not None
    assert money.exact(written) == amount


def test_quotients() -> None:
    """Quotients have 12 digits, half-even, and are undefined over nothing."""
    assert money.quotient(Decimal(24000), 1800) == Decimal("13.333333333333")
    assert money.quotient(Decimal("0.0000000000025"), 1) == Decimal("0.000000000002")
    assert money.quotient(Decimal(5), 0) is None
    assert money.quotient(Decimal(5), None) is None
    assert money.percent(Decimal(26000), Decimal(121000)) == Decimal("21.487603305785")
