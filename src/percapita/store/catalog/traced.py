"""A sample of recent traces: few, for a day, in the catalog, with what each span was counted as.

Nobody is named in it but by number, so a new key changes nothing; who is erased takes along every
trace with a span of theirs. It is written in the transaction that counts: whole, and never twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import METADATA, SUBJECTS

MOST: Final = 2_000
"""Traces that are kept, the newest."""
KEPT: Final = timedelta(hours=24)
"""How long each of them is."""
_ASKED: Final = 500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

TRACES = sa.Table(
    "traces",
    METADATA,
    sa.Column("trace", sa.String(32), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),  # microseconds since 1970: last received
    sa.Column("why", sa.String(8), nullable=False),  # even, slow or failed
    sa.Index("traces_by_time", "at"),
)
SPANS = sa.Table(
    "trace_spans",
    METADATA,
    sa.Column("trace", sa.String(32), primary_key=True),
    sa.Column("span", sa.String(16), primary_key=True),
    # Numbers of subjects, 0 where none is named.
    sa.Column("user", sa.BigInteger, nullable=False),
    sa.Column("session", sa.BigInteger, nullable=False),
    sa.Column("tenant", sa.BigInteger, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)
TABLES: Final = (TRACES, SPANS)


class Kept(NamedTuple):
    """A span of the sample."""

    trace: str
    """Its id, as the service made it: 32 hex digits."""
    span: str
    user: int
    session: int
    tenant: int
    body: Mapping[str, Any]
    """What it was, in JSON's types; see ``telemetry/digest/traces.py``."""


class Begun(NamedTuple):
    """A trace of the sample."""

    trace: str
    at: int
    """When a span of it was received last, in microseconds since 1970."""
    why: str
    """``even``: one of all; ``slow`` or ``failed``: chosen because it was."""


def there(connection: Connection) -> bool:
    """Tell whether the store ever counted what it received."""
    return sa.inspect(connection).has_table(SPANS.name)


def keep(connection: Connection, traces: Sequence[Begun], spans: Sequence[Kept]) -> None:
    """Add to the sample; what is there already is written over."""
    for table, rows in ((TRACES, traces), (SPANS, spans)):
        key = list(table.primary_key.columns)
        # What is sent twice comes twice.
        once = {row[: len(key)]: row._asdict() for row in rows}
        ids = list(once)
        for start in range(0, len(ids), _ASKED):
            some = ids[start : start + _ASKED]
            connection.execute(sa.delete(table).where(sa.tuple_(*key).in_(some)))
            connection.execute(sa.insert(table), [once[one] for one in some])


def let_go(catalog: Catalog, now: datetime) -> None:
    """Drop what is older than a day, and all but the newest traces."""
    since = (now - KEPT - _EPOCH) // timedelta(microseconds=1)
    newest = sa.select(TRACES.c.at).order_by(TRACES.c.at.desc()).offset(MOST - 1).limit(1)
    with catalog.write() as connection:
        since = max(since, connection.execute(newest).scalar() or 0)
        connection.execute(sa.delete(TRACES).where(TRACES.c.at < since))
        left = sa.select(TRACES.c.trace)
        connection.execute(sa.delete(SPANS).where(SPANS.c.trace.not_in(left)))


def forget(connection: Connection, numbers: Collection[int]) -> None:
    """Drop every trace that has a span of these subjects."""
    mine = sa.or_(
        *(column.in_(numbers) for column in (SPANS.c.user, SPANS.c.session, SPANS.c.tenant))
    )
    gone = list(connection.execute(sa.select(SPANS.c.trace).where(mine).distinct()).scalars())
    for table in TABLES:
        for start in range(0, len(gone), _ASKED):
            some = gone[start : start + _ASKED]
            connection.execute(sa.delete(table).where(table.c.trace.in_(some)))


def begun(catalog: Catalog, now: datetime, leads: str = "") -> list[Begun]:
    """Return the traces of the last day, the newest first; of one, those whose id begins so."""
    since = (now - KEPT - _EPOCH) // timedelta(microseconds=1)
    wanted = sa.select(TRACES).where(TRACES.c.at >= since)
    if leads:
        wanted = wanted.where(TRACES.c.trace.startswith(leads, autoescape=True))
    with catalog.read() as connection:
        if not there(connection):
            return []
        rows = connection.execute(wanted.order_by(TRACES.c.at.desc(), TRACES.c.trace).limit(MOST))
        return [Begun(*row) for row in rows]


def spans(catalog: Catalog, traces: Iterable[str]) -> list[Kept]:
    """Return the spans of traces."""
    wanted = list(traces)
    found: list[Kept] = []
    with catalog.read() as connection:
        for start in range(0, len(wanted), _ASKED):
            some = SPANS.c.trace.in_(wanted[start : start + _ASKED])
            found += [Kept(*row) for row in connection.execute(sa.select(SPANS).where(some))]
    return found


def roots(catalog: Catalog, numbers: Collection[int]) -> dict[int, tuple[int, str]]:
    """Return of subjects who each of them is now, and of which kind: the erased are ``erased``."""
    wanted = sorted(numbers)
    found: dict[int, tuple[int, str]] = {}
    with catalog.read() as connection:
        for start in range(0, len(wanted), _ASKED):
            some = SUBJECTS.c.number.in_(wanted[start : start + _ASKED])
            who = sa.func.coalesce(SUBJECTS.c.alias_of, SUBJECTS.c.number)
            rows = connection.execute(
                sa.select(SUBJECTS.c.number, who, SUBJECTS.c.kind).where(some)
            )
            found |= {number: (now, kind) for number, now, kind in rows}
    return found
