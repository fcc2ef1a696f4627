"""What a meter said over time, and when it said nothing: silence is never taken for zero."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from percapita.core.periods import MICROSECOND, Span, day_span, days, local_day

HOUR: Final = timedelta(hours=1)
_EXACT: Final = Context(prec=60)
_OFTEN: Final = 20
"""Hours of a day with readings that make a meter one that always speaks."""
_SEEN: Final = timedelta(days=14)
_PATIENCE: Final = timedelta(days=2)
"""How long a meter that speaks now and then may say nothing."""


class Read(NamedTuple):
    """What a meter said of a span."""

    units: Decimal
    silent: Decimal
    """Hours of which it should have said something."""


@dataclass(frozen=True, slots=True)
class Meter:
    """The sums of a driver's readings, by the hour and by the local day."""

    hours: Mapping[datetime, int]
    days: Mapping[date, int]
    tz: ZoneInfo
    now: datetime
    _often: bool = field(init=False)

    def __post_init__(self) -> None:
        """Find out how often the meter speaks."""
        object.__setattr__(self, "_often", self._speaks_often())

    def _speaks_often(self) -> bool:
        today = day_span(local_day(self.now, self.tz), self.tz).start
        before = [at for at in self.hours if today - _SEEN <= at < today]
        if not before:
            return any(at >= today for at in self.hours)
        seen = len({local_day(at, self.tz) for at in before})
        return len(before) >= _OFTEN * seen

    @property
    def last(self) -> datetime | None:
        """Until when something was read."""
        ends = [min(at + HOUR, self.now) for at in self.hours]
        ends += [min(day_span(day, self.tz).end, self.now) for day in self.days]
        return max(ends, default=None)

    def by_day(self) -> dict[date, Decimal]:
        """Return the units of each local day that has readings."""
        found: dict[date, int] = dict(self.days)
        for at, units in self.hours.items():
            day = local_day(at, self.tz)
            found[day] = found.get(day, 0) + units
        return {day: Decimal(units) for day, units in found.items()}

    def over(self, span: Span) -> Read:
        """Return the units of a span, and for how many of its hours they are missing."""
        units = silent = Decimal(0)
        for day, whole in days(span, self.tz):
            inside = span.overlap(Span(whole.start, min(whole.end, self.now)))
            if inside is None:
                continue
            read = self._hours(inside)
            if read is None or (day in self.days and not read.units):
                read = self._day(day, whole, inside)
            units, silent = _EXACT.add(units, read.units), silent + read.silent
        return Read(units, silent)

    def _hours(self, span: Span) -> Read | None:
        """Return what the hours say; ``None`` where there are none and none are due."""
        units = silent = Decimal(0)
        spoke = False
        for at, length in self._pieces(span):
            common = span.overlap(Span(at, at + length))
            if common is None:
                continue
            if at in self.hours:
                spoke = True
                units = _EXACT.add(units, _part(self.hours[at], common, length))
            elif self._often:
                silent += hours_of(common)
        return Read(units, silent) if spoke or self._often else None

    def _pieces(self, span: Span) -> Iterator[tuple[datetime, timedelta]]:
        """Yield the hours of a span; the one that is going on is as long as it went on so far."""
        at = span.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        while at < span.end:
            length = min(HOUR, self.now - at)
            if length > timedelta(0):
                yield at, length
            at += HOUR

    def _day(self, day: date, whole: Span, inside: Span) -> Read:
        if day in self.days:
            length = min(whole.end, self.now) - whole.start
            return Read(_part(self.days[day], inside, length), Decimal(0))
        last = self.last
        spoke_by_hour = any(self.now - at < _SEEN for at in self.hours)
        patient = last is not None and spoke_by_hour and inside.end - last < _PATIENCE
        return Read(Decimal(0), Decimal(0) if patient else hours_of(inside))


def _part(units: int, span: Span, length: timedelta) -> Decimal:
    whole = length // MICROSECOND
    if span.microseconds == whole:
        return Decimal(units)
    return _EXACT.divide(Decimal(units * span.microseconds), Decimal(whole))


def hours_of(span: Span) -> Decimal:
    """Return the length of a span in hours."""
    return _EXACT.divide(Decimal(span.microseconds), Decimal(HOUR // MICROSECOND))
