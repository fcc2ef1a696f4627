"""What is known of a subject, and when: the slices that figures are cut by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from percapita.core import subjects
from percapita.model.spec import Driver, Segment
from reference.lines import fits
from reference.world import Attribute, Receiver, Slice, World, micros


def nobody(subject: int) -> Receiver:
    """Return the receiver that is no subject: idle, excluded, unallocated, rounding."""
    return Receiver(subject, Slice(subjects.PSEUDO[subject]))


class Register:
    """Looks up slices of the subjects of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._clock = world.clock
        self._classes = [
            (subject, label, written(segment, str(used)))
            for segment in world.model.segments
            if segment.usage
            for (subject, label), used in self._used(segment.usage).items()
        ]

    def _used(self, usage: Driver) -> dict[tuple[int, str], int]:
        """Return what each subject used in each month of the zone."""
        found: dict[tuple[int, str], int] = defaultdict(int)
        for reading in self._world.readings:
            named = reading.meter == usage.meter and reading.subject > 0
            columns = reading.columns
            if named and all(fits(columns.get(name), c) for name, c in usage.where.items()):
                hourly = reading.grain == "hour"
                day = self._clock.day(reading.time) if hourly else reading.time.date()
                found[reading.subject, f"{day:%Y-%m}"] += reading.quantity
        return found

    def at(self, subject: int, instant: datetime) -> Slice:
        """Return the slice of a subject at an instant."""
        if subject <= 0:
            return Slice(subjects.PSEUDO[subject])
        kind, name = self._world.subjects[subject]
        values = dict(self._own(kind, name))
        for segment in self._world.model.segments:
            for row in self._world.attributes:
                named = (row.subject, row.source, row.attribute)
                if named == (subject, segment.source, segment.column) and self._valid(row, instant):
                    values |= written(segment, row.value)
        month = f"{self._clock.day(instant):%Y-%m}"
        for who, label, value in self._classes:
            if (who, label) == (subject, month):
                values |= value
        return Slice(kind, frozenset(values.items()))

    def over(self, subject: int, start: datetime, end: datetime) -> list[tuple[Slice, int]]:
        """Return the slices of a subject within a span, in order, with their microseconds."""
        inside = sorted({b for b in self._changes(subject) if start < b < end})
        found: list[tuple[Slice, int]] = []
        for left, right in zip([start, *inside], [*inside, end], strict=True):
            piece = self.at(subject, left)
            if found and found[-1][0] == piece:
                found[-1] = (piece, found[-1][1] + micros(left, right))
            else:
                found.append((piece, micros(left, right)))
        return found

    def _own(self, kind: str, name: str) -> Iterator[tuple[str, str]]:
        """A subject that stands for a segment or tenant is in it."""
        for segment in self._world.model.segments:
            if kind == subjects.SEGMENT and name.startswith(f"{segment.name}="):
                yield segment.name, name.removeprefix(f"{segment.name}=")
            if kind == segment.name:
                yield segment.name, name

    def _changes(self, subject: int) -> Iterator[datetime]:
        for row in self._world.attributes:
            if row.subject == subject:
                yield from (self._moment(b) for b in (row.start, row.end) if b is not None)
        for who, label, _ in self._classes:
            if who == subject:
                first = date.fromisoformat(f"{label}-01")
                following = (first + timedelta(days=31)).replace(day=1)
                yield from (self._clock.midnight(day) for day in (first, following))

    def _valid(self, row: Attribute, instant: datetime) -> bool:
        began = row.start is None or self._moment(row.start) <= instant
        return began and (row.end is None or instant < self._moment(row.end))

    def _moment(self, stamp: datetime) -> datetime:
        """A stamp at midnight UTC is the label of a local date; any other is an instant."""
        stamp = stamp.astimezone(UTC)
        return self._clock.midnight(stamp.date()) if stamp.time() == time(0) else stamp


def written(segment: Segment, value: str) -> dict[str, str]:
    """Return the segment's value for an attribute: as it is, its band, or its period."""
    if segment.bands:
        fitting = [name for name, lower in segment.bands if int(value) >= lower]
        return {segment.name: fitting[-1]} if fitting else {}
    if not segment.by:
        return {segment.name: value}
    return {segment.name: _period(segment.by, value)}


def _period(by: str, value: str) -> str:
    day = date.fromisoformat(value[:10])
    return {
        "day": day.isoformat(),
        "week": (day - timedelta(days=day.weekday())).isoformat(),
        "month": f"{day.year:04d}-{day.month:02d}",
        "quarter": f"{day.year:04d}-Q{(day.month + 2) // 3}",
        "year": f"{day.year:04d}",
    }[by]
