"""The fixed SQL of the live estimate: what was billed until when, and what came in since.

The tables ``parts groups lines`` are asked for under their own names, those of the published runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa

from percapita.core.subjects import NOBODY, PSEUDO_SLICE, USER
from percapita.core.tables import READINGS
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import IMPORTS, SCOPES
from percapita.store.engine import Engine, literal
from percapita.store.read.usage import Bounds

_LONG = "l.ChargePeriodEnd - l.ChargePeriodStart > INTERVAL '25 hours'"
"""A charge of more than a day, a clock change allowed for."""
_APART = (
    "p.follows IS NOT NULL OR l.ChargeCategory IN ('Credit', 'Purchase')"
    " OR l.CommitmentDiscountStatus = 'Unused'"
)


class Day(NamedTuple):
    """What the bill of one source says of one pool and local day."""

    pool: str
    source: str
    day: date
    amount: Decimal
    long: Decimal
    """Of it, from charges that are longer than a day."""
    apart: Decimal
    """Of it, credits and commitments."""


class Piece(NamedTuple):
    """What a cell and service of a pool had over some days."""

    pool: str
    cell: str
    service: str | None
    amount: Decimal


def days(engine: Engine, basis: str, zone: str, first: datetime) -> list[Day]:
    """Return the billed days from an instant on, in order."""
    rows = engine.rows(
        f"SELECT g.pool, l.source, CAST(p.start AT TIME ZONE {literal(zone)} AS DATE) AS day,"
        f" sum(p.amount), coalesce(sum(p.amount) FILTER ({_LONG}), 0),"
        f" coalesce(sum(p.amount) FILTER ({_APART}), 0)"
        " FROM parts p JOIN groups g ON g.period = p.period AND g.basis = p.basis"
        ' AND g."group" = p."group" JOIN lines l ON l.LineId = p.LineId'
        " WHERE p.basis = ? AND p.start >= ? GROUP BY ALL ORDER BY ALL",
        [basis, first],
    )
    return [Day(*row) for row in rows]


def through(engine: Engine) -> dict[str, datetime]:
    """Return until when the short charges of each source go; sources without any are not in it."""
    rows = engine.rows(
        f"SELECT l.source, max(l.ChargePeriodEnd) FROM lines l WHERE NOT ({_LONG})"
        " AND coalesce(l.ChargeCategory, 'Usage') = 'Usage' GROUP BY l.source ORDER BY 1"
    )
    return {str(source): end for source, end in rows if end is not None}


def pieces(engine: Engine, basis: str, first: datetime, last: datetime) -> list[Piece]:
    """Return what each cell and service of each pool had between two instants, gross."""
    rows = engine.rows(
        "SELECT g.pool, coalesce(g.cell, ''), nullif(l.ServiceName, ''), sum(p.amount)"
        " FROM parts p JOIN groups g ON g.period = p.period AND g.basis = p.basis"
        ' AND g."group" = p."group" JOIN lines l ON l.LineId = p.LineId'
        " WHERE p.basis = ? AND p.start >= ? AND p.start < ? AND p.amount > 0"
        " GROUP BY ALL ORDER BY ALL",
        [basis, first, last],
    )
    return [Piece(*row) for row in rows]


class Attributed(NamedTuple):
    """What was measured of a meter."""

    meter: str
    quantity: int
    attributed: int
    """Of it, what names a subject."""


def attributed(engine: Engine, bounds: Bounds, view: str = READINGS.name) -> list[Attributed]:
    """Return what was measured between two times, by meter; nothing of a meter that was zero."""
    rows = engine.rows(
        "SELECT meter, sum(quantity), coalesce(sum(quantity) FILTER (subject > 0), 0)"
        f" FROM {view} WHERE {bounds.sql} GROUP BY meter HAVING sum(quantity) > 0 ORDER BY meter"
    )
    return [Attributed(meter, int(quantity), int(known)) for meter, quantity, known in rows]


def sampling(
    engine: Engine, first: datetime, view: str = READINGS.name
) -> list[tuple[str, int, int, int]]:
    """Return of each meter since an instant: signals, those sampled, those of unknown sampling.

    Only traces are sampled: what a table or a counter says is not.
    """
    rows = engine.rows(
        "SELECT meter, sum(signals), sum(signals) FILTER (threshold NOT IN ('', '0')),"
        " sum(signals) FILTER (threshold IS NULL AND trace_squares IS NOT NULL)"
        f" FROM {view} WHERE time >= ? GROUP BY meter ORDER BY meter",
        [first],
    )
    return [(str(m), int(n or 0), int(s or 0), int(u or 0)) for m, n, s, u in rows]


class Kept(NamedTuple):
    """Readings of one meter, threshold and kind of receiver, summed."""

    meter: str
    kind: str
    key: str | None
    threshold: str | None
    signals: int
    quantity: int
    squares: int | None


def thresholds(
    engine: Engine, column: str, first: datetime, last: datetime, meters: Sequence[str]
) -> list[Kept]:
    """Return what was kept of each meter; ``column`` reads slices as ``s``, readings as ``r``."""
    nobody = PSEUDO_SLICE[NOBODY]
    rows = engine.rows(
        f"SELECT r.meter, s.kind, {column}, r.threshold, sum(r.signals), sum(r.quantity),"
        " sum(r.trace_squares) FROM readings r LEFT JOIN intervals i ON i.subject = r.subject"
        ' AND r.time >= i.start AND r.time < i."end" JOIN slices s ON s.slice ='
        f" CASE WHEN r.subject = {NOBODY} THEN {nobody} ELSE coalesce(i.slice, 0) END"
        " WHERE r.time >= ? AND r.time < ? AND r.meter IN (SELECT unnest(?)) GROUP BY ALL",
        [first, last, list(meters)],
    )
    return [
        Kept(meter, kind, key, kept, int(n), int(q), None if sq is None else int(sq))
        for meter, kind, key, kept, n, q, sq in rows
    ]


def comings(
    engine: Engine, zone: str, kind: str, without: Sequence[str]
) -> list[tuple[datetime, int]]:
    """Return when the number of those active in the last 24 hours changes, and by how much.

    The views ``counted_readings``, of what makes somebody active, and ``intervals`` and ``slices``
    are bound by the caller. Readings of a day count from its midnight on.
    """
    left_out = ", ".join(map(literal, ["", *without]))
    local = f"(time AT TIME ZONE 'UTC') AT TIME ZONE {literal(zone)}"
    rows = engine.rows(
        f"WITH counted AS (SELECT DISTINCT subject, CASE WHEN grain = 'hour'"
        f" THEN date_trunc('hour', time) ELSE {local} END AS came FROM counted_readings),"
        " kinds AS (SELECT DISTINCT i.subject, s.kind FROM intervals i"
        " JOIN slices s ON s.slice = i.slice),"
        " seen AS (SELECT c.subject, c.came FROM counted c"
        f" LEFT JOIN kinds k ON k.subject = c.subject WHERE coalesce(k.kind, {literal(USER)}) = ?"
        f" AND coalesce(k.kind, {literal(USER)}) NOT IN ({left_out})),"
        " stays AS (SELECT came, least(came + INTERVAL 24 HOUR,"
        " coalesce(lead(came) OVER (PARTITION BY subject ORDER BY came), 'infinity')) AS went"
        " FROM seen)"
        " SELECT moment, sum(change)::BIGINT FROM (SELECT came AS moment, 1 AS change FROM stays"
        " UNION ALL SELECT went, -1 FROM stays) GROUP BY moment ORDER BY moment",
        [kind],
    )
    return [(moment, int(change)) for moment, change in rows if change]


class Arrival(NamedTuple):
    """What the catalog knows of the newest data."""

    seq: int
    """Number of the newest import: the same number, the same data."""
    readings: datetime | None
    """When readings last came in."""
    others: int
    """Number of the newest import that is not readings."""


def arrival(catalog: Catalog) -> Arrival:
    """Return how fresh the store is."""
    newest = sa.func.coalesce(sa.func.max(IMPORTS.c.seq), 0)
    with catalog.read() as connection:
        seq = connection.execute(sa.select(newest)).scalar_one()
        readings = IMPORTS.c.kind == "readings"
        # What merges files keeps the time when the newest of their rows came in.
        at: Any = connection.execute(
            sa.select(sa.func.max(IMPORTS.c.begun_at)).where(readings)
        ).scalar_one()
        others = connection.execute(sa.select(newest).where(~readings)).scalar_one()
    return Arrival(int(seq), at, int(others))


def measured_months(catalog: Catalog) -> list[str]:
    """Return the months that have readings, the newest first."""
    wanted = (
        sa.select(SCOPES.c.period)
        .where(SCOPES.c.table_name == READINGS.name, SCOPES.c.superseded.is_(None))
        .distinct()
    )
    with catalog.read() as connection:
        return sorted(connection.execute(wanted).scalars(), reverse=True)
