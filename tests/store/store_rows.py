"""Rows of tables as SQL, and the fixed names that the tests of the store share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from percapita.core.privacy import Key
from percapita.core.tables import LINES, Table
from percapita.store import Store
from percapita.store.engine import quote, sql_type

NOW = datetime(2025, 11, 3, 12, 0, tzinfo=UTC)
KEY = Key(b"k" * 32)

FOUND = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
"""The environment in which a process of its own finds these helpers."""

Deliver = Callable[..., str]


def relation(table: Table, rows: Sequence[dict[str, Any]], further: Sequence[str] = ()) -> str:
    """Return the SQL of rows of a table; columns that are not given are null."""
    names = [*table.names, *further]
    types = {c.name: sql_type(c.type) for c in table.columns} | dict.fromkeys(further, "VARCHAR")
    selects = [
        ", ".join(f"CAST({_literal(row.get(n))} AS {types[n]}) AS {quote(n)}" for n in names)
        for row in rows
    ]
    empty = ", ".join(f"CAST(NULL AS {types[n]}) AS {quote(n)}" for n in names) + " WHERE false"
    return " UNION ALL ".join(f"SELECT {select}" for select in selects or [empty])


def _literal(value: object) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def line(name: str, cost: str, account: str | None = "a1", **more: str) -> dict[str, Any]:
    """Return a bill line."""
    return {"LineId": name, "BilledCost": cost, "BillingAccountId": account, **more}


def bound(store: Store, **how: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Return LineId, cost and period of the lines bound this way."""
    store.bind(LINES, **how)
    return store.engine.rows(
        "SELECT LineId, BilledCost::DECIMAL(18,2)::VARCHAR, period FROM lines ORDER BY ALL"
    )
