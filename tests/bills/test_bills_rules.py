"""The typing rules, cell by cell."""

from __future__ import annotations

from decimal import Decimal

import pytest

from percapita.bills import normalise


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("$10,000.00 ", "10000.00"),
        ("($1.50)", "-1.50"),
        ("-$3", "-3"),
        ("1.6E-06", "0.0000016"),
        ("-0.00", "0"),
        (".5", "0.5"),
        ("12 €", "12"),
        ("−4", "-4"),  # noqa: RUF001 the sign is the fact
        ("0.000000000000000000000000001", "1e-27"),
    ],
)
def test_amount(text: str, amount: str) -> None:
    """An amount keeps every digit, whatever surrounds it."""
    assert normalise.amount(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["two", "1,23", "NaN", "1e400", "1e-200", "--1", "1 2", "0x1"])
def test_no_amount(text: str) -> None:
    """What is no number, or fits no money column, is refused."""
    with pytest.raises(ValueError, match=r".+"):
        normalise.amount(text)


def test_decimal_comma_needs_proof() -> None:
    """A comma parts decimals only where an amount can be read no other way."""
    assert normalise.decimal_comma({"1.234,50", "7"})
    assert normalise.decimal_comma({"0,125"})
    assert not normalise.decimal_comma({"1,234"})
    assert not normalise.decimal_comma({"1,234.50", "1,234"})
    assert normalise.amount("1.234,50", comma=True) == Decimal("1234.50")
    with pytest.raises(ValueError, match="comma"):
        normalise.amount("1.5", comma=True)


@pytest.mark.parametrize(
    ("text", "at", "until"),
    [
        ("2024-09-18 22:00:00", "2024-09-18 22:00", "2024-09-18 23:00"),
        ("2024-09-18T22:00:00Z", "2024-09-18 22:00", "2024-09-18 23:00"),
        ("2024-09-18T22:00:00.1234567Z", "2024-09-18 22:00", "2024-09-18 23:00"),
        ("2024-09-18T22:00:00-02:00", "2024-09-19 00:00", "2024-09-19 01:00"),
        ("2026-10-01 00:00:00 +0000 UTC", "2026-10-01 00:00", "2026-10-01 01:00"),
        ("2026-10-01 00:00:00+00", "2026-10-01 00:00", "2026-10-01 01:00"),
        ("2026-10-01 01:00:00 UTC", "2026-10-01 01:00", "2026-10-01 02:00"),
        ("4/1/25", "2025-04-01 00:00", "2025-04-02 00:00"),
        ("4/1/2025 1:30 PM", "2025-04-01 13:30", "2025-04-01 14:30"),
        ("2025-10", "2025-10-01 00:00", "2025-11-01 00:00"),
        ("202510", "2025-10-01 00:00", "2025-11-01 00:00"),
        ("Oct 2025", "2025-10-01 00:00", "2025-11-01 00:00"),
        ("20251031", "2025-10-31 00:00", "2025-11-01 00:00"),
        ("31.10.2025", "2025-10-31 00:00", "2025-11-01 00:00"),
        ("2025/10/31", "2025-10-31 00:00", "2025-11-01 00:00"),
    ],
)
def test_moment(text: str, at: str, until: str) -> None:
    """A date names an instant, a day or a month, and ends where that ends."""
    moment = normalise.moment(text)

    assert f"{moment.at:%Y-%m-%d %H:%M}" == at
    assert f"{moment.until:%Y-%m-%d %H:%M}" == until


@pytest.mark.parametrize(
    "text", ["soon", "2025-13-01", "2025-02-30", "2025-02-01T30:00:00Z", "0001-01-01", "45931", "1"]
)
def test_no_moment(text: str) -> None:
    """What names no day that can be meant is refused."""
    with pytest.raises(ValueError, match=r".+"):
        normalise.moment(text)


def test_month_is_the_written_one() -> None:
    """A billing month is the one written, though its first instant is in the month before."""
    assert normalise.moment("2025-10-01T00:00:00+02:00").month == "2025-10"


def test_day_first_needs_proof() -> None:
    """The month comes first unless one date of the file can only start with the day."""
    assert not normalise.day_first({"4/1/25"})
    assert normalise.day_first({"4/1/25", "13/1/25"})
    assert not normalise.day_first({"13/1/25", "1/13/25"})


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ('{"b": "2", "a": "1"}', {"a": "1", "b": "2"}),
        ("{'a': 'x', 'b': None, 'c': False}", {"a": "x", "c": "false"}),
        ('"k": "v","k2": "v2"', {"k": "v", "k2": "v2"}),
        ('{" k ": " v "}', {" k ": " v "}),
        ('{"k": {"n": [1.50, null]}}', {"k": '{"n":[1.50,null]}'}),
        ('[{"Key": "k", "Value": "v"}]', {"k": "v"}),
        ('{"a": "ü\\n"}', {"a": "ü\n"}),
        ("{}", {}),
    ],
)
def test_tags(text: str, tags: dict[str, str]) -> None:
    """Tags are read in every form bills write them in, keys and values as written."""
    assert normalise.tags(text) == tags
    assert list(normalise.tags(text)) == sorted(tags)


@pytest.mark.parametrize("text", ["dev", '{"a"', "[1]", "7", '"a"', "[" * 5000])
def test_no_tags(text: str) -> None:
    """What is no object is refused."""
    with pytest.raises(ValueError, match=r".+"):
        normalise.tags(text)
