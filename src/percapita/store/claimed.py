"""Readings under the subject they belong to: what a session did is its user's once that is known.

A claim of telemetry was *seen* at a moment: the session is that user's from then on, and before,
up to the next claim of another. A claim of a file is *written*, valid from-to, and goes before what
was seen. Claims lead on: a device of an account that is someone's alias is that someone's; claims
that run in a circle claim nothing. A reading is judged by the instant it begins, so a session that
changes hands does so at the next hour.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from percapita.core.periods import EVER, midnight
from percapita.core.tables import CLAIMS, READINGS
from percapita.store.catalog.tables import IMPORTS
from percapita.store.engine import Engine, literal

if TYPE_CHECKING:
    from percapita.store.store import Store

SPANS: Final = "claim_spans"
"""Working table: whose a subject is, from start up to end; spans of one subject do not overlap."""

_SPAN: Final = {
    "subject": "int64", "of": "int64", "level": "string", "start": "timestamp", "end": "timestamp",
}  # fmt: skip
_TABLES: Final = frozenset({"", "csv", "jsonl", "parquet"})
"""Formats whose rows are whatever their author summed."""
_ROUNDS: Final = 16
"""How far claims lead on; those that are not settled by then run in a circle."""

_FIRST, _LAST = (f"TIMESTAMPTZ {literal(moment.isoformat())}" for moment in EVER)


def bind(
    store: Store,
    tz: ZoneInfo,
    name: str = READINGS.name,
    *,
    run: str | None = None,
    periods: Collection[str] | None = None,
    unknown: Decimal = Decimal(1),
    told: str = "",
) -> str:
    """Make a temporary view of readings, each under the subject it belongs to.

    Args:
        store: whose readings.
        tz: zone of the model; claims of files are valid by its dates.
        name: of the view.
        run: as that run read them.
        periods: only readings of these months; claims of all.
        unknown: weight of traced signals that do not say with which probability they were kept.
        told: view of readings as they came in, if there is one already.
    """
    told = told or store.bind(READINGS, f"told_{name}", run=run, periods=periods)
    claims = store.bind(CLAIMS, run=run)
    view = claimed(store.engine, told, claims, tz)
    store.engine.view(name, view if unknown == 1 else _weighed(view, unknown))
    return name


def is_any(store: Store) -> bool:
    """Tell whether a session, device or other id was found to be someone's."""
    return bool(store.engine.value(f"SELECT count(*) FROM {store.bind(CLAIMS)}"))


def _weighed(readings: str, unknown: Decimal) -> str:
    """Return SQL of readings in which traced signals of unknown probability have their weight."""
    stands = f"CAST(round(quantity * {unknown:f}) AS BIGINT)"
    return (
        f"SELECT * REPLACE (CASE WHEN threshold IS NULL AND trace_squares IS NOT NULL"
        f" THEN {stands} ELSE quantity END AS quantity) FROM ({readings})"
    )


def deliveries(store: Store) -> list[tuple[str, str, bool]]:
    """Return (import, source, apart) of every delivery of readings.

    ``apart``: it came as signals, each counted for one subject; a table may name usage twice.
    """
    wanted = sa.select(IMPORTS.c.id, IMPORTS.c.source, IMPORTS.c.format).where(
        IMPORTS.c.kind == "readings", IMPORTS.c.seq.is_not(None)
    )
    with store.catalog.read() as connection:
        rows = connection.execute(wanted.order_by(IMPORTS.c.seq)).all()
    return [(name, source, not _TABLES.issuperset(form.split("+"))) for name, source, form in rows]


def claimed(engine: Engine, told: str, claims: str, tz: ZoneInfo) -> str:
    """Return SQL of readings under the subject they belong to.

    Args:
        engine: where the views are.
        told: view of readings as they came in.
        claims: view of claims.
        tz: zone of the model, for the claims that are valid by the date.
    """
    if not engine.value(f"SELECT count(*) FROM {claims}"):
        return f"SELECT * FROM {told}"
    _spans(engine, claims, tz)
    _labels(engine, tz)
    return (
        "SELECT r.* REPLACE (coalesce(c.of, r.subject) AS subject,"
        f" coalesce(c.level, r.level) AS level) FROM {told} AS r"
        " LEFT JOIN claim_labelled AS c ON c.subject = r.subject"
        " AND CASE WHEN r.grain = 'hour' THEN r.time >= c.start AND r.time < c.\"end\""
        " ELSE r.time >= c.first AND r.time < c.last END"
    )


def _spans(engine: Engine, claims: str, tz: ZoneInfo) -> None:
    """Make ``claim_spans``: who a subject belongs to at every instant, followed to the last."""
    _dates(engine, claims, tz)
    engine.create("claim_direct", _direct(claims), _SPAN)
    engine.create(SPANS, "SELECT * FROM claim_direct", _SPAN)
    for _ in range(_ROUNDS):
        if not engine.rows(_LEADS_ON):
            break
        engine.create("claim_next", _followed(), _SPAN)
        engine.create(SPANS, "SELECT * FROM claim_next", _SPAN)
    else:
        engine.execute(_CIRCLES)
    for name in ("claim_direct", "claim_next", "claim_dates"):
        engine.drop(name)


def _dates(engine: Engine, claims: str, tz: ZoneInfo) -> None:
    """Make ``claim_dates``: when each date among the bounds begins in the zone."""
    rows = engine.rows(
        "SELECT DISTINCT moment FROM (SELECT start AS moment, seen FROM"
        f' {claims} UNION ALL SELECT "end", seen FROM {claims})'
        " WHERE moment IS NOT NULL AND seen IS NULL"
    )
    moments = [at.astimezone(UTC) for (at,) in rows]
    dates = [at for at in moments if at == _label(at.date())]
    table = [(at, midnight(at.date(), tz)) for at in sorted(dates)]
    engine.load("claim_dates", {"label": "timestamp", "instant": "timestamp"}, table)


def _label(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _direct(claims: str) -> str:
    """Return SQL of the spans that the claims themselves say."""
    found = f'SELECT * FROM {claims} WHERE subject > 0 AND "of" > 0 AND subject <> "of"'
    # Seen again and again: only what changes hands counts; of two at once, the smaller number.
    once = (
        'SELECT subject, "of", level, seen FROM found WHERE seen IS NOT NULL'
        ' QUALIFY row_number() OVER (PARTITION BY subject, seen ORDER BY "of") = 1'
    )
    hands = (
        'SELECT * FROM once QUALIFY "of" IS DISTINCT FROM lag("of")'
        " OVER (PARTITION BY subject ORDER BY seen)"
    )
    per = "OVER (PARTITION BY subject ORDER BY seen)"
    seen = (
        f'SELECT subject, "of", level, CASE WHEN lag(seen) {per} IS NULL THEN {_FIRST} ELSE seen'
        f' END AS start, coalesce(lead(seen) {per}, {_LAST}) AS "end", 1 AS worth FROM hands'
    )
    written = (
        f'SELECT f.subject, f."of", f.level, coalesce(s.instant, f.start, {_FIRST}) AS start,'
        f' coalesce(e.instant, f."end", {_LAST}) AS "end", 0 AS worth FROM found AS f'
        " LEFT JOIN claim_dates AS s ON s.label = f.start"
        ' LEFT JOIN claim_dates AS e ON e.label = f."end" WHERE f.seen IS NULL'
    )
    cuts = 'SELECT subject, start AS moment FROM spans UNION SELECT subject, "end" FROM spans'
    pieces = (
        "SELECT subject, moment AS start, lead(moment) OVER"
        ' (PARTITION BY subject ORDER BY moment) AS "end" FROM cuts'
    )
    best = (
        'SELECT p.subject, b."of", b.level, p.start, p."end" FROM pieces AS p JOIN spans AS b'
        ' ON b.subject = p.subject AND b.start <= p.start AND b."end" >= p."end"'
        ' WHERE p."end" IS NOT NULL QUALIFY row_number() OVER (PARTITION BY p.subject, p.start'
        ' ORDER BY b.worth, b.start DESC, b."of") = 1'
    )
    return (
        f"WITH found AS ({found}), once AS ({once}), hands AS ({hands}), seen AS ({seen}),"
        f" written AS ({written}), spans AS (SELECT * FROM seen UNION ALL SELECT * FROM written"
        f' WHERE start < "end"), cuts AS ({cuts}), pieces AS ({pieces}) {best}'
    )


_LEADS_ON: Final = (
    f'SELECT 1 FROM {SPANS} AS a JOIN claim_direct AS b ON b.subject = a."of"'
    ' AND b.start < a."end" AND b."end" > a.start LIMIT 1'
)


_CIRCLES: Final = (
    f"DELETE FROM {SPANS} AS a WHERE EXISTS (SELECT 1 FROM claim_direct AS b"
    ' WHERE b.subject = a."of" AND b.start < a."end" AND b."end" > a.start)'
)


def _followed() -> str:
    """Return SQL of the spans, each followed one claim further; one back to itself ends."""
    cuts = (
        f'SELECT a.subject, a."of", a.level, a.start AS whole, a."end" AS until, a.start AS moment'
        f" FROM {SPANS} AS a UNION"
        ' SELECT a.subject, a."of", a.level, a.start, a."end", unnest([b.start, b."end"])'
        f' AS moment FROM {SPANS} AS a JOIN claim_direct AS b ON b.subject = a."of"'
    )
    pieces = (
        'SELECT subject, "of", level, moment AS start, coalesce(lead(moment) OVER'
        ' (PARTITION BY subject, whole ORDER BY moment), until) AS "end" FROM cuts'
        " WHERE moment >= whole AND moment < until"
    )
    return (
        f"WITH cuts AS ({cuts}), pieces AS ({pieces})"
        ' SELECT p.subject, coalesce(b."of", p."of") AS "of", coalesce(b.level, p.level) AS level,'
        ' p.start, p."end" FROM pieces AS p LEFT JOIN claim_direct AS b ON b.subject = p."of"'
        ' AND b.start <= p.start AND b."end" >= p."end"'
        ' WHERE coalesce(b."of", p."of") <> p.subject'
    )


def _labels(engine: Engine, tz: ZoneInfo) -> None:
    """Make ``claim_labelled``: the spans, and the labels of the days that begin inside them."""
    rows = engine.rows(
        f'SELECT DISTINCT moment FROM (SELECT start AS moment FROM {SPANS} UNION ALL SELECT "end"'
        f" FROM {SPANS}) WHERE moment > {_FIRST} AND moment < {_LAST}"
    )
    table = [(at, _begins(at.astimezone(UTC), tz)) for (at,) in rows]
    engine.load("claim_bounds", {"instant": "timestamp", "label": "timestamp"}, table)
    joined = (
        f'SELECT c.*, coalesce(s.label, c.start) AS first, coalesce(e.label, c."end") AS last'
        f" FROM {SPANS} AS c LEFT JOIN claim_bounds AS s ON s.instant = c.start"
        ' LEFT JOIN claim_bounds AS e ON e.instant = c."end"'
    )
    schema = {**_SPAN, "first": "timestamp", "last": "timestamp"}
    engine.create("claim_labelled", joined, schema)
    engine.drop("claim_bounds")


def _begins(moment: datetime, tz: ZoneInfo) -> datetime:
    """Return the label of the first day that begins at the instant or later."""
    day = moment.astimezone(tz).date()
    return _label(day if midnight(day, tz) == moment else day + timedelta(days=1))
