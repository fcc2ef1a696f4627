"""The files of the live source: each turn of counting is an import, and so is each merge.

A merge supersedes what it merged: a run that began before still reads what it began with.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.tables import CLAIMS, EVENTS, READINGS
from percapita.store.catalog.tables import FILES, IMPORTS, METERS, QUARANTINE, RUN_IMPORTS, SCOPES
from percapita.store.journal import Staging, owe
from percapita.store.site import Site, remove

SOURCE: Final = "otlp"
"""Name of the source that what is received belongs to."""
LEAD: Final = "o"
"""First letter of the ids of its imports."""

TABLES_OF: Final = (READINGS.name, CLAIMS.name, EVENTS.name)
"""The tables that it writes."""
LOGGED: Final = 2
"""From this level on files are in the Delta log: before, they live for minutes."""
_READERS: Final = timedelta(minutes=15)
"""Superseded files stay this long for readers that have them open."""


class Part(NamedTuple):
    """The files that one import of the live source has of one table and month."""

    owner: str
    level: int
    table: str
    period: str
    """Empty where the table knows none."""
    paths: tuple[str, ...]
    rows: int


def name(
    connection: Connection, staging: Staging, owner: str, now: datetime,
    *, seq: int, level: int, came: datetime | None = None, quarantined: int = 0,
) -> None:  # fmt: skip
    """Make staged files an import of the live source.

    ``came``: when the newest of its rows came in; now unless said.
    """
    rows = sum(file.rows for file in staging.files)
    connection.execute(
        sa.insert(IMPORTS),
        {
            "id": owner, "seq": seq, "source": SOURCE, "kind": "readings", "format": SOURCE,
            "mode": "append", "content": owner, "settings": str(level), "state": "live",
            "begun_at": came or now, "committed_at": now, "rows": rows,
            "quarantined": quarantined,
            "sums": {}, "notes": [],
        },
    )  # fmt: skip
    staging.name(connection, logged=level >= LOGGED)
    scopes = [
        {"import_id": owner, "table_name": table, "period": period, "account": ""}
        for table, period in sorted({(f.table.name, f.period or "") for f in staging.files})
    ]
    if scopes:
        connection.execute(sa.insert(SCOPES), scopes)


def parts(site: Site) -> list[Part]:
    """Return all that is live, the newest first."""
    same = (FILES.c.table_name == SCOPES.c.table_name) & (FILES.c.period == SCOPES.c.period)
    wanted = (
        sa.select(IMPORTS.c.id, IMPORTS.c.settings, FILES)
        .join(SCOPES, SCOPES.c.import_id == IMPORTS.c.id)
        .join(FILES, (FILES.c.owner == IMPORTS.c.id) & same)
        .where(
            IMPORTS.c.source == SOURCE, IMPORTS.c.id.startswith(LEAD),
            SCOPES.c.table_name.in_(TABLES_OF), SCOPES.c.superseded.is_(None),
            FILES.c.removed_at.is_(None),
        )
        .order_by(IMPORTS.c.seq.desc(), FILES.c.path)
    )  # fmt: skip
    found: dict[tuple[str, str, str], Part] = {}
    with site.catalog.read() as connection:
        for row in connection.execute(wanted):
            key = row.id, row.table_name, row.period
            had = found.get(key)
            paths, rows = (had.paths, had.rows) if had else ((), 0)
            found[key] = Part(
                row.id, int(row.settings), row.table_name, row.period, (*paths, row.path),
                rows + row.rows,
            )  # fmt: skip
    return list(found.values())


def is_live(site: Site, found: Sequence[Part]) -> bool:
    """Tell whether nothing has superseded these parts since."""
    held = set(parts(site))
    return all(part in held for part in found)


def supersede(
    connection: Connection, found: Sequence[Part], owner: str, seq: int, now: datetime
) -> None:
    """Put the merged import in the place of its parts, with their meters and broken rows."""
    owners = [part.owner for part in found]
    connection.execute(
        sa.update(SCOPES)
        .where(
            SCOPES.c.import_id.in_(owners), SCOPES.c.period == found[0].period,
            SCOPES.c.table_name == found[0].table,
        )
        .values(superseded=seq)
    )  # fmt: skip
    bases = sa.select(METERS.c.meter, METERS.c.base).where(METERS.c.import_id.in_(owners))
    rows = {row.meter: row.base for row in connection.execute(bases)}
    if rows:
        connection.execute(
            sa.insert(METERS),
            [{"import_id": owner, "meter": meter, "base": base} for meter, base in rows.items()],
        )
    live = sa.select(SCOPES.c.import_id).where(SCOPES.c.superseded.is_(None))
    gone = sorted(
        set(owners) - set(connection.execute(live.where(SCOPES.c.import_id.in_(owners))).scalars())
    )
    _hand_over(connection, gone, owner)
    connection.execute(sa.update(IMPORTS).where(IMPORTS.c.id.in_(gone)).values(state="past"))
    _drop(connection, gone, {part.owner for part in found if part.level >= LOGGED}, now)


def _drop(
    connection: Connection, gone: Sequence[str], logged: Collection[str], now: datetime
) -> None:
    """Forget imports of which nothing is live, but for those that a run has read."""
    asked = sa.select(RUN_IMPORTS.c.import_id).where(RUN_IMPORTS.c.import_id.in_(gone))
    read = set(connection.execute(asked).scalars())
    free = [one for one in gone if one not in read]
    connection.execute(sa.update(FILES).where(FILES.c.owner.in_(free)).values(removed_at=now))
    for one in free:
        if one in logged:
            owe(connection, "remove", one)
    for table in (METERS, SCOPES):
        connection.execute(sa.delete(table).where(table.c.import_id.in_(free)))
    connection.execute(sa.delete(IMPORTS).where(IMPORTS.c.id.in_(free)))


def _hand_over(connection: Connection, gone: Sequence[str], owner: str) -> None:
    """Let the broken rows of imports that end belong to the one that follows them."""
    held = connection.execute(
        sa.select(QUARANTINE)
        .where(QUARANTINE.c.import_id.in_(gone))
        .order_by(QUARANTINE.c.import_id, QUARANTINE.c.position)
    ).mappings()
    rows = [{**row, "import_id": owner, "position": at} for at, row in enumerate(held)]
    if not rows:
        return
    connection.execute(sa.delete(QUARANTINE).where(QUARANTINE.c.import_id.in_(gone)))
    connection.execute(sa.insert(QUARANTINE), rows)
    connection.execute(
        sa.update(IMPORTS).where(IMPORTS.c.id == owner).values(quarantined=len(rows))
    )


def let_go(site: Site, now: datetime) -> int:
    """Delete files that merges superseded and no reader can still have; return how many."""
    gone = (
        (FILES.c.removed_at <= now - _READERS)
        & FILES.c.owner.startswith(LEAD)
        & FILES.c.table_name.in_(TABLES_OF)
    )
    with site.catalog.read() as connection:
        paths = list(connection.execute(sa.select(FILES.c.path).where(gone)).scalars())
    for path in paths:
        remove(site.tables, site.tables / path)
    if paths:
        with site.catalog.write() as connection:
            connection.execute(sa.delete(FILES).where(gone))
    return len(paths)


def unlogged(connection: Connection) -> set[str]:
    """Return the live imports whose files are not in the Delta log yet."""
    early = [str(level) for level in range(LOGGED)]
    wanted = sa.select(IMPORTS.c.id).where(
        IMPORTS.c.source == SOURCE, IMPORTS.c.id.startswith(LEAD), IMPORTS.c.settings.in_(early)
    )
    return set(connection.execute(wanted).scalars())


def clear_strays(site: Site) -> None:
    """Remove the files of turns that a killed process left unnamed."""
    with site.catalog.read() as connection:
        named = set(
            connection.execute(
                sa.select(FILES.c.path).where(FILES.c.owner.startswith(LEAD))
            ).scalars()
        )
    for table in TABLES_OF:
        # Listed first: removing a file removes folders that are still being walked.
        for path in list((site.tables / table).rglob(f"import={LEAD}*/*.parquet")):
            if path.relative_to(site.tables).as_posix() not in named:
                remove(site.tables, path)
