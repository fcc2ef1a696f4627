"""The files of the live source: small ones are merged, so that a day has few.

A merge is an import of its own, which supersedes what it merged: a run that began before still
reads what it began with. The sums before and after are compared; where they differ nothing changes.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import ProofError
from percapita.core.tables import CLAIMS, EVENTS, READINGS, TABLES, Table
from percapita.store.catalog.catalog import take
from percapita.store.catalog.tables import FILES, IMPORTS, METERS, QUARANTINE, RUN_IMPORTS, SCOPES
from percapita.store.crash import point
from percapita.store.engine import parquet, quote
from percapita.store.journal import Staging, owe, settle
from percapita.store.site import Site, remove

SOURCE: Final = "otlp"
"""Name of the source that what is received belongs to."""
LEAD: Final = "o"
"""First letter of the ids of its imports."""

LOGGED: Final = 2
"""From this level on files are in the Delta log: before, they live for minutes."""
_TOGETHER: Final = {0: 16}
"""Imports of a level that are merged into one of the next."""
_OTHERWISE: Final = 8
_MERGED_ROWS: Final = 100_000
"""A part with more rows is merged no more: a turn under load has as many, all of them different."""
_AT_ONCE: Final = 200_000
"""Rows that are merged at once, about; it takes place in memory."""
_READERS: Final = timedelta(minutes=15)
"""Superseded files stay this long for readers that have them open."""


class _Merging(NamedTuple):
    """How rows of a table are merged; without keys they stay as they are."""

    keys: tuple[str, ...]
    merged: Mapping[str, str]
    """Columns that are no keys, and the SQL of what becomes of them."""
    order: tuple[str, ...]
    totals: str
    """SQL of what must be the same before and after."""


_SUMS: Final = {name: f"sum({name})" for name in ("signals", "quantity", "trace_squares")}
_MERGING: Final = {
    READINGS.name: _Merging(
        tuple(name for name in READINGS.names if name not in _SUMS), _SUMS,
        ("time", "meter", "subject"),
        "SELECT meter, time, sum(signals), sum(quantity), sum(trace_squares)"
        " FROM {files} GROUP BY meter, time ORDER BY meter, time",
    ),
    CLAIMS.name: _Merging(
        CLAIMS.names, {}, ("subject", "seen"),
        "SELECT min(seen), max(seen), count(DISTINCT (subject, of, level, seen)) FROM {files}",
    ),
    EVENTS.name: _Merging(
        (), {}, ("at", "kind", "name"),
        'SELECT kind, count(*), min("at"), max("at"), sum(cardinality(payload)) FROM {files}'
        " GROUP BY kind ORDER BY kind",
    ),
}  # fmt: skip


class MergeError(ProofError):
    """A merge of live rows would change a sum."""

    def __init__(self, table: str, period: str) -> None:
        of = f" of {period}" if period else ""
        super().__init__(
            f"Live {table}{of} would be something else after merging; nothing was changed.",
            hint="Report this. The rows themselves are whole.",
        )


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


def merge(site: Site, now: datetime, *, idle: bool) -> int:
    """Merge what is small; return how many merges it took."""
    merges = 0
    while (found := _next(site, idle=idle)) is not None:
        _merge(site, *found, now)
        merges += 1
    if merges:
        settle(site)
    return merges


def _next(site: Site, *, idle: bool) -> tuple[list[Part], int] | None:
    """Return parts that are to be merged, and the level of what comes of it."""
    months: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for part in _parts(site):
        if part.rows <= _MERGED_ROWS:
            months[part.table, part.period].append(part)
    for parts in months.values():
        for level in range(max(part.level for part in parts) + 1):
            small = [part for part in parts if part.level <= level]
            of_level = sum(part.level == level for part in small)
            ready = of_level >= _TOGETHER.get(level, _OTHERWISE)
            if ready or (of_level > 1 and sum(part.rows for part in small) >= _AT_ONCE):
                return _at_once(small), level + 1
        if idle and (fresh := [part for part in parts if part.level < LOGGED]):
            return _at_once(fresh), LOGGED
    return None


def _at_once(parts: Sequence[Part]) -> list[Part]:
    """Return the first parts, as many as fit into memory."""
    found: list[Part] = []
    rows = 0
    for part in parts:
        rows += part.rows
        if found and rows > _AT_ONCE + _MERGED_ROWS:
            break
        found.append(part)
    return found


def _parts(site: Site) -> list[Part]:
    """Return all that is live, the newest first."""
    same = (FILES.c.table_name == SCOPES.c.table_name) & (FILES.c.period == SCOPES.c.period)
    wanted = (
        sa.select(IMPORTS.c.id, IMPORTS.c.settings, FILES)
        .join(SCOPES, SCOPES.c.import_id == IMPORTS.c.id)
        .join(FILES, (FILES.c.owner == IMPORTS.c.id) & same)
        .where(
            IMPORTS.c.source == SOURCE, IMPORTS.c.id.startswith(LEAD),
            SCOPES.c.table_name.in_(list(_MERGING)), SCOPES.c.superseded.is_(None),
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


def _merge(site: Site, parts: Sequence[Part], level: int, now: datetime) -> None:
    owner = LEAD + os.urandom(8).hex()
    staging = Staging(site, owner)
    table, period = TABLES[parts[0].table], parts[0].period
    paths = [site.tables / path for part in parts for path in part.paths]
    _write(staging, table, period or None, paths)
    old = parquet(paths)
    totals = [
        site.engine.rows(_MERGING[table.name].totals.format(files=files))
        for files in (old, staging.relation(table))
    ]
    if totals[0] != totals[1]:
        staging.discard()
        raise MergeError(table.name, period)
    point("live.merge-written")
    staging.settle()
    began = sa.select(sa.func.max(IMPORTS.c.begun_at))
    with site.catalog.write() as connection:
        seq = take(connection, "commits", 1)
        came = connection.execute(
            began.where(IMPORTS.c.id.in_([part.owner for part in parts]))
        ).scalar_one()
        name(connection, staging, owner, now, seq=seq, level=level, came=came)
        _supersede(connection, parts, owner, seq, now)
        point("live.merge-staged")
    point("live.merge-committed")


def _write(staging: Staging, table: Table, period: str | None, paths: Sequence[Path]) -> None:
    """Write the rows of files, merged."""
    if table is READINGS:
        from percapita.store.files.arrow_merge import merged  # noqa: PLC0415

        if (rows := merged(paths)) is not None:
            staging.write_arrow(table, rows, period=period, part="0", statistics=True)
            return
    relation = _merged(table, _MERGING[table.name], parquet(paths))
    staging.write(table, relation, period=period, part="0", row_group=65_536)


def _merged(table: Table, merging: _Merging, files: str) -> str:
    keys = ", ".join(quote(column) for column in merging.keys)
    grouped = f" GROUP BY {keys}" if keys else ""
    columns = ", ".join(
        f"{merging.merged[name]} AS {quote(name)}" if name in merging.merged else quote(name)
        for name in table.names
    )
    order = [*merging.order, *(key for key in merging.keys if key not in merging.order)]
    listed = ", ".join(quote(column) for column in order)
    return f"SELECT {columns} FROM {files}{grouped} ORDER BY {listed}"


def _supersede(
    connection: Connection, parts: Sequence[Part], owner: str, seq: int, now: datetime
) -> None:
    """Put the merged import in the place of its parts, with their meters and broken rows."""
    owners = [part.owner for part in parts]
    connection.execute(
        sa.update(SCOPES)
        .where(
            SCOPES.c.import_id.in_(owners), SCOPES.c.period == parts[0].period,
            SCOPES.c.table_name == parts[0].table,
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
    _drop(connection, gone, {part.owner for part in parts if part.level >= LOGGED}, now)


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
        & FILES.c.table_name.in_(list(_MERGING))
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
    for table in _MERGING:
        # Listed first: removing a file removes folders that are still being walked.
        for path in list((site.tables / table).rglob(f"import={LEAD}*/*.parquet")):
            if path.relative_to(site.tables).as_posix() not in named:
                remove(site.tables, path)
