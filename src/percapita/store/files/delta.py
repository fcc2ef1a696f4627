"""Delta Lake: the face that other engines read the tables by.

The catalog is the authority for what is live; a Delta log lists every file of every committed
import and run until it is collected, partitioned by period and import or run. A log is written
after the catalog's transaction, by replaying the steps that the transaction owes: whoever writes
next carries out what a killed process left undone, once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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
    for uri in DeltaTable(home, version=version).file_uris():
        path = Path(uri.removeprefix("file://")).relative_to(home.resolve()).as_posix()
        result.setdefault(path.rpartition("/")[0], []).append(f"{table.name}/{path}")
    return {name: sorted(paths) for name, paths in sorted(result.items())}


def settle(site: Site) -> int:
    """Carry out every step that a committed transaction still owes; return how many."""
    with site.catalog.read() as connection:
        owed = connection.execute(sa.select(STEPS).order_by(STEPS.c.id)).all()
    for step in owed:
        with site.catalog.write() as connection:
            held = sa.select(STEPS.c.id).where(STEPS.c.id == step.id)
            if connection.execute(held).first() is None:
                continue
            _carry_out(site, connection, step.what, step.owner)
            connection.execute(sa.delete(STEPS).where(STEPS.c.id == step.id))
            point("delta.committed")
        point("delta.settled")
    return len(owed)


def _carry_out(site: Site, connection: Connection, what: str, owner: str) -> None:
    removed = FILES.c.removed_at.is_(None) if what == "add" else FILES.c.removed_at.is_not(None)
    wanted = sa.select(FILES).where(FILES.c.owner == owner, removed).order_by(FILES.c.path)
    by_table: dict[str, list[Named]] = {}
    for row in connection.execute(wanted):
        named = Named(row.path, row.rows, row.bytes, row.removed_at)
        by_table.setdefault(row.table_name, []).append(named)
    for name, named_files in by_table.items():
        if what == "add":
            _add(site, TABLES[name], named_files, owner)
        else:
            _remove(site, TABLES[name], named_files)


def _add(site: Site, table: Table, named: Sequence[Named], owner: str) -> None:
    home = folder(site, table)
    if DeltaTable.is_deltatable(str(home)):
        log = DeltaTable(home)
    else:
        log = DeltaTable.create(
            home, schema(table), mode="error", partition_by=list(table.partition), name=table.name
        )
        point("delta.created")
    if log.transaction_version(owner) is None:
        once = CommitProperties(app_transactions=[Transaction(owner, _ADDED)])
        _commit(log, table, _adds(site, table, named), once)


def _remove(site: Site, table: Table, named: Sequence[Named]) -> None:
    listed = {path for paths in files(site, table).values() for path in paths}
    if still := [file for file in named if file.path in listed]:
        _commit(DeltaTable(folder(site, table)), table, _removes(still))


def _commit(
    log: DeltaTable,
    table: Table,
    actions: list[AddAction | RemoveAction],
    properties: CommitProperties | None = None,
) -> None:
    log.create_write_transaction(
        actions,
        mode="append",
        schema=schema(table),
        partition_by=list(table.partition),
        commit_properties=properties,
    )


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
