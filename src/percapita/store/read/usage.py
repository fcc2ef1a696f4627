"""The fixed SQL of usage: what was measured, by whom, and how much of it names its user.

The view ``readings`` is asked for under its own name; ``claimed.bind`` makes it. Hours are
instants, days and months labels, so a period has bounds of both kinds.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple

from percapita.store.engine import Engine, literal

BY: Final = ("meter", "service", "subject", "feature")
"""What readings are shown by."""


class Bounds(NamedTuple):
    """A period: instants, and the labels of its days."""

    start: datetime
    end: datetime
    first: datetime
    last: datetime

    @property
    def sql(self) -> str:
        """The condition that a reading lies in it."""
        start, end, first, last = (f"TIMESTAMPTZ {literal(at.isoformat())}" for at in self)
        return (
            f"CASE WHEN grain = 'hour' THEN time >= {start} AND time < {end}"
            f" ELSE time >= {first} AND time < {last} END"
        )


class Used(NamedTuple):
    """Readings of one meter, key and threshold, summed."""

    meter: str
    key: str | int | None
    threshold: str | None
    signals: int
    quantity: int
    squares: int | None


class Owned(NamedTuple):
    """What one meter of a service measured, by the closest kind of subject that is known."""

    service: str | None
    meter: str
    level: str
    """user, session, tenant, another kind, or empty for nobody."""
    signals: int
    quantity: int


class Daily(NamedTuple):
    """Signals of one day."""

    day: date
    signals: int
    named: int
    """Of them, those that name a user."""


class Nameless(NamedTuple):
    """An operation some of whose signals name nobody."""

    service: str | None
    operation: str | None
    meter: str
    signals: int
    named: int
    """Signals that name a user, a session or a tenant."""
    quantity: int
    """Of the signals that name nobody."""


def used(engine: Engine, by: str, bounds: Bounds) -> list[Used]:
    """Return what was measured, by meter, key and sampling threshold."""
    key = "NULL" if by == "meter" else by
    rows = engine.rows(
        f"SELECT meter, {key} AS key, threshold, sum(signals), sum(quantity),"
        f" sum(trace_squares) FROM readings WHERE {bounds.sql} GROUP BY ALL ORDER BY ALL"
    )
    return [
        Used(meter, key, threshold, int(n or 0), int(q or 0), None if s is None else int(s))
        for meter, key, threshold, n, q, s in rows
    ]


def owned(engine: Engine, bounds: Bounds) -> list[Owned]:
    """Return whose the usage of each meter and service is."""
    rows = engine.rows(
        "SELECT service, meter, CASE WHEN subject > 0 THEN coalesce(level, 'user') ELSE '' END,"
        f" sum(signals), sum(quantity) FROM readings WHERE {bounds.sql} GROUP BY ALL ORDER BY ALL"
    )
    return [Owned(s, m, level, int(n or 0), int(q or 0)) for s, m, level, n, q in rows]


def daily(engine: Engine, bounds: Bounds, zone: str) -> list[Daily]:
    """Return how much names its user, day by day of the model's zone."""
    local = f"CAST(time AT TIME ZONE {literal(zone)} AS DATE)"
    rows = engine.rows(
        f"SELECT CASE WHEN grain = 'hour' THEN {local} ELSE CAST(time AS DATE) END AS day,"
        " sum(signals), coalesce(sum(signals) FILTER (subject > 0 AND level = 'user'), 0)"
        f" FROM readings WHERE {bounds.sql} AND grain <> 'month' GROUP BY ALL ORDER BY ALL"
    )
    return [Daily(day, int(n or 0), int(named)) for day, n, named in rows]


def nameless(engine: Engine, bounds: Bounds) -> list[Nameless]:
    """Return the operations of each meter with signals of nobody."""
    rows = engine.rows(
        "SELECT service, operation, meter, sum(signals),"
        " coalesce(sum(signals) FILTER (subject > 0), 0),"
        " coalesce(sum(quantity) FILTER (subject = 0), 0)"
        f" FROM readings WHERE {bounds.sql} GROUP BY ALL"
        " HAVING sum(signals) > coalesce(sum(signals) FILTER (subject > 0), 0)"
        " ORDER BY ALL"
    )
    return [Nameless(s, o, m, int(n or 0), int(k), int(q)) for s, o, m, n, k, q in rows]


def nobodys(engine: Engine, first: date, last: date) -> dict[str, Decimal]:
    """Return driver -> what fell on usage that names nobody, from ``ledger`` and ``groups``."""
    rows = engine.rows(
        "SELECT g.driver, sum(l.amount) FROM ledger l JOIN groups g ON g.period = l.period"
        ' AND g.run = l.run AND g.basis = l.basis AND g."group" = l."group"'
        " WHERE l.subject = 0 AND CAST(g.start AS DATE) >= ? AND CAST(g.start AS DATE) < ?"
        " GROUP BY ALL ORDER BY ALL",
        [first, last],
    )
    return {driver: amount for driver, amount in rows if driver}
