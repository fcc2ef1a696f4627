"""Small files of the live source are merged, so that a day has few.

The sums before and after are compared; where they differ nothing changes. Large files of readings
are merged in steps: see ``large.py``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

import sqlalchemy as sa

from percapita.core.errors import ProofError
from percapita.core.tables import CLAIMS, EVENTS, READINGS, TABLES, Table
from percapita.store.catalog.catalog import take
from percapita.store.catalog.tables import IMPORTS
from percapita.store.crash import point
from percapita.store.engine import Engine, parquet, quote
from percapita.store.journal import Staging
from percapita.store.live.files import LEAD, LOGGED, Part, name, parts, supersede
from percapita.store.site import Site

_TOGETHER: Final = {0: 16}
"""Imports of a level that are merged into one of the next."""
_OTHERWISE: Final = 8
SMALL: Final = 100_000
"""Rows of a small part: a turn under load has more, nearly all of them different."""
_AT_ONCE: Final = 200_000
"""Rows that are merged at once, about; it takes place in memory."""


class _Merging(NamedTuple):
    """How rows of a table are merged; without keys they stay as they are."""

    keys: tuple[str, ...]
    merged: Mapping[str, str]
    """Columns that are no keys, and the SQL of what becomes of them."""
    order: tuple[str, ...]
    totals: str
    """SQL of what must be the same before and after; of readings, Arrow sums it."""


_SUMS: Final = {name: f"sum({name})" for name in ("signals", "quantity", "trace_squares")}
_MERGING: Final = {
    READINGS.name: _Merging(
        tuple(name for name in READINGS.names if name not in _SUMS), _SUMS,
        ("time", "meter", "subject"), "",
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


def merge(site: Site, now: datetime, *, idle: bool) -> int:
    """Merge what is small; return how many merges it took. The Delta logs are the caller's."""
    merges = 0
    while (found := _next(site, idle=idle)) is not None:
        _merge(site, *found, now)
        merges += 1
    return merges


def _next(site: Site, *, idle: bool) -> tuple[list[Part], int] | None:
    """Return parts that are to be merged, and the level of what comes of it."""
    months: dict[tuple[str, str], list[Part]] = defaultdict(list)
    for part in parts(site):
        if part.rows <= SMALL:
            months[part.table, part.period].append(part)
    for of_month in months.values():
        for level in range(max(part.level for part in of_month) + 1):
            small = [part for part in of_month if part.level <= level]
            of_level = sum(part.level == level for part in small)
            ready = of_level >= _TOGETHER.get(level, _OTHERWISE)
            if ready or (of_level > 1 and sum(part.rows for part in small) >= _AT_ONCE):
                return _at_once(small), level + 1
        if idle and (fresh := [part for part in of_month if part.level < LOGGED]):
            return _at_once(fresh), LOGGED
    return None


def _at_once(found: Sequence[Part]) -> list[Part]:
    """Return the first parts, as many as fit into memory."""
    rows = 0
    for at, part in enumerate(found):
        rows += part.rows
        if at and rows > _AT_ONCE + SMALL:
            return list(found[:at])
    return list(found)


def _merge(site: Site, found: Sequence[Part], level: int, now: datetime) -> None:
    staging = Staging(site, owner := LEAD + os.urandom(8).hex())
    table, period = TABLES[found[0].table], found[0].period
    paths = [site.tables / path for part in found for path in part.paths]
    _write(staging, table, period or None, paths)
    if _totals(site, table, paths) != _totals(site, table, staging.paths):
        staging.discard()
        raise MergeError(table.name, period)
    commit(site, staging, owner, found, level, now)


def commit(
    site: Site, staging: Staging, owner: str, found: Sequence[Part], level: int, now: datetime
) -> None:
    """Put what is staged in the place of these parts."""
    point("live.merge-written")
    staging.settle()
    began = sa.select(sa.func.max(IMPORTS.c.begun_at))
    with site.catalog.write() as connection:
        seq = take(connection, "commits", 1)
        came = connection.execute(
            began.where(IMPORTS.c.id.in_([part.owner for part in found]))
        ).scalar_one()
        name(connection, staging, owner, now, seq=seq, level=level, came=came)
        supersede(connection, found, owner, seq, now)
        point("live.merge-staged")
    point("live.merge-committed")


def _write(staging: Staging, table: Table, period: str | None, paths: Sequence[Path]) -> None:
    """Write the rows of files, merged."""
    if table is READINGS:
        from percapita.store.files.arrow_merge import merged  # noqa: PLC0415

        if (rows := merged(paths)) is not None:
            staging.write_arrow(table, rows, period=period, part="0", statistics=True)
            return
    staging.write(table, relation(table, paths), period=period, part="0", row_group=65_536)


def _totals(site: Site, table: Table, paths: Sequence[Path]) -> object:
    """Return what a merge does not change."""
    if table is READINGS:
        from percapita.store.files.arrow_merge import Totals  # noqa: PLC0415

        return Totals.of(paths)
    return engine(site).rows(_MERGING[table.name].totals.format(files=parquet(paths)))


def engine(site: Site) -> Engine:
    """Return the engine. It reads files once here: what it would keep of them is in the way."""
    site.engine.execute("SET enable_external_file_cache = false")
    site.engine.execute("SET parquet_metadata_cache = false")
    return site.engine


def relation(table: Table, paths: Sequence[Path]) -> str:
    """Return the SQL of the rows of files, merged."""
    merging = _MERGING[table.name]
    keys = ", ".join(quote(column) for column in merging.keys)
    grouped = f" GROUP BY {keys}" if keys else ""
    columns = ", ".join(
        f"{merging.merged[name]} AS {quote(name)}" if name in merging.merged else quote(name)
        for name in table.names
    )
    order = [*merging.order, *(key for key in merging.keys if key not in merging.order)]
    listed = ", ".join(quote(column) for column in order)
    return f"SELECT {columns} FROM {parquet(paths)}{grouped} ORDER BY {listed}"
