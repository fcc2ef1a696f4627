"""Exchange rates: the table, its gaps, and exact products."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from percapita.core.rates import RatesError, read_rates


def written(folder: Path, rows: str) -> Path:
    """Write a table of rates."""
    path = folder / "rates.csv"
    path.write_text(f"date,from,to,rate,until\n{rows}", encoding="utf-8")
    return path


def rate(path: Path, day: str, pair: tuple[str, str] = ("EUR", "USD")) -> str | None:
    """Return the rate of a day as text."""
    found = read_rates(path).find(*pair, date.fromisoformat(day))
    return None if found is None else f"{found.text} of {found.day}"


def test_a_gap_is_filled_by_the_last_earlier_day_up_to_a_week(tmp_path: Path) -> None:
    """A rate holds on its day and the seven after it, never before, never longer."""
    path = written(tmp_path, "2025-10-10,EUR,USD,1.10,\n2025-10-03,eur,usd,1.0842,\n")

    assert rate(path, "2025-10-02") is None
    assert rate(path, "2025-10-09") == "1.0842 of 2025-10-03"
    assert rate(path, "2025-10-10") == "1.10 of 2025-10-10"
    assert rate(path, "2025-10-17") == "1.10 of 2025-10-10"
    assert rate(path, "2025-10-18") is None


def test_until_says_how_long_a_rate_holds(tmp_path: Path) -> None:
    """A monthly rate or the price of a credit holds to the date that its row names."""
    path = written(tmp_path, "2025-01-01,Tokens,USD,0.002,2025-12-31\n")

    assert rate(path, "2025-12-31", ("Tokens", "USD")) == "0.002 of 2025-01-01"
    assert rate(path, "2026-01-01", ("Tokens", "USD")) is None
    assert rate(path, "2025-06-01", ("tokens", "USD")) is None


def test_the_newest_row_that_still_holds_counts(tmp_path: Path) -> None:
    """A row for one day stands before the one for the year, and gives way to it after."""
    path = written(tmp_path, "2025-01-01,EUR,USD,1,2025-12-31\n2025-06-01,EUR,USD,2,2025-06-01\n")

    assert rate(path, "2025-06-01") == "2 of 2025-06-01"
    assert rate(path, "2025-06-02") == "1 of 2025-01-01"


def test_a_rate_is_never_turned_round(tmp_path: Path) -> None:
    """One over a rate is no rate; the message says that the table has the other direction."""
    rates = read_rates(written(tmp_path, "2025-10-10,USD,EUR,0.9,\n"))

    assert rates.find("EUR", "USD", date(2025, 10, 10)) is None
    assert "USD to EUR, which is never turned round" in rates.around("EUR", "USD")


def test_every_wrong_row_is_named_with_its_line(tmp_path: Path) -> None:
    """All that is wrong with the table is said at once."""
    path = written(
        tmp_path,
        "31.10.2025,EUR,USD,1.1,\n2025-10-10,EUR,USD,-1,\n2025-10-10,,USD,1,\n"
        "2025-10-10,EUR,USD,1.1,2025-10-01\n2025-10-11,EUR,USD,1.1,\n2025-10-11,EUR,USD,1.2,\n",
    )

    with pytest.raises(RatesError) as raised:
        read_rates(path)
    assert [(p.where.rpartition(":")[2], p.code) for p in raised.value.problems] == [
        ("2", "not-a-date"), ("3", "not-a-number"), ("4", "empty"), ("5", "wrong-order"),
        ("7", "duplicate"),
    ]  # fmt: skip


def test_a_table_without_its_columns_is_refused(tmp_path: Path) -> None:
    """Each column that is missing is named."""
    path = tmp_path / "rates.csv"
    path.write_text("day,rate\n2025-10-10,1\n", encoding="utf-8")

    with pytest.raises(RatesError, match="It has no column 'date'"):
        read_rates(path)
