"""What the reference allocator reads: a small world as plain Python data, and its clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from percapita.core import subjects
from percapita.model.spec import Model

Line = Mapping[str, Any]
"""A bill line: FOCUS columns, Decimal costs, ``Tags`` and ``Extra`` as mappings."""

COST_COLUMN = {
    "billed": "BilledCost",
    "effective": "EffectiveCost",
    "contracted": "ContractedCost",
    "list": "ListCost",
}


class Slice(NamedTuple):
    """What is known of a receiver at a time: its kind, and the model's segments."""

    kind: str
    attributes: frozenset[tuple[str, str]] = frozenset()

    @property
    def rank(self) -> str:
        """The attributes by name, as text; nothing known comes first."""
        known = dict(sorted(self.attributes))
        return json.dumps(known, separators=(",", ":"), ensure_ascii=False) if known else ""


class Receiver(NamedTuple):
    """Who gets an amount: a subject as it was then, in the dimensions the model keeps."""

    subject: int
    slice: Slice
    feature: str | None = None
    operation: str | None = None
    region: str | None = None

    @property
    def rank(self) -> tuple[Any, ...]:
        """Order in which ties of the residual are broken."""
        dimensions = (self.feature or "", self.operation or "", self.region or "")
        return (self.subject, self.slice.rank, *dimensions)


@dataclass(frozen=True)
class Reading:
    """Usage of a meter; ``time`` is an instant for hours, else the local date at UTC midnight."""

    time: datetime
    grain: str
    meter: str
    subject: int
    quantity: int
    level: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    """service, resource, cluster, namespace, feature, operation, region."""


@dataclass(frozen=True)
class Attribute:
    """A row of ``segments``."""

    subject: int
    attribute: str
    value: str
    start: datetime | None = None
    end: datetime | None = None
    source: str = "users"


@dataclass(frozen=True)
class Claim:
    """A row of ``claims``: seen at an instant, or written with bounds that may be local dates."""

    subject: int
    of: int
    seen: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class Count:
    """A given head count of the primary unit; the bounds are local dates."""

    subject: int
    start: date
    end: date
    count: int


@dataclass(frozen=True)
class World:
    """Everything that one run reads."""

    model: Model
    lines: tuple[Line, ...]
    readings: tuple[Reading, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    counts: tuple[Count, ...] = ()
    claims: tuple[Claim, ...] = ()
    subjects: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Number to kind and id, for every subject above zero."""
    bases: tuple[str, ...] = ()
    """The bases to allocate; empty is the model's alone."""

    def number(self, kind: str, name: str) -> int:
        """Return the number of a subject."""
        return next(n for n, subject in self.subjects.items() if subject == (kind, name))

    @property
    def clock(self) -> Clock:
        """The days and months of the model's time zone."""
        return Clock(ZoneInfo(self.model.timezone))


class Window(NamedTuple):
    """A day or a month of the model's time zone, named by its first day."""

    grain: str
    first: date

    @property
    def month(self) -> Window:
        """The month it lies in."""
        return Window("month", self.first.replace(day=1))

    @property
    def after(self) -> date:
        """The first day that is no longer in it."""
        if self.grain == "day":
            return self.first + timedelta(days=1)
        return (self.first.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True)
class Clock:
    """Where days and months begin."""

    zone: ZoneInfo

    def midnight(self, day: date) -> datetime:
        """Return the instant at which a day begins."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return local.astimezone(UTC)

    def day(self, instant: datetime) -> date:
        """Return the day an instant lies in."""
        return instant.astimezone(self.zone).date()

    def bounds(self, window: Window) -> tuple[datetime, datetime]:
        """Return the instants at which a window begins and ends."""
        return self.midnight(window.first), self.midnight(window.after)


def level_of(kind: str) -> str:
    """Return the level a subject of this kind is named at: a bot is known as a user is."""
    return subjects.USER if kind in (subjects.BOT, subjects.ANONYMOUS, subjects.ERASED) else kind


def micros(start: datetime, end: datetime) -> int:
    """Return the length of a span in microseconds; zero if it is empty."""
    return max((end - start) // timedelta(microseconds=1), 0)


def money(amount: Fraction) -> Decimal:
    """Return an amount of at most 18 fractional digits as the Decimal it is."""
    scaled = amount * 10**18
    if scaled.denominator != 1:
        raise ValueError(f"{amount} has more than 18 fractional digits")
    digits = tuple(int(digit) for digit in str(abs(scaled.numerator)))
    return Decimal((1 if scaled < 0 else 0, digits, -18))
