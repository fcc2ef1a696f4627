"""Time: half-open spans between instants, and the days, months and windows of a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from percapita.core.errors import InputError

MICROSECOND = timedelta(microseconds=1)
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_YEAR = re.compile(r"(\d{4})")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The instants from ``start`` up to, not including, ``end``; both are aware, in UTC."""

    start: datetime
    end: datetime

    @property
    def microseconds(self) -> int:
        """Length of the span."""
        return (self.end - self.start) // MICROSECOND

    def overlap(self, other: Span) -> Span | None:
        """Return what both spans share, ``None`` where they only touch or miss each other."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None

    def contains(self, moment: datetime) -> bool:
        """Tell whether the instant lies in the span."""
        return self.start <= moment < self.end


EVER = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
"""Instants before and after every charge and reading."""


@dataclass(frozen=True, slots=True)
class Period:
    """A span with the name it was asked for by: ``2025-10``, ``2025-Q4``, ``2025-10-03``."""

    label: str
    span: Span


def zone(name: str) -> ZoneInfo:
    """Return the time zone of that IANA name.

    Raises:
        InputError: the name is unknown.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(
            f"{name!r} is not a time zone.", hint="Use an IANA name such as Europe/Berlin or UTC."
        ) from error


def midnight(day: date, tz: ZoneInfo) -> datetime:
    """Return the instant, in UTC, at which ``day`` starts in the zone."""
    return datetime(day.year, day.month, day.day, tzinfo=tz).astimezone(UTC)


def local_day(moment: datetime, tz: ZoneInfo) -> date:
    """Return the day of the zone that an instant lies in."""
    return moment.astimezone(tz).date()


def day_span(day: date, tz: ZoneInfo) -> Span:
    """Return the day as a span: 23 or 25 hours where the clocks change."""
    return Span(midnight(day, tz), midnight(day + timedelta(days=1), tz))


def month_span(year: int, month: int, tz: ZoneInfo) -> Span:
    """Return a calendar month as a span."""
    return Span(midnight(date(year, month, 1), tz), midnight(next_month(date(year, month, 1)), tz))


def next_month(day: date) -> date:
    """Return the first day of the following month."""
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)


def month_label(day: date) -> str:
    """Return ``2025-10``."""
    return f"{day.year:04d}-{day.month:02d}"


def days(span: Span, tz: ZoneInfo) -> Iterator[tuple[date, Span]]:
    """Yield each day of the zone that the span touches, whole."""
    day = local_day(span.start, tz)
    while midnight(day, tz) < span.end:
        yield day, day_span(day, tz)
        day += timedelta(days=1)


def months(span: Span, tz: ZoneInfo) -> Iterator[tuple[str, Span]]:
    """Yield each calendar month of the zone that the span touches, whole."""
    first = local_day(span.start, tz).replace(day=1)
    while midnight(first, tz) < span.end:
        yield month_label(first), month_span(first.year, first.month, tz)
        first = next_month(first)


def parse(text: str, tz: ZoneInfo) -> Period:
    """Read ``2025``, ``2025-Q4``, ``2025-10``, ``2025-10-03`` or ``FIRST..LAST`` (both included).

    Raises:
        InputError: the text is none of these.
    """
    first, dots, last = text.partition("..")
    if dots:
        return Period(text, Span(parse(first, tz).span.start, parse(last, tz).span.end))
    try:
        return Period(text, _span(text, tz))
    except ValueError as error:
        raise InputError(
            f"{text!r} is not a period.",
            hint="Write 2025, 2025-Q4, 2025-10, 2025-10-03 or 2025-10-01..2025-10-15.",
        ) from error


def _span(text: str, tz: ZoneInfo) -> Span:
    if match := _MONTH.fullmatch(text):
        return month_span(int(match[1]), int(match[2]), tz)
    if match := _QUARTER.fullmatch(text):
        year, month = int(match[1]), 3 * int(match[2]) - 2
        return Span(month_span(year, month, tz).start, month_span(year, month + 2, tz).end)
    if match := _YEAR.fullmatch(text):
        year = int(match[1])
        return Span(month_span(year, 1, tz).start, month_span(year, 12, tz).end)
    if _DAY.fullmatch(text):
        return day_span(date.fromisoformat(text), tz)
    raise ValueError(text)
