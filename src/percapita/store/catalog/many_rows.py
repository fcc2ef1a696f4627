"""Many rows in and out of the catalog, past SQLAlchemy's own work on each of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def bulk(
    connection: Connection, table: sa.Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert many rows of plain values."""
    if not rows:
        return
    insert = sa.insert(table).compile(dialect=connection.dialect, column_keys=list(columns))
    if insert.positional:
        order = [columns.index(name) for name in insert.positiontup or ()]
        straight = order == list(range(len(columns)))
        values = rows if straight else [tuple(row[i] for i in order) for row in rows]
        connection.exec_driver_sql(str(insert), list(values))
    else:
        connection.exec_driver_sql(
            str(insert), [dict(zip(columns, row, strict=True)) for row in rows]
        )


def among(connection: Connection, digits: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the SQL of a long list of hashes, to stand behind ``IN``, and its parameters.

    SQLite's driver keeps every text of a statement that it saw lately, compiled: a list is handed
    to it as one parameter, so that the text is always the same.
    """
    if connection.dialect.name == "sqlite":
        return "(SELECT value FROM json_each(?))", (json.dumps(list(digits)),)
    listed = ", ".join(f"'{one}'" for one in digits)
    return f"({listed})", ()


def pairs(connection: Connection, wanted: sa.Select[Any]) -> dict[Any, Any]:
    """Return a large result of two columns, without parameters, as a mapping."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(str(wanted.compile(dialect=connection.dialect)))
        return dict(cursor.fetchall())
    finally:
        cursor.close()
