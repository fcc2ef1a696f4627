"""What the live estimate knows: the billed days of each pool, and what its meters said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import ibis

from percapita.core.money import ZERO
from percapita.core.periods import local_day, midnight, month_label, next_month
from percapita.core.tables import GROUPS, LINES, PARTS, READINGS
from percapita.model.match import reads
from percapita.model.spec import Driver
from percapita.plugins import Engine, stored
from percapita.reconcile.estimate.meters import Meter
from percapita.reconcile.estimate.spending import Series
from percapita.reconcile.estimate.ways import Terms
from percapita.report.opened import Opened
from percapita.store.read import live as read_live

REACH: Final = timedelta(days=100)
"""How far back billed days are looked at."""
_RECENT: Final = timedelta(days=35)
_HALF: Final = Decimal("0.5")


def months(first: date, last: date) -> list[str]:
    """Return the months that two days and all between them lie in."""
    found, month = [], first.replace(day=1)
    while month <= last:
        found.append(month_label(month))
        month = next_month(month)
    return found


def first_day(opened: Opened, today: date) -> date:
    """Return the first day of the history: it reaches back from the last month that is billed."""
    last = next_month(date.fromisoformat(f"{max(opened.runs)}-01"))
    return min(last, today) - REACH


def bind(opened: Opened, today: date) -> None:
    """Bind the published tables that the history is read from."""
    wanted = [month for month in months(first_day(opened, today), today) if month in opened.runs]
    opened.bind(PARTS, GROUPS, periods=wanted)
    # Charges of a day before may be billed in a month of their own.
    opened.store.bind(LINES, run=opened.last_run)


def series(opened: Opened, today: date) -> list[Series]:
    """Return what each source billed of each pool, day by day."""
    tz = opened.zone
    first = midnight(first_day(opened, today), tz)
    rows = read_live.days(opened.engine, opened.basis, opened.model.timezone, first)
    through = {
        source: local_day(end, tz) for source, end in read_live.through(opened.engine).items()
    }
    begun: dict[str, date] = {}
    found: dict[tuple[str, str], list[read_live.Day]] = defaultdict(list)
    for row in rows:
        found[row.pool, row.source].append(row)
        begun[row.source] = min(row.day, begun.get(row.source, row.day))
    return [
        _series(pool, source, its, begun[source], through.get(source))
        for (pool, source), its in sorted(found.items())
    ]


def _series(
    pool: str, source: str, rows: Sequence[read_live.Day], begun: date, through: date | None
) -> Series:
    last = rows[-1].day + timedelta(days=1)
    recent = [row for row in rows if row.day > rows[-1].day - _RECENT]
    long = sum((abs(row.long) for row in recent), ZERO)
    whole = sum((abs(row.amount) for row in recent), ZERO)
    # Fees by the month are billed ahead: they go as far as their own charges.
    monthly = through is None or long > _HALF * whole
    end = max(last, through or last) if monthly else through or last
    billed = {row.day: row.amount for row in rows if row.day < end}
    day = begun
    while day < end:
        billed.setdefault(day, ZERO)
        day += timedelta(days=1)
    apart = {row.day: row.apart for row in rows if row.apart}
    return Series(pool, source, dict(sorted(billed.items())), end, apart, monthly=monthly)


def meters(
    engine: Engine, wanted: Sequence[Driver], table: str, first: datetime, last: datetime
) -> dict[int, tuple[dict[datetime, int], dict[date, int]]]:
    """Return the sums of each driver's readings between instants: by hour, and by local day."""
    found: dict[int, tuple[dict[datetime, int], dict[date, int]]] = {
        at: ({}, {}) for at in range(len(wanted))
    }
    if not wanted:
        return found
    rows = stored(READINGS, table)
    begins, ends = (ibis.literal(at, type="timestamp('UTC', 6)") for at in (first, last))
    rows = rows.filter(
        rows.time >= begins,
        rows.time < ends,
        rows.grain != "month",
        rows.meter.isin(sorted({driver.meter for driver in wanted})),
    )
    sums: dict[str, Any] = {
        f"q{at}": rows.quantity.sum(where=reads(rows, driver)) for at, driver in enumerate(wanted)
    }
    for grain, time, *quantities in engine.rows(rows.group_by(["grain", "time"]).agg(**sums)):
        for at, quantity in enumerate(quantities):
            if quantity is None:
                continue
            if grain == "hour":
                found[at][0][time] = int(quantity)
            else:
                found[at][1][time.date()] = int(quantity)
    return found


def priced_by(
    terms: Terms,
    wanted: Sequence[Driver],
    read: Mapping[int, tuple[dict[datetime, int], dict[date, int]]],
    tz: ZoneInfo,
    now: datetime,
) -> Meter:
    """Return the meter that a pool is priced by; of a mix, its factors weigh the usual day."""
    if len(terms) == 1:
        hours, by_day = read[wanted.index(terms[0][0])]
        return Meter(hours, by_day, tz, now)
    hours_of: dict[datetime, int] = {}
    days_of: dict[date, int] = {}
    for driver, factor in terms:
        hours, by_day = read[wanted.index(driver)]
        usual = _usual(Meter(hours, by_day, tz, now))
        if not usual:
            continue
        scale = factor * _INDEX / usual
        for at, units in hours.items():
            hours_of[at] = hours_of.get(at, 0) + int(units * scale)
        for day, units in by_day.items():
            days_of[day] = days_of.get(day, 0) + int(units * scale)
    return Meter(hours_of, days_of, tz, now)


_INDEX: Final = 10**9
"""What the usual day of a mix is scaled to."""


def _usual(meter: Meter) -> Decimal:
    told = meter.by_day().values()
    return sum(told, ZERO) / len(told) if told else ZERO
