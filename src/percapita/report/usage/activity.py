"""Who was active: users by day, week and month, sessions, transactions, bots, dormant ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction

from percapita.core.errors import InputError
from percapita.core.periods import Period, days, local_day, midnight, months, zone
from percapita.core.periods import Span as Instants
from percapita.core.subjects import BOT
from percapita.core.tables import GROUPS, LEDGER, SLICES
from percapita.model.spec import Model
from percapita.report.table import Column, Page
from percapita.report.usage.usage import NoReadingsError, bounds
from percapita.store import Store, claimed
from percapita.store.read import activity as read_activity
from percapita.store.read.activity import Bucket


class CoarseReadingsError(InputError):
    """Usage is known by the month only."""

    def __init__(self, label: str, by: str) -> None:
        super().__init__(
            f"The readings of {label} are by the month: nothing is known of a {by}.",
            hint="Ask with --by month, or import usage by the day or hour.",
        )


@dataclass(frozen=True, slots=True)
class Activity:
    """Activity of a period."""

    period: str
    by: str
    buckets: tuple[Bucket, ...]
    dau: Fraction | None
    """Users of a day, the mean over all days that have begun; ``None``: only the month is known."""
    wau: Fraction | None
    """Users of seven days that end on a day, the mean over the days."""
    mau: Fraction
    """Users of a calendar month, the mean over the months."""
    transactions: dict[str, int]
    dormant: int | None
    """Users with cost and no activity; ``None``: no figures are published yet."""
    gap: int
    """Hours that a user's session may pause, as hourly readings can tell."""

    @property
    def stickiness(self) -> Fraction | None:
        """DAU of MAU."""
        return self.dau / self.mau if self.mau and self.dau is not None else None


def robots(store: Store, model: Model, period: Period) -> set[int]:
    """Return who is a bot in a period: called so, or by the model's rules in one of its months."""
    found = {number for number, kind in store.door.kinds().items() if kind == BOT}
    tz = zone(model.timezone)
    for label, span in months(period.span, tz):
        found |= set(read_activity.bots(store.engine, model, bounds(Period(label, span), model)))
    return found


def activity(store: Store, model: Model, period: Period, by: str, now: datetime) -> Activity:
    """Look at the activity of a period; means are over what has begun of it.

    Raises:
        NoReadingsError: nothing was measured in it.
    """
    tz = zone(model.timezone)
    claimed.bind(store, tz, unknown=model.sampling.unknown)
    bots = robots(store, model, period)
    within = bounds(period, model)
    rows = read_activity.buckets(store.engine, model, within, by, bots)
    if not rows:
        if read_activity.buckets(store.engine, model, within, "month", bots):
            raise CoarseReadingsError(period.label, by)
        raise NoReadingsError(period.label)
    daily = read_activity.buckets(store.engine, model, within, "day", bots)
    begun = _begun(period, model, now)
    return Activity(
        period.label, by, tuple(rows),
        Fraction(sum(row.users for row in daily), len(list(days(begun.span, tz))))
        if daily else None,
        _mean(store, model, _weeks(begun, model), bots) if daily else None,
        _mean(store, model, [Period(name, span) for name, span in months(begun.span, tz)], bots),
        read_activity.transactions(store.engine, model.activity.transactions, within),
        _dormant(store, model, period),
        math.ceil(model.activity.session_gap / 60),
    )  # fmt: skip


def _begun(period: Period, model: Model, now: datetime) -> Period:
    """Return a period up to today: nobody can have been active on a day that is still to come."""
    tz, span = zone(model.timezone), period.span
    tomorrow = midnight(local_day(now, tz) + timedelta(days=1), tz)
    if not span.start < tomorrow < span.end:
        return period
    return Period(period.label, Instants(span.start, tomorrow))


def _weeks(period: Period, model: Model) -> list[Period]:
    """Return the seven days up to each day of a period."""
    tz = zone(model.timezone)
    return [
        Period("week", Instants(midnight(day - timedelta(days=6), tz), span.end))
        for day, span in days(period.span, tz)
    ]


def _mean(store: Store, model: Model, spans: list[Period], bots: Collection[int]) -> Fraction:
    users = (
        read_activity.distinct(store.engine, model, bounds(span, model), bots) for span in spans
    )
    return Fraction(sum(users), len(spans))


def _dormant(store: Store, model: Model, period: Period) -> int | None:
    runs = store.published(model.basis)
    if not runs:
        return None
    for table in (GROUPS, SLICES):
        store.bind(table, chosen=runs)
    store.bind(LEDGER, basis=model.basis)
    tz = zone(model.timezone)
    span: list[date] = [local_day(at, tz) for at in (period.span.start, period.span.end)]
    return read_activity.dormant(store.engine, span, bounds(period, model), model)


def record(found: Activity) -> dict[str, object]:
    """Return the activity as plain values."""
    return {
        "period": found.period,
        "by": found.by,
        "dau": _text(found.dau),
        "wau": _text(found.wau),
        "mau": _text(found.mau),
        "stickiness": _text(found.stickiness),
        "session_gap_hours": found.gap,
        "transactions": found.transactions,
        "dormant": found.dormant,
        "activity": [
            {
                "first": row.first.isoformat(),
                "users": row.users,
                "sessions": row.sessions,
                "visitors": row.visitors,
                "bots": row.bots,
                "nobody": row.nobody,
            }
            for row in found.buckets
        ],
    }


def _text(number: Fraction | None) -> str | None:
    if number is None:
        return None
    return f"{float(number):.6f}".rstrip("0").rstrip(".")


def show(page: Page, found: Activity) -> None:
    """Print the activity."""
    stuck = "" if found.stickiness is None else f"; DAU/MAU {float(found.stickiness):.1%}"
    finer = ""
    if found.dau is not None and found.wau is not None:
        finer = f"{float(found.dau):,.1f} users a day, {float(found.wau):,.1f} in seven days, "
    page.line(f"{found.period}: {finer}{float(found.mau):,.1f} users a month{stuck}")
    page.line()
    rows = found.buckets
    page.table(
        [
            Column(found.by.capitalize(), [row.first.isoformat() for row in rows], number=False),
            Column("Users", [f"{row.users:,}" for row in rows]),
            Column("Sessions", [_count(row.sessions) for row in rows]),
            Column("Visitors", [f"{row.visitors:,}" for row in rows]),
            Column("Bots", [f"{row.bots:,}" for row in rows]),
            Column("Signals of nobody", [f"{row.nobody:,}" for row in rows], rank=1),
        ]
    )
    for note in _notes(found):
        page.line(note)


def _count(number: int | None) -> str:
    return "—" if number is None else f"{number:,}"


def _notes(found: Activity) -> Iterator[str]:
    for name, count in found.transactions.items():
        yield f"{name}: {count:,} transactions"
    if not any(row.users for row in found.buckets) and any(row.visitors for row in found.buckets):
        yield (
            "No signal names a user; visitors are sessions that never signed in. Say what names the"
            " user (`subject:` of a log's source, `identity:` of the model), or count sessions:"
            " units: {visitor: {subject: session}}."
        )
    if found.dormant:
        yield f"{found.dormant:,} users cost something and were not active."
    if any(row.sessions for row in found.buckets):
        yield (
            f"Sessions of users are told by active hours: one ends after {found.gap} h without."
            " Named sessions count as one each; finer gaps need a session id on the signals."
        )
