"""Numbers and tables as people read them."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest

from percapita.report import numbers
from percapita.report.table import Column, Page, fitting


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        ("1234.5", 2, "1,234.50"),
        ("-226.2", 2, "\u2212226.20"),
        ("0.005", 2, "0.00"),
        ("0.015", 2, "0.02"),
        ("-0.001", 2, "0.00"),
        ("0.0312", 4, "0.0312"),
        ("12345678901.123456789012345678", 18, "12,345,678,901.123456789012345678"),
    ],
)
def test_amounts_are_grouped_with_a_true_minus(value: str, places: int, shown: str) -> None:
    """Half-even to the places asked for; nothing is a minus that rounds to zero."""
    assert numbers.amount(Decimal(value), places) == shown


def test_unknown_and_undefined_look_different() -> None:
    """An unknown amount is a dash, an undefined share is n/a, zero is zero."""
    assert (numbers.amount(None), numbers.share(None), numbers.count(0)) == ("—", "n/a", "0")
    assert (numbers.count(None), numbers.count(-1200)) == ("—", "\u22121,200")


def test_small_figures_get_the_digits_they_need() -> None:
    """Three significant digits of the smallest, two places at least, six at most."""
    assert numbers.places([Decimal("27.49"), None, Decimal(0)]) == 2
    assert numbers.places([Decimal("27.49"), Decimal("0.0312")]) == 4
    assert numbers.places([Decimal("0.00000003")]) == 6


def test_below_a_cent_a_figure_keeps_three_digits() -> None:
    """Cents as long as they say something, below that three significant digits, twelve at most."""
    for written, usual, shown in (
        ("1234.5", 2, "1,234.50"), ("0.01", 2, "0.01"), ("0.0099", 2, "0.00990"),
        ("-0.00037037", 2, "\u22120.000370"), ("0.00012", 4, "0.0001"),
        ("0.00000012", 6, "0.000000120"), ("0.00000000000000012", 2, "0.000000000000"),
        ("0", 2, "0.00"),
    ):  # fmt: skip
        value = Decimal(written)
        assert numbers.amount(value, numbers.least_places(value, usual)) == shown


COLUMNS = (
    Column("tier", ["Starter", "total"], number=False),
    Column("direct\nUSD", ["9,200.00", "35,000.00"], rank=5),
    Column("units", ["1,200", "1,500"], rank=2),
    Column("total\nUSD", ["32,990.00", "95,000.00"]),
)


@pytest.mark.parametrize(
    ("width", "gone"), [(80, []), (35, ["direct\nUSD"]), (20, ["direct\nUSD", "units"])]
)
def test_columns_leave_by_rank(width: int, gone: list[str]) -> None:
    """The least needed go first, names and totals never."""
    kept, dropped = fitting(COLUMNS, width)

    assert [column.title for column in dropped] == gone
    assert [c.title for c in kept if c.rank == 0] == ["tier", "total\nUSD"]


def test_a_table_fills_no_more_than_the_width() -> None:
    """What did not fit is returned by name."""
    stream = io.StringIO()

    hidden = Page(stream, width=30).table(COLUMNS, totals=True)

    assert hidden == ["direct USD"]
    assert max(map(len, stream.getvalue().splitlines())) <= 30
    assert "9,200" not in stream.getvalue()


def test_names_of_data_are_printed_as_they_are() -> None:
    """Brackets in a name are no markup, and no colour is printed to a file."""
    stream = io.StringIO()

    Page(stream, width=40).table([Column("x", ["[red]a[/red]"], ["red"], number=False)])

    assert "[red]a[/red]" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(("bill", "places"), [("95000", 2), ("-6.02", 4), ("0.3", 6), ("0", 2)])
def test_amounts_of_a_small_bill_get_more_digits(bill: str, places: int) -> None:
    """Cents would hide the lines of a bill of a few dollars."""
    assert numbers.money_places(Decimal(bill)) == places
