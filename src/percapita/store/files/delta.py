"""Delta Lake: the face that other engines read the tables by.

The catalog is the authority for what is live; a Delta log lists every file of every committed
import and run until it is collected, partitioned by period and import or run. A log is written
after the catalog's transaction, by replaying the steps that the transaction owes: whoever writes
next carries out what a killed process left undone, once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from deltalake import DeltaTable
from deltalake.schema import Field, MapType, PrimitiveType, Schema
from deltalake.transaction import AddAction, CommitProperties, RemoveAction, Transaction
from sqlalchemy.engine import Connection

from percapita.core.tables import TABLES, Table
from percapita.store.catalog.tables import FILES, STEPS
from percapita.store.crash import point
from percapita.store.engine import Engine, literal
from percapita.store.site import Site

_TYPES = {"int64": "long", "int32": "integer", "bool": "boolean"}
_ADDED = 1
"""The order number an owner's files are added under: what a log has once is not added again."""
_LONGEST = 128
"""Texts longer than this are left out of the statistics."""
_MILLISECOND = timedelta(milliseconds=1)


class Named(NamedTuple):
    """A file of the catalog, its path relative to the folder ``tables``."""

    path: str
    rows: int
    bytes: int
    removed_at: datetime | None


@dataclass(slots=True)
class _Owing:
    """What is owed to one log."""

    added: dict[str, list[Named]] = field(default_factory=dict)
    """Files by the import or run that they are of."""
    removed: list[Named] = field(default_factory=list)


def schema(table: Table) -> Schema:
    """Return the table's Delta schema: every column nullable, the partition columns last."""
    columns = [Field(column.name, _type(column.type)) for column in table.columns]
    return Schema([*columns, *(Field(name, PrimitiveType("string")) for name in table.partition)])


def _type(name: str) -> PrimitiveType | MapType:
    if name.startswith("map<"):
        key, value = name.removeprefix("map<").removesuffix(">").split(",")
        return MapType(_type(key), _type(value), value_contains_null=True)
    return PrimitiveType(_TYPES.get(name, name))


def folder(site: Site, table: Table) -> Path:
    """Return the folder of a Delta table."""
    return site.tables / table.name


def files(site: Site, table: Table, version: int | None = None) -> dict[str, list[str]]:
    """Return the files that a version of the log names, by partition folder; latest if not said.

    Paths are relative to the folder ``tables``.
    """
    home = folder(site, table)
    if not DeltaTable.is_deltatable(str(home)):
        return {}
    result: dict[str, list[str]] = {}
    for path in _listed(site, table, DeltaTable(home, version=version)):
        result.setdefault(path.rpartition("/")[0], []).append(f"{table.name}/{path}")
    return {name: sorted(paths) for name, paths in sorted(result.items())}


def _listed(site: Site, table: Table, log: DeltaTable) -> list[str]:
    """Return the paths that a log names, relative to the table's folder."""
    home = folder(site, table).resolve()
    uris = (Path(uri.removeprefix("file://")) for uri in log.file_uris())
    return [path.relative_to(home).as_posix() for path in uris]


def settle(site: Site) -> int:
    """Carry out every step that a committed transaction still owes; return how many.

    All of them become one version of each log: nobody who reads it sees a file beside what it was
    merged into.
    """
    steps = sa.select(STEPS).order_by(STEPS.c.id)
    with site.catalog.read() as connection:
        if connection.execute(steps.limit(1)).first() is None:
            return 0
    with site.catalog.write() as connection:
        owed = connection.execute(steps).all()
        for name, owing in _owing(connection, owed).items():
            _carry_out(site, TABLES[name], owing)
        # Nobody else writes meanwhile: these are all.
        connection.execute(sa.delete(STEPS))
        point("delta.committed")
    point("delta.settled")
    return len(owed)


def _owing(connection: Connection, steps: Sequence[Any]) -> dict[str, _Owing]:
    """Return what steps owe to the log of each table."""
    result: dict[str, _Owing] = defaultdict(_Owing)
    for step in steps:
        adding = step.what == "add"
        there = FILES.c.removed_at.is_(None) if adding else FILES.c.removed_at.is_not(None)
        wanted = sa.select(FILES).where(FILES.c.owner == step.owner, there).order_by(FILES.c.path)
        for row in connection.execute(wanted):
            named = Named(row.path, row.rows, row.bytes, row.removed_at)
            owing = result[row.table_name]
            if adding:
                owing.added.setdefault(step.owner, []).append(named)
            else:
                owing.removed.append(named)
    return result


def _carry_out(site: Site, table: Table, owing: _Owing) -> None:
    if not (owing.added or DeltaTable.is_deltatable(str(folder(site, table)))):
        return
    log = _log(site, table)
    fresh = [owner for owner in owing.added if log.transaction_version(owner) is None]
    added = [file for owner in fresh for file in owing.added[owner]]
    listed = {f"{table.name}/{path}" for path in _listed(site, table, log)} if owing.removed else ()
    removed = [file for file in owing.removed if file.path in listed]
    if not (added or removed):
        return
    once = [Transaction(owner, _ADDED) for owner in fresh]
    log.create_write_transaction(
        [*(_adds(site, table, added) if added else ()), *_removes(removed)],
        mode="append",
        schema=schema(table),
        partition_by=list(table.partition),
        commit_properties=CommitProperties(app_transactions=once),
    )


def _log(site: Site, table: Table) -> DeltaTable:
    """Return the log of a table, begun if there is none."""
    home = folder(site, table)
    if DeltaTable.is_deltatable(str(home)):
        return DeltaTable(home)
    log = DeltaTable.create(
        home, schema(table), mode="error", partition_by=list(table.partition), name=table.name
    )
    point("delta.created")
    return log


def _adds(site: Site, table: Table, staged: Sequence[Named]) -> list[AddAction | RemoveAction]:
    stats = statistics(
        site.engine, table, [(site.tables / file.path, file.rows) for file in staged]
    )
    return [
        AddAction(
            path=file.path.partition("/")[2],
            size=file.bytes,
            partition_values=_values(file.path),
            modification_time=(site.tables / file.path).stat().st_mtime_ns // 1_000_000,
            data_change=True,
            stats=json.dumps(found),
        )
        for file, found in zip(staged, stats, strict=True)
    ]


def _removes(staged: Iterable[Named]) -> list[AddAction | RemoveAction]:
    return [
        RemoveAction(
            path=file.path.partition("/")[2],
            data_change=True,
            deletion_timestamp=int(file.removed_at.timestamp() * 1000) if file.removed_at else 0,
            size=file.bytes,
            partition_values=_values(file.path),
        )
        for file in staged
    ]


def _values(path: str) -> dict[str, str | None]:
    """Read the partition columns of a path ``lines/period=2025-10/import=i000001/x.parquet``."""
    pairs = (step.partition("=") for step in path.split("/")[1:-1])
    return {name: value for name, _, value in pairs}


def statistics(
    engine: Engine, table: Table, paths: Sequence[tuple[Path, int]]
) -> list[dict[str, Any]]:
    """Return each file's statistics from its own footer, as the Delta protocol writes them.

    Decimals have none: readers that take them as floats would skip files wrongly. A bound that the
    footer does not hold exactly is left out.
    """
    found: dict[str, dict[str, Any]] = {
        str(path): {"numRecords": rows, "minValues": {}, "maxValues": {}, "nullCount": {}}
        for path, rows in paths
    }
    types = {column.name: column.type for column in table.columns}
    for path, column, nulls, lows, highs in engine.rows(_footers([path for path, _ in paths])):
        if column not in types:
            continue  # the keys and values inside a map
        stats = found[path]
        stats["nullCount"][column] = int(nulls)
        for bounds, name in ((lows, "minValues"), (highs, "maxValues")):
            value = _bound(types[column], bounds, up=name == "maxValues")
            if value is not None:
                stats[name][column] = value
    return [found[str(path)] for path, _ in paths]


def _footers(paths: Sequence[Path]) -> str:
    listed = ", ".join(literal(str(path)) for path in paths)

    def bound(of: str, value: str, exact: str) -> str:
        full = f"count({value}) FILTER ({exact}) = count(*) FILTER (stats_null_count < num_values)"
        casts = ("VARCHAR", "BIGINT", "TIMESTAMPTZ", "DATE")
        fields = ", ".join(f"'{cast}': {of}(TRY_CAST({value} AS {cast}))" for cast in casts)
        return f"CASE WHEN {full} THEN {{{fields}}} END"

    return (
        "SELECT file_name, path_in_schema, sum(stats_null_count),"
        f" {bound('min', 'stats_min_value', 'min_is_exact')},"
        f" {bound('max', 'stats_max_value', 'max_is_exact')}"
        f" FROM parquet_metadata([{listed}]) GROUP BY ALL"
    )


def _bound(kind: str, bounds: dict[str, Any] | None, *, up: bool) -> int | str | None:
    if bounds is None:
        return None
    if kind in ("int64", "int32"):
        return bounds["BIGINT"]  # type: ignore[no-any-return]
    if kind == "timestamp":
        return _instant(bounds["TIMESTAMPTZ"], up=up)
    if kind == "date":
        day: date | None = bounds["DATE"]
        return None if day is None else day.isoformat()
    if kind == "string":
        text: str | None = bounds["VARCHAR"]
        return None if text is None or len(text) > _LONGEST else text
    return None


def _instant(moment: datetime | None, *, up: bool) -> str | None:
    """Write an instant in whole milliseconds, rounded away from the values between the bounds."""
    if moment is None:
        return None
    rest = timedelta(microseconds=moment.microsecond % 1000)
    whole = moment.astimezone(UTC) - rest + (_MILLISECOND if up and rest else timedelta())
    return whole.strftime("%Y-%m-%dT%H:%M:%S.") + f"{whole.microsecond // 1000:03d}Z"
