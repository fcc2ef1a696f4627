"""What the dates of a row name, as SQL: ``normalise.Moment`` for whole columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from percapita.bills.normalise import EARLIEST, LATEST
from percapita.core import periods
from percapita.store.engine import Engine, literal

_MOST: Final = 36
"""Months up to which comparing is faster than formatting."""
_NEVER: Final = "NULL::TIMESTAMPTZ"


@dataclass(frozen=True, slots=True)
class Dated:
    """The SQL of what a column of dates names."""

    at: str
    until: str
    month: str
    later: str
    """A month after ``at``."""


def looked_up(alias: str) -> Dated:
    """Return the SQL over a look-up table that rows are joined with."""
    return Dated(*(f"{alias}.{column}" for column in ("at", "until", "month", "later")))


def native(engine: Engine, rows: str, column: str) -> tuple[Dated, bool]:
    """Return the SQL over a column of instants; tell whether some of them can't be meant.

    Args:
        engine: where the rows are.
        rows: SQL of them.
        column: of the instants.
    """
    at = column
    meant = f"{at} >= TIMESTAMPTZ '{EARLIEST}-01-01' AND {at} < TIMESTAMPTZ '{LATEST}-01-01'"
    odd, first, last = engine.rows(
        f"SELECT count(*) FILTER (NOT ({meant})), strftime(min({at}) FILTER ({meant}), '%Y-%m'),"
        f" strftime(max({at}) FILTER ({meant}), '%Y-%m') FROM ({rows})"
    )[0]
    if first is None:
        return Dated(_NEVER, _NEVER, "NULL::VARCHAR", _NEVER), bool(odd)
    if odd:
        at = f"CASE WHEN {meant} THEN {at} END"
    month = _month(at, _months(first, last))
    return Dated(at, f"({at} + INTERVAL 1 HOUR)", month, f"({at} + INTERVAL 1 MONTH)"), bool(odd)


def _months(first: str, last: str) -> list[str]:
    """Return the months from one to another, or the first few of them."""
    found, day = [first], date.fromisoformat(f"{first}-01")
    while found[-1] != last and len(found) <= _MOST:
        day = periods.next_month(day)
        found.append(periods.month_label(day))
    return found


def _month(at: str, months: Sequence[str]) -> str:
    """Return the SQL of an instant's month, which is one of these."""
    if len(months) > _MOST:
        return f"strftime({at}, '%Y-%m')"
    cases = "".join(
        f" WHEN {at} >= TIMESTAMPTZ '{month}-01' THEN {literal(month)}"
        for month in reversed(months)
    )
    return f"CASE{cases} END"
