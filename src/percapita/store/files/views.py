"""Which files a table is made of, at which version, and the SQL that reads exactly those."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.tables import Table, key_column
from percapita.store.catalog.tables import FILES, IMPORTS, RUN_IMPORTS, RUNS, SCOPES
from percapita.store.engine import literal, quote, sql_type
from percapita.store.files.extra import columns, one
from percapita.store.site import Site

ACCOUNT = "BillingAccountId"
"""The column that, beside the period, says which rows a delivery replaces."""


class Portion(NamedTuple):
    """Files that are read whole, or only for some billing accounts."""

    paths: tuple[str, ...]
    accounts: tuple[str, ...] | None
    """``None``: every row is live."""
    extra: tuple[str, ...] = ()
    """Keys of ``Extra`` that have columns of their own in each of the files."""


class Version(NamedTuple):
    """The inputs as a run read them: imports up to an order number, and only these."""

    seq: int
    imports: frozenset[str]


def version_of(connection: Connection, run: str) -> Version:
    """Return what a run read."""
    seq = connection.execute(sa.select(RUNS.c.seq).where(RUNS.c.id == run)).scalar_one()
    read = sa.select(RUN_IMPORTS.c.import_id).where(RUN_IMPORTS.c.run_id == run)
    return Version(int(seq), frozenset(connection.execute(read).scalars()))


def has_account(table: Table) -> bool:
    """Tell whether the table's rows belong to billing accounts."""
    return ACCOUNT in table.names


def account(table: Table) -> str:
    """Return the SQL of the account a row belongs to; empty text where the table knows none."""
    return f"coalesce({quote(ACCOUNT)}, '')" if has_account(table) else "''"


def inputs(
    connection: Connection,
    table: Table,
    *,
    version: Version | None = None,
    periods: Collection[str] | None = None,
    source: str | None = None,
) -> list[Portion]:
    """Return the live files of an input table: now, or as a run read them."""
    live = _scopes(connection, table, version=version, source=source)
    wanted = sa.select(FILES.c.path, FILES.c.period, FILES.c.owner, FILES.c.extra).where(
        FILES.c.table_name == table.name, FILES.c.removed_at.is_(None)
    )
    whole: dict[tuple[str, ...], list[str]] = {}
    cut: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for path, period, owner, extra in connection.execute(wanted.order_by(FILES.c.path)):
        if (owner, period) not in live or (
            period and periods is not None and period not in periods
        ):
            continue
        accounts, complete = live[owner, period]
        if complete:
            whole.setdefault(tuple(extra), []).append(path)
        elif accounts:
            cut.setdefault((tuple(accounts), tuple(extra)), []).append(path)
    return [
        *(Portion(tuple(paths), None, extra) for extra, paths in whole.items()),
        *(Portion(tuple(paths), accounts, e) for (accounts, e), paths in sorted(cut.items())),
    ]


def _scopes(
    connection: Connection, table: Table, *, version: Version | None, source: str | None
) -> dict[tuple[str, str], tuple[list[str], bool]]:
    """Return (import, period) -> its live accounts, and whether those are all it delivered."""
    wanted = (
        sa.select(SCOPES.c.import_id, SCOPES.c.period, SCOPES.c.account, SCOPES.c.superseded)
        .join(IMPORTS, IMPORTS.c.id == SCOPES.c.import_id)
        .where(SCOPES.c.table_name == table.name, IMPORTS.c.seq.is_not(None))
        .order_by(SCOPES.c.import_id, SCOPES.c.period, SCOPES.c.account)
    )
    if source is not None:
        wanted = wanted.where(IMPORTS.c.source == source)
    if version is not None:
        wanted = wanted.where(IMPORTS.c.seq <= version.seq)
    result: dict[tuple[str, str], tuple[list[str], bool]] = {}
    for import_id, period, name, superseded in connection.execute(wanted):
        if version is not None and import_id not in version.imports:
            continue
        alive = superseded is None or (version is not None and superseded > version.seq)
        accounts, complete = result.get((import_id, period), ([], True))
        result[import_id, period] = ([*accounts, name] if alive else accounts, complete and alive)
    return result


def pairs(
    run: str | None, chosen: Mapping[str, str], periods: Collection[str] | None
) -> list[tuple[str, str | None]]:
    """Return the (run, period) pairs to read; a period of ``None`` is all of a run's."""
    if run is not None:
        return [(run, None)] if periods is None else [(run, p) for p in sorted(periods)]
    return [(r, p) for p, r in sorted(chosen.items()) if periods is None or p in periods]


def outputs(
    connection: Connection, table: Table, runs: Iterable[tuple[str, str | None]]
) -> list[Portion]:
    """Return the files of (run, period) pairs; a period of ``None`` takes all of a run's."""
    paths: list[str] = []
    for run, period in runs:
        wanted = sa.select(FILES.c.path).where(
            FILES.c.owner == run, FILES.c.table_name == table.name, FILES.c.removed_at.is_(None)
        )
        if period is not None:
            wanted = wanted.where(FILES.c.period == period)
        paths.extend(connection.execute(wanted.order_by(FILES.c.path)).scalars())
    return [Portion(tuple(paths), None)] if paths else []


def relation(
    site: Site,
    table: Table,
    portions: Sequence[Portion],
    where: str = "",
    keys: Sequence[str] = (),
) -> str:
    """Return the SQL over these files, partition columns last; typed, empty if there are none.

    ``keys`` of ``Extra`` follow as columns ``Extra.KEY``.
    """
    partition = [quote(name) for name in table.partition]
    selects = []
    for portion in portions:
        listed = ", ".join(literal(str(site.tables / path)) for path in portion.paths)
        filters = [where] if where else []
        if portion.accounts is not None:
            accounts = ", ".join(literal(name) for name in portion.accounts)
            filters.append(f"{account(table)} IN ({accounts})")
        clause = f" WHERE {' AND '.join(filters)}" if filters else ""
        found = [f"{one(key, portion.extra)} AS {quote(key_column(key))}" for key in keys]
        selects.append(
            f"SELECT {', '.join([columns(table, portion.extra), *partition, *found])}"
            f" FROM read_parquet([{listed}], hive_partitioning = true,"
            f" hive_types_autocast = false){clause}"
        )
    return " UNION ALL ".join(selects) or empty(table, keys)


def extra_keys(site: Site, portions: Sequence[Portion]) -> set[str]:
    """Return the keys of ``Extra`` that lines of these files have."""
    keys = {key for portion in portions for key in portion.extra}
    for portion in portions:
        listed = ", ".join(literal(str(site.tables / path)) for path in portion.paths)
        rest = f"SELECT DISTINCT unnest(map_keys(Extra)) FROM read_parquet([{listed}])"
        keys |= {str(key) for (key,) in site.engine.rows(rest)}
    return keys


def empty(table: Table, keys: Sequence[str] = ()) -> str:
    """Return the SQL of the table's columns, and those of the keys, without a row."""
    types: Mapping[str, str] = {
        **{column.name: sql_type(column.type) for column in table.columns},
        **dict.fromkeys((*table.partition, *map(key_column, keys)), "VARCHAR"),
    }
    columns = ", ".join(f"CAST(NULL AS {kind}) AS {quote(name)}" for name, kind in types.items())
    return f"SELECT {columns} WHERE false"
