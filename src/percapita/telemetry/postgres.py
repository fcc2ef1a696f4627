"""PostgreSQL as a source: what pg_stat_statements counted since the last look, and bytes held.

Each import looks once. Counters of a statement that fell, or that were reset, start again from 0;
levels (bytes, connections) hold from one look to the next.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from percapita.core.sources import Source
from percapita.store import Store
from percapita.store.delivery import FileStat
from percapita.store.imports.positions import reached
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry.columns import DIMENSIONS
from percapita.telemetry.happenings import instant
from percapita.telemetry.intake import Asked, Intake, Way
from percapita.telemetry.looking import COUNTERS, Look, looked
from percapita.telemetry.measured import LEVELS, Measured, held, write
from percapita.telemetry.secrets import secret

BASES: Final = {
    "db.queries": "", "db.time": "microsecond", "db.rows": "", "db.blocks.read": "",
    "db.blocks.hit": "", "db.blocks.written": "", "storage.bytes": "byte-hour",
    "db.connections": "microsecond",
}  # fmt: skip
"""Meter -> its base unit. Blocks are pages of 8 KiB; connections count the time they are open."""
_DEFAULT: Final[Mapping[str, str]] = {"tenant": "comment.tenant"}

_FIRST_COMMENT: Final = (
    "PostgreSQL counts statements that differ in comments alone as one, under the first comment."
    " Where tenants run the same statements, give each a role, a schema or a database."
)


class Owner(NamedTuple):
    """Who did or holds something, as PostgreSQL knows it."""

    database: str
    role: str
    schema: str = ""
    comment: tuple[tuple[str, str], ...] = ()


def ask(store: Store, source: Source, root: Path, now: datetime) -> Asked | None:
    """Look, and return what is new since the last look."""
    now = now.astimezone(UTC)
    before = reached(store.catalog, source.name)
    look = looked(secret(source, root))
    state = {"at": now.isoformat(), **look.state()}
    told = f"{source.name} {now.isoformat()}"
    stat = FileStat(told, 0, hashlib.sha256(told.encode()).hexdigest())

    said = source.subject or _DEFAULT

    def stage(intake: Intake, tx: ImportTx) -> int:
        for note in look.notes:
            intake.note(note)
        since = instant(before["at"]) if before else None
        if before is None or since is None or since >= now:
            intake.note("The first look: usage counts from now on.")
            if any(field.startswith("comment.") for field in said.values()):
                intake.note(_FIRST_COMMENT)
            return 0
        if before["dealloc"] < look.dealloc:
            intake.note(
                "PostgreSQL forgot statements since the last look: raise pg_stat_statements.max,"
                " or look more often."
            )
        totals = _counted(before, look) | _held(before, since, now)
        measured = [
            one
            for (owner, meter), quantity in sorted(totals.items())
            for one in _readings(source, look.host, said, owner, meter, quantity, (since, now))
        ]
        return write(store, tx, measured, BASES)

    return Asked([stat], stage, state)


WAY: Final = Way("postgres", "readings", ask=ask)


def _counted(before: Mapping[str, Any], look: Look) -> dict[tuple[Owner, str], int]:
    """Return what statements counted since the last look, by owner and meter."""
    known = before["statements"] if before["reset"] == look.reset else {}
    totals: dict[tuple[Owner, str], int] = defaultdict(int)
    for key, statement in look.statements.items():
        last = known.get(key)
        # Calls never fall but by a reset of this statement alone.
        if last is None or statement.counts[0] < last[0]:
            last = [0] * len(COUNTERS)
        owner = Owner(statement.database, statement.role, "", statement.comment)
        for meter, count, was in zip(COUNTERS, statement.counts, last, strict=True):
            totals[owner, meter] += max(count - was, 0)
    return totals


def _held(
    before: Mapping[str, Any], since: datetime, now: datetime
) -> dict[tuple[Owner, str], int]:
    """Return what levels of the last look came to by now."""
    seconds = (now - since).total_seconds()
    totals: dict[tuple[Owner, str], int] = {}
    for database, schema, role, size in before["sizes"]:
        totals[Owner(database, role, schema), "storage.bytes"] = held(size * seconds, "B")
    for database, role, count in before["connections"]:
        totals[Owner(database, role), "db.connections"] = held(count * seconds, "")
    return totals


def _readings(
    source: Source, host: str, said: Mapping[str, str], owner: Owner, meter: str, quantity: int,
    span: tuple[datetime, datetime],
) -> Iterator[Measured]:  # fmt: skip
    """Yield a quantity hour by hour, in proportion to time; the parts sum to it."""
    names = {level: _name(owner, said[level]) for level in LEVELS if level in said}
    level = next((level for level in LEVELS if names.get(level)), None)
    cells: dict[str, str | None] = {
        "resource": host,
        "service": owner.role,
        "namespace": f"{owner.database}.{owner.schema}" if owner.schema else owner.database,
        **{name: value for name, value in source.values.items() if name in DIMENSIONS},
    }
    for hour, part in _hours(quantity, span):
        yield Measured(hour, meter, level, names[level] if level else "", cells, part, 1)


def _name(owner: Owner, field: str) -> str:
    if field.startswith("comment."):
        return dict(owner.comment).get(field.removeprefix("comment."), "")
    found: str = getattr(owner, field, "") if field in ("database", "role", "schema") else ""
    return found


def _hours(quantity: int, span: tuple[datetime, datetime]) -> Iterator[tuple[datetime, int]]:
    start, end = span
    whole = (end - start) // timedelta(microseconds=1)
    given, hour = 0, start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        upto = min(hour + timedelta(hours=1), end)
        until = quantity * ((upto - start) // timedelta(microseconds=1)) // whole
        yield hour, until - given
        given, hour = until, hour + timedelta(hours=1)
