"""What a delivery replaces.

A scope is a (table, period, billing account) of one import; period and account are empty where the
table has no such column. What is replaced stays on record, with the order number of the import that
replaced it, so that an earlier run can still be explained.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.sources import Source
from percapita.core.tables import Table
from percapita.store.catalog.tables import DELIVERED, IMPORTS, QUARANTINE, SCOPES
from percapita.store.files.views import account, has_account
from percapita.store.journal import Staging
from percapita.store.site import Site

_NEWER = SCOPES.alias("newer")
_LIVE = SCOPES.c.superseded.is_(None)


class Scope(NamedTuple):
    """The rows of one billing account in one period of a table."""

    table: str
    period: str
    account: str


def delivered(site: Site, staging: Staging) -> set[Scope]:
    """Return the scopes that staged files hold rows of."""
    result: set[Scope] = set()
    for table, period in {(file.table, file.period) for file in staging.files}:
        if not has_account(table):
            result.add(Scope(table.name, period or "", ""))
            continue
        files = staging.relation(table, None if period is None else [period])
        accounts = site.engine.rows(f"SELECT DISTINCT {account(table)} FROM {files}")
        result |= {Scope(table.name, period or "", name) for (name,) in accounts}
    return result


def places(site: Site, staging: Staging, table: Table) -> dict[str, set[tuple[str, str]]]:
    """Return the value of the column ``file`` -> periods and accounts of its staged rows."""
    found: dict[str, set[tuple[str, str]]] = {}
    for period in {file.period for file in staging.files if file.table == table}:
        files = staging.relation(table, None if period is None else [period])
        for name, place in site.engine.rows(
            f'SELECT DISTINCT "file", {account(table)} FROM {files}'
        ):
            found.setdefault(name, set()).add((period or "", place))
    return found


def record(connection: Connection, import_id: str, scopes: Collection[Scope]) -> None:
    """Remember an import's scopes, live."""
    rows = [
        {"import_id": import_id, "table_name": s.table, "period": s.period, "account": s.account}
        for s in sorted(scopes)
    ]
    if rows:
        connection.execute(sa.insert(SCOPES), rows)


def supersede(connection: Connection, import_id: str, scope: Scope, seq: int) -> None:
    """Mark one scope of an import as replaced."""
    held = sa.update(SCOPES).where(
        SCOPES.c.import_id == import_id,
        SCOPES.c.table_name == scope.table,
        SCOPES.c.period == scope.period,
        SCOPES.c.account == scope.account,
    )
    connection.execute(held.values(superseded=seq))


def overwrite(
    connection: Connection, import_id: str, source: Source, seq: int, *, whole: bool = False
) -> None:
    """Mark as replaced what the source delivered earlier in the scopes of this import, or all."""
    same: sa.ColumnElement[bool] = sa.exists().where(
        _NEWER.c.import_id == import_id,
        _NEWER.c.table_name == SCOPES.c.table_name,
        _NEWER.c.period == SCOPES.c.period,
        _NEWER.c.account == SCOPES.c.account,
    )
    earlier = SCOPES.c.import_id.in_(_earlier(import_id, source))
    if whole:
        same = sa.true()
    connection.execute(sa.update(SCOPES).where(_LIVE, earlier, same).values(superseded=seq))


def retire(
    connection: Connection, import_id: str, source: Source, seq: int,
    *, kept: Collection[str] = (),
) -> None:  # fmt: skip
    """Mark the source's imports of which nothing is live any more, and their broken rows, as past.

    Broken rows of a file that is delivered anew are past too, whatever the mode. Imports that are
    ``kept`` hold files that are still delivered: their broken rows wait on.
    """
    of_import = SCOPES.c.import_id == IMPORTS.c.id
    nothing_live = ~sa.exists().where(of_import, _LIVE)
    # An import that held only broken rows has no scope; the next delivery of its source ends it.
    replaced: sa.ColumnElement[bool] = sa.exists().where(of_import, SCOPES.c.superseded == seq)
    if source.mode == "overwrite":
        replaced = replaced | ~sa.exists().where(of_import)
    past = sa.update(IMPORTS).where(
        IMPORTS.c.source == source.name,
        IMPORTS.c.state == "live",
        IMPORTS.c.id.not_in([import_id, *kept]),
        nothing_live,
        replaced,
    )
    connection.execute(past.values(state="past"))
    files = sa.select(DELIVERED.c.path).where(DELIVERED.c.import_id == import_id)
    gone: sa.ColumnElement[bool] = QUARANTINE.c.file.in_(files)
    if source.mode == "overwrite":
        ended = sa.select(IMPORTS.c.id).where(IMPORTS.c.state == "past")
        gone = gone | QUARANTINE.c.import_id.in_(ended)
    broken = sa.update(QUARANTINE).where(
        QUARANTINE.c.superseded.is_(None),
        QUARANTINE.c.import_id.in_(_earlier(import_id, source, states=("live", "past"))),
        gone,
    )
    connection.execute(broken.values(superseded=seq))


def unchanged(connection: Connection, source: Source, content: str, settings: str) -> bool:
    """Tell whether this very delivery, read this way, is in and nothing of it was replaced."""
    replaced = sa.exists().where(
        SCOPES.c.import_id == IMPORTS.c.id, SCOPES.c.superseded.is_not(None)
    )
    same = sa.select(IMPORTS.c.id).where(
        IMPORTS.c.source == source.name,
        IMPORTS.c.content == content,
        IMPORTS.c.settings == settings,
        IMPORTS.c.state == "live",
        ~replaced,
    )
    return connection.execute(same).first() is not None


def _earlier(
    import_id: str, source: Source, states: tuple[str, ...] = ("live",)
) -> sa.Select[tuple[str]]:
    return sa.select(IMPORTS.c.id).where(
        IMPORTS.c.source == source.name, IMPORTS.c.state.in_(states), IMPORTS.c.id != import_id
    )
