"""Upsert: rows delivered anew replace the rows of the same key, wherever they stand.

An older scope that holds such a row is replaced as a whole by the delivery, which takes its other
rows over. So reading stays what it is for every mode: whole scopes, live or not.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from percapita.core.errors import InputError, nearest
from percapita.core.sources import Source
from percapita.core.subjects import SEGMENT, SESSION, TENANT, USER
from percapita.core.tables import Table
from percapita.store.engine import literal, quote
from percapita.store.files import views
from percapita.store.imports import scopes
from percapita.store.imports.scopes import Scope
from percapita.store.journal import Staging
from percapita.store.site import Site

_OLD = "_upsert_old"
_LEVELS = {USER, SESSION, TENANT, SEGMENT}


class UpsertKeyError(InputError):
    """A source's keys cannot identify its rows."""

    def __init__(self, source: str, message: str, hint: str) -> None:
        super().__init__(f"Source {source!r} has mode upsert, and {message}", hint=hint)


def columns(table: Table, source: Source, keys: Sequence[str] | None = None) -> list[str]:
    """Return the SQL of the identifying columns.

    A key is a column of the table, a column of the file that is mapped to one, a level of subject,
    ``tags.NAME``, or any other column of a bill.

    Raises:
        UpsertKeyError: a key is none of these, or there is no key.
    """
    names = source.keys if keys is None else tuple(keys)
    if not names:
        raise UpsertKeyError(source.name, "names no keys.", "Say which columns: keys: [...].")
    return [_column(table, source, name) for name in names]


def _column(table: Table, source: Source, name: str) -> str:
    ours = {theirs: mine for mine, theirs in source.columns.items()}
    for candidate in (name, ours.get(name, name)):
        if candidate in table.names:
            return quote(candidate)
        if candidate in _LEVELS and "subject" in table.names:
            return quote("subject")
    if "Tags" in table.names and name.startswith("tags."):
        return f"{quote('Tags')}[{literal(name.removeprefix('tags.'))}]"
    if "Extra" in table.names:
        return f"{quote('Extra')}[{literal(name)}]"
    raise UpsertKeyError(
        source.name,
        f"{name!r} is not a column of {table.name}.",
        nearest(name, {*table.names, *source.columns.values()}),
    )


def carry(
    site: Site,
    connection: Connection,
    staging: Staging,
    source: Source,
    *,
    seq: int,
    keys: Sequence[str] | None,
    row_group: int,
) -> set[Scope]:
    """Stage the rows that older scopes keep, replace those scopes, and return them."""
    result: set[Scope] = set()
    for table in sorted({file.table for file in staging.files}, key=lambda table: table.name):
        identity = columns(table, source, keys)
        old = views.inputs(connection, table, source=source.name)
        if not old:
            continue
        site.engine.view(_OLD, views.relation(site, table, old))
        touched = _touched(site, table, identity, staging.relation(table))
        for owner, scope in touched:
            result.add(scope)
            scopes.supersede(connection, owner, scope, seq)
        for period in sorted({scope.period for _, scope in touched}):
            wanted = [(owner, scope) for owner, scope in touched if scope.period == period]
            sql = _survivors(table, identity, staging.relation(table), wanted)
            staging.write(table, sql, period=period or None, part="carried", row_group=row_group)
        site.engine.drop(_OLD)
    return result


def _period(table: Table) -> str:
    return "period" if "period" in table.partition else "''"


def _matches(identity: Sequence[str], new: str) -> str:
    """Return the condition that a row's key was delivered; a key of nulls alone is none."""
    equal = " AND ".join(f"n.k{i} IS NOT DISTINCT FROM {key}" for i, key in enumerate(identity))
    keys = ", ".join(f"{key} AS k{i}" for i, key in enumerate(identity))
    named = " OR ".join(f"{key} IS NOT NULL" for key in identity)
    return f"EXISTS (SELECT 1 FROM (SELECT {keys} FROM {new} WHERE {named}) n WHERE {equal})"


def _touched(
    site: Site, table: Table, identity: Sequence[str], new: str
) -> list[tuple[str, Scope]]:
    found = site.engine.rows(
        f"SELECT DISTINCT import, {_period(table)}, {views.account(table)} FROM {_OLD} o"
        f" WHERE {_matches(identity, new)} ORDER BY ALL"
    )
    return [(owner, Scope(table.name, period, name)) for owner, period, name in found]


def _survivors(
    table: Table, identity: Sequence[str], new: str, touched: Sequence[tuple[str, Scope]]
) -> str:
    listed = ", ".join(
        f"({literal(owner)}, {literal(scope.period)}, {literal(scope.account)})"
        for owner, scope in touched
    )
    return (
        f"SELECT * FROM {_OLD} o WHERE NOT {_matches(identity, new)} AND"
        f" (import, {_period(table)}, {views.account(table)}) IN ({listed})"
    )
