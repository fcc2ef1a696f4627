"""Dated rows, head counts and revenue: the local dates a row is for, and its numbers, exactly."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from percapita.core import money, periods
from percapita.core.errors import InputError
from percapita.core.tables import MONEY
from percapita.store.engine import quote
from percapita.telemetry import whom
from percapita.telemetry.batch import Batch, Table, cell
from percapita.telemetry.cells import plausible

SPAN: Final = ("period", "start", "end")
_EXACT: Final = Context(prec=120)
_LABELS: Final = ZoneInfo("UTC")
"""Dates are kept as UTC midnight labels; the model's zone is applied when they are read."""
_MIDNIGHT: Final = re.compile(r"(\d{4}-\d{2}-\d{2})([T ]00:00(:00(\.0+)?)?(Z|[+-]00(:?00)?)?)?")

BAD_PERIOD: Final = (
    "not-a-period",
    "is not a period",
    "Write 2025-10, 2025-Q4, 2025 or 2025-10-03, or give start and end (exclusive).",
)
BAD_DATE: Final = ("not-a-date", "is not a date", "Write 2025-10-03.")
TOO_FAR: Final = ("implausible-date", "lies before 1990 or after 2100", "Correct the year.")
TOO_BIG: Final = ("too-large", "does not fit", "Check the row.")
BACKWARDS: Final = ("ends-before-start", "does not lie after the start", "`end` is exclusive.")

Span = tuple[datetime, datetime]
Why = tuple[str, str, str]


def relation(table: Table, parts: Iterable[str], columns: str) -> str:
    """Return SQL of the text cells of a dated table, with ``who``."""
    listed = ", ".join(f"{cell(table.layout, part)} AS {quote(part)}" for part in parts)
    return f"SELECT row, {listed}, {whom.who(table.layout)} AS who FROM ({columns})"


class Wrong(NamedTuple):
    """The part of a row's dates that makes no sense."""

    part: str
    why: Why


def span(period: str | None, start: str | None, end: str | None) -> Span | Wrong:
    """Return the half-open span a row is for, or what is wrong with it."""
    if start is None and end is None:
        return _period(period)
    first, last = _date(start), _date(end)
    if first is None:
        return Wrong("start", BAD_DATE)
    if last is None:
        return Wrong("end", BAD_DATE)
    return (first, last) if first < last else Wrong("end", BACKWARDS)


def _period(text: str | None) -> Span | Wrong:
    midnight = _MIDNIGHT.fullmatch(text or "")
    try:
        found = periods.parse(midnight[1] if midnight else text or "", _LABELS).span
    except (InputError, OverflowError):
        return Wrong("period", BAD_PERIOD)
    return found.start, found.end


def _date(text: str | None) -> datetime | None:
    match = _MIDNIGHT.fullmatch(text or "")
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def spans(batch: Batch, sql: str) -> None:
    """Make ``_spans``: every way the file writes a row's dates, with the span it means."""
    rows = []
    for texts in batch.engine.rows(f'SELECT DISTINCT period, start, "end" FROM ({sql})'):
        found = span(*texts)
        first, last = (None, None) if isinstance(found, Wrong) else found
        rows.append((*texts, first, last))
    schema = {
        "period": "string", "start": "string", "end": "string", "first": "timestamp",
        "last": "timestamp",
    }  # fmt: skip
    batch.engine.load("_spans", schema, rows)


def numbers(
    batch: Batch, sql: str, columns: Sequence[str], read: Callable[..., Decimal | Why], kind: str
) -> None:
    """Make ``_numbers``: every way the file writes these columns, with the number they mean."""
    rows, listed = [], ", ".join(quote(name) for name in columns)
    for texts in batch.engine.rows(f"SELECT DISTINCT {listed} FROM ({sql})"):
        value = read(*texts)
        number = value if isinstance(value, Decimal) else None
        rows.append((*texts, number if kind == MONEY or number is None else int(number)))
    schema = {**dict.fromkeys(columns, "string"), "number": kind}
    batch.engine.load("_numbers", schema, rows)


def joined(sql: str, columns: Sequence[str]) -> str:
    """Return SQL of the cells with ``first``, ``last``, ``number``, ``subject`` and ``known``."""
    same = " AND ".join(f"s.{quote(p)} IS NOT DISTINCT FROM c.{quote(p)}" for p in SPAN)
    equal = " AND ".join(f"n.{quote(c)} IS NOT DISTINCT FROM c.{quote(c)}" for c in columns)
    return (
        "SELECT c.*, s.first, s.last, n.number, coalesce(w.number, 0) AS subject,"
        " (c.who IS NULL OR w.number IS NOT NULL) AS known"
        f" FROM ({sql}) AS c LEFT JOIN _spans AS s ON {same} LEFT JOIN _numbers AS n ON {equal}"
        " LEFT JOIN _who AS w ON w.who = c.who"
    )


CHECKS: Final = {
    "period": f"first IS NOT NULL AND {plausible('first')} AND {plausible('last')}",
    "number": "number IS NOT NULL",
    "who": "known",
}
"""What must hold for every dated row."""


def refuse_span(batch: Batch, table: Table, row: int, texts: str) -> None:
    """Put a row with bad dates into quarantine; ``texts`` are its three cells."""
    period, start, end = (text or None for text in texts.split("\x1f"))
    wrong = span(period, start, end)
    if not isinstance(wrong, Wrong):
        wrong = Wrong("start" if start else "period", TOO_FAR)
    shown = {"period": period, "start": start, "end": end}[wrong.part]
    batch.refuse(table, row, wrong.part, shown, wrong.why)


TEXTS: Final = (
    """concat(coalesce(period, ''), chr(31), coalesce(start, ''), chr(31), coalesce("end", ''))"""
)


def count(text: str | None) -> Decimal | Why:
    """Read a head count."""
    if text is None:
        return "missing", "the row has no count", "Fill it in."
    try:
        number = money.exact(text)
    except ValueError:
        return "not-a-number", "is not a number", "Write digits."
    if number < 0 or number != int(number):
        return "not-a-count", "is not a whole number of heads", "Write 1200."
    return number


def amount(text: str | None) -> Decimal | Why:
    """Read an amount of money."""
    if text is None:
        return "missing", "the row has no amount", "Fill it in."
    try:
        return money.stored(money.exact(text))
    except ValueError:
        return "not-a-number", "is not an amount", "Write digits, such as -1234.56."


def product(price: str | None, heads: str | None) -> Decimal | Why:
    """Read price x count as an amount."""
    if price is None or heads is None:
        return "missing", "the row needs both price and count", "Fill them in."
    try:
        whole = _EXACT.multiply(money.exact(price), money.exact(heads))
    except ValueError:
        return "not-a-number", "is not a number", "Write digits."
    if abs(whole) >= money.LARGEST:
        return "too-large", "times the count is too large for a money column", "Check the row."
    return money.stored(whole)
