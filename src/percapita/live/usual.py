"""What an hour usually costs per active user: the same hour of earlier days of its sort."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import ibis

from percapita.core.money import quotient
from percapita.core.periods import Span
from percapita.core.subjects import NOBODY
from percapita.core.tables import READINGS
from percapita.live.desk import Desk, Known
from percapita.model.match import reads
from percapita.plugins import stored
from percapita.reconcile.estimate.meters import HOUR
from percapita.store.read import live as read_live

DAYS: Final = 20
"""Earlier days an hour is compared with: of what comes, 19 in 21 lie between the least and the most
of twenty: nine in ten."""
LEAST: Final = 19
"""With fewer there is no band that holds nine in ten."""
_REACH: Final = timedelta(days=70)
"""Ten weeks have twenty days of a weekend."""
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class Usual(NamedTuple):
    """Between what and what an hour lay on earlier days."""

    low: Decimal | None
    high: Decimal | None
    """``None``: not enough data."""
    days: int
    """Earlier days that were found."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Cost per active user of whole hours, which are told by when they begin."""

    desk: Desk
    known: Known
    now: datetime

    def active(self, first: datetime, last: datetime) -> dict[datetime, int]:
        """Return how many were active in the 24 hours that end with each hour of a time."""
        unit, table = self.known.opened.model.primary, "readings"
        first = first.replace(minute=0)
        if first < datetime.combine(self.known.today, datetime.min.time(), UTC) - 3 * _DAY:
            table = "past_readings"
        if not unit.subject:
            return {}
        rows = stored(READINGS, table)
        begins, ends = (
            ibis.literal(at, type="timestamp('UTC', 6)") for at in (first - 2 * _DAY, last)
        )
        counts = [reads(rows, driver) for driver in unit.active] or [ibis.literal(True)]
        rows = rows.filter(
            rows.time >= begins, rows.time < ends, rows.grain != "month", rows.quantity > 0,
            rows.subject > NOBODY, ibis.or_(*counts),
        )  # fmt: skip
        self.desk.store.engine.view("counted_readings", rows)
        zone = self.known.opened.model.timezone
        changes = read_live.comings(self.desk.store.engine, zone, unit.subject, unit.exclude)
        return dict(_running(changes, first, last))

    def spent(self, at: datetime) -> Decimal:
        """Return what an hour cost, all pools together."""
        spent = self.known.spending.over(Span(at, at + HOUR), self.now).values()
        return sum((one.money.amount for one in spent), Decimal(0))

    def usual(self, hours: list[datetime]) -> dict[datetime, Usual]:
        """Return between what and what each of the hours lay on earlier days."""
        wanted = {at: self._earlier(at) for at in hours}
        heads = self.known.heads
        unknown = {day for days in wanted.values() for day in days} - heads.keys()
        if unknown:
            heads.update(self.active(min(unknown), max(unknown) + HOUR))
        return {at: self._band(days) for at, days in wanted.items()}

    def _earlier(self, at: datetime) -> list[datetime]:
        """Return the same hour of the earlier days of its sort, of all that there may be."""
        tz = self.known.opened.zone
        local = at.astimezone(tz)
        begun = min((min(one.billed) for one in self.known.spending.series if one.billed),
                    default=self.known.today)  # fmt: skip
        day, last = local.date() - _DAY, max(local.date() - _REACH, begun)
        found = []
        while day >= last:
            if _free(day) == _free(local.date()):
                found.append(datetime.combine(day, local.time(), tz).astimezone(UTC))
            day -= _DAY
        return found

    def _band(self, days: list[datetime]) -> Usual:
        values: list[Decimal] = []
        for at in days:
            if value := self._past_at(at):
                values.append(value)
            if len(values) == DAYS:
                break
        if len(values) < LEAST:
            return Usual(None, None, len(values))
        return Usual(min(values), max(values), len(values))

    def _past_at(self, at: datetime) -> Decimal | None:
        """Return what an hour of the past came to, worked out once while nothing is published."""
        found, heads = self.known.per_head, self.known.heads
        if at not in found and heads.get(at):
            found[at] = quotient(self.spent(at) * 24, heads[at])
        return found.get(at)


def _free(day: date) -> bool:
    return day.weekday() >= _SATURDAY


def _running(
    changes: list[tuple[datetime, int]], first: datetime, last: datetime
) -> Iterator[tuple[datetime, int]]:
    """Yield how many there are at each hour, from when they come and go."""
    heads, at, left = 0, first, list(reversed(changes))
    while at < last:
        while left and left[-1][0] <= at:
            heads += left.pop()[1]
        yield at, heads
        at += HOUR
