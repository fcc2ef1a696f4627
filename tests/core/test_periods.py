"""Days, months and windows, in zones whose days are not all 24 hours long."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percapita.core import periods
from percapita.core.errors import InputError
from percapita.core.periods import Span

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
HOUR = 3_600_000_000


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """Return an instant."""
    return datetime(year, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2025, 3, 30), 23), (date(2025, 10, 26), 25), (date(2025, 10, 27), 24)],
)
def test_days_where_clocks_change(day: date, hours: int) -> None:
    """The day the clocks go forward has 23 hours, the day they go back 25."""
    assert periods.day_span(day, BERLIN).microseconds == hours * HOUR


def test_local_day() -> None:
    """An instant belongs to the day of the zone, not of UTC."""
    assert periods.local_day(utc(2025, 10, 1, 22), BERLIN) == date(2025, 10, 2)
    assert periods.midnight(date(2025, 10, 2), BERLIN) == utc(2025, 10, 1, 22)


@given(ZONES, MOMENTS, st.integers(0, 10**7))
def test_days_cover_a_span(name: str, start: datetime, seconds: int) -> None:
    """The days of a span touch each other, and no instant of it is outside them."""
    span = Span(start, start + timedelta(seconds=seconds))
    found = list(periods.days(span, periods.zone(name)))
    if seconds:
        overlaps = [whole.overlap(span) for _, whole in found]

        assert sum(part.microseconds for part in overlaps if part) == span.microseconds
    assert all(a.end == b.start for (_, a), (_, b) in itertools.pairwise(found))


@given(ZONES, MOMENTS)
def test_a_moment_lies_in_its_day_and_month(name: str, moment: datetime) -> None:
    """The day and the month of an instant contain it."""
    tz = periods.zone(name)
    day = periods.local_day(moment, tz)

    assert periods.day_span(day, tz).contains(moment)
    assert periods.month_span(day.year, day.month, tz).contains(moment)


def test_months_of_a_span() -> None:
    """A span over New Year touches December and January; ends are exclusive."""
    span = Span(utc(2025, 12, 31), utc(2026, 1, 1))
    longer = Span(utc(2025, 12, 31), utc(2026, 1, 1, 1))

    assert [label for label, _ in periods.months(span, ZoneInfo("UTC"))] == ["2025-12"]
    assert [label for label, _ in periods.months(longer, ZoneInfo("UTC"))] == ["2025-12", "2026-01"]


def test_spans_that_touch_do_not_overlap() -> None:
    """Half-open spans that only meet share nothing."""
    first, second = Span(utc(2025, 1, 1), utc(2025, 1, 2)), Span(utc(2025, 1, 2), utc(2025, 1, 3))

    assert first.overlap(second) is None
    assert not first.contains(first.end)
    assert first.overlap(Span(utc(2025, 1, 1, 6), utc(2025, 1, 3))) == Span(
        utc(2025, 1, 1, 6), utc(2025, 1, 2)
    )


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2025", utc(2025, 1, 1), utc(2026, 1, 1)),
        ("2025-Q4", utc(2025, 10, 1), utc(2026, 1, 1)),
        ("2025-10", utc(2025, 10, 1), utc(2025, 11, 1)),
        ("2025-12", utc(2025, 12, 1), utc(2026, 1, 1)),
        ("2025-10-03", utc(2025, 10, 3), utc(2025, 10, 4)),
        ("2025-10-01..2025-10-15", utc(2025, 10, 1), utc(2025, 10, 16)),
        ("2025-09..2025-Q4", utc(2025, 9, 1), utc(2026, 1, 1)),
    ],
)
def test_periods_as_users_write_them(text: str, start: datetime, end: datetime) -> None:
    """A period's end is exclusive; both ends of a range are included."""
    period = periods.parse(text, ZoneInfo("UTC"))

    assert (period.label, period.span) == (text, Span(start, end))


def test_period_in_a_zone() -> None:
    """A month begins at the zone's midnight, summer and winter time considered."""
    assert periods.parse("2025-10", BERLIN).span == Span(
        utc(2025, 9, 30, 22), utc(2025, 10, 31, 23)
    )


@pytest.mark.parametrize("text", ["", "October", "2025-13", "2025-Q5", "2025-02-30", "2025-1"])
def test_what_is_no_period(text: str) -> None:
    """Anything else is refused, with the forms that are taken."""
    with pytest.raises(InputError, match="is not a period") as caught:
        periods.parse(text, BERLIN)

    assert "2025-Q4" in str(caught.value)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd"])
def test_unknown_zone(name: str) -> None:
    """A zone nobody knows is refused with an example of one."""
    with pytest.raises(InputError, match="is not a time zone"):
        periods.zone(name)


def test_next_month_over_the_year() -> None:
    """December is followed by January."""
    assert periods.next_month(date(2025, 12, 31)) == date(2026, 1, 1)
    assert periods.month_label(date(2026, 1, 31)) == "2026-01"
