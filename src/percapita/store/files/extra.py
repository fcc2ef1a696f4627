"""How lines keep the columns of a bill that no column of theirs is for.

The table's contract is one map, ``Extra``. A file keeps each key as a column of its own, named
``Extra.KEY``: a map would write every key once a row, and every look-up would read all of it. The
catalog knows which keys a file has; what can't be a column stays in the map itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from percapita.core.tables import LINES, Table, key_column
from percapita.store.engine import literal, quote

MAP: Final = "MAP(VARCHAR, VARCHAR)"
EMPTY: Final = f"MAP {{}}::{MAP}"


def filtered(items: Sequence[tuple[str, str]]) -> str:
    """Return the SQL of a map of the items, key and SQL of the value, that are not null."""
    if not items:
        return EMPTY
    listed = ", ".join(f"{{'k': {literal(key)}, 'v': {sql}}}" for key, sql in items)
    return f"map_from_entries(list_filter([{listed}], lambda e: e.v IS NOT NULL))"


def whole(held: Sequence[str]) -> str:
    """Return the SQL of the map, over a file that has columns for these keys."""
    if not held:
        return "Extra"
    items = [(key, quote(key_column(key))) for key in sorted(held)]
    return f"nullif(map_concat(coalesce(Extra, {EMPTY}), {filtered(items)}), {EMPTY})"


def one(key: str, held: Collection[str]) -> str:
    """Return the SQL of one key's value, likewise."""
    return quote(key_column(key)) if key in held else f"Extra[{literal(key)}]"


def columns(table: Table, held: Sequence[str]) -> str:
    """Return the SQL of a table's columns over a file that has columns for these keys."""
    return ", ".join(
        f"{whole(held)} AS Extra" if table is LINES and name == "Extra" else quote(name)
        for name in table.names
    )
