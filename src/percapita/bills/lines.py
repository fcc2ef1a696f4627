"""Rows become lines: checked, given an id, and named with their file.

The id of a line is the hash of what it says under FOCUS names, however the file writes it, and its
number among lines that say the same. It does not depend on the order of rows or files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from percapita.bills.checks import CHECKED, refused
from percapita.bills.typed import Sheet
from percapita.core.tables import LINES
from percapita.store.engine import Engine, literal

ORDINALS: Final = "bill_ordinals"
"""``file``, ``row`` and ``ordinal`` of rows that say the same as others."""
FILES: Final = "bill_files"
"""``number`` and ``name`` of the delivery's files."""

_TWINS: Final = "bill_twins"
_TAKEN: Final = "bill_taken"
_NOT_HASHED: Final = ("LineId", "source", "file", "row", "Extra")
CANONICAL: Final = tuple(c for c in LINES.columns if c.name not in _NOT_HASHED)
SCHEMA: Final = {"period": "string", **{c.name: c.type for c in LINES.columns}}


def check(engine: Engine, sheets: Sequence[Sheet], source: str, beside: str = "") -> None:
    """Make the tables ``CHECKED`` and ``ORDINALS`` of all rows of the delivery.

    Args:
        engine: where the sheets are.
        sheets: all of the delivery.
        source: its name.
        beside: relation of the lines that stay when this delivery is in; no id is given twice.
    """
    schema = {"file": "int32", "row": "int64", "problem": "int32", "period": "string",
              "base": "string"}  # fmt: skip
    parts = " UNION ALL ".join(_checked(sheet, source) for sheet in sheets)
    engine.create(CHECKED, parts, schema)
    engine.create(_TAKEN, _taken(beside, source), {"base": "string", "last": "int64"})
    twins = (
        f"SELECT base FROM {CHECKED} LEFT JOIN {_TAKEN} USING (base) WHERE base IS NOT NULL"
        " GROUP BY base HAVING count(*) > 1 OR max(last) > 0"
    )
    found = engine.create(_TWINS, twins, {"base": "string"})
    schema = {"file": "int32", "row": "int64", "ordinal": "int64"}
    none = 'SELECT 0 AS "file", 0 AS "row", 0 AS ordinal WHERE false'
    engine.create(ORDINALS, _ordinals(sheets) if found else none, schema)


def _taken(beside: str, source: str) -> str:
    if not beside:
        return "SELECT '' AS base, 0 AS last WHERE false"
    return (
        "SELECT split_part(LineId, '-', 1) AS base,"
        " max(coalesce(TRY_CAST(split_part(LineId, '-', 2) AS BIGINT), 1)) AS last"
        f" FROM {beside} WHERE source = {literal(source)} GROUP BY base"
    )


def _ordinals(sheets: Sequence[Sheet]) -> str:
    rows = " UNION ALL ".join(
        f'SELECT t."file", t."row", k.base, md5(CAST(t.Extra AS VARCHAR)) AS extra'
        f' FROM ({sheet.typed}) t JOIN {CHECKED} k USING ("file", "row") JOIN {_TWINS} USING (base)'
        for sheet in sheets
    )
    # Lines that differ only in Extra get their numbers by it, so that they keep them when moved.
    return (
        'SELECT "file", "row", coalesce(last, 0) + row_number() OVER (PARTITION BY base'
        f' ORDER BY extra NULLS FIRST, "file", "row") AS ordinal'
        f" FROM ({rows}) LEFT JOIN {_TAKEN} USING (base)"
    )


def _checked(sheet: Sheet, source: str) -> str:
    inner = (
        f'SELECT "file", "row", {refused(sheet)} AS problem, month, {_base(source)} AS base'
        f" FROM ({sheet.typed})"
    )
    return (
        'SELECT "file", "row", problem, if(problem IS NULL, month, NULL) AS period,'
        f" if(problem IS NULL, base, NULL) AS base FROM ({inner})"
    )


def _base(source: str) -> str:
    cells = ", ".join(f"coalesce({_canonical(c.name, c.type)}, '')" for c in CANONICAL)
    return f"md5(concat_ws(chr(31), {literal(source)}, {cells}))"


def _canonical(name: str, kind: str) -> str:
    return (
        f"CAST(epoch_us({name}) AS VARCHAR)" if kind == "timestamp" else f"CAST({name} AS VARCHAR)"
    )


def relation(sheet: Sheet, source: str) -> str:
    """Return the SQL of a sheet's lines, with their ``period`` and ``number`` of the file."""
    own = {
        "LineId": "k.base || if(coalesce(o.ordinal, 1) = 1, '', '-' || o.ordinal)",
        "source": literal(source),
        "file": "f.name",
        "row": sheet.place('t."row"'),
    }
    columns = ", ".join(f'{own.get(c.name, f"t.{c.name}")} AS "{c.name}"' for c in LINES.columns)
    return (
        f"SELECT k.period, f.number, {columns} FROM ({sheet.typed}) t"
        f' JOIN {CHECKED} k ON k."file" = t."file" AND k."row" = t."row" AND k.problem IS NULL'
        f' LEFT JOIN {ORDINALS} o ON o."file" = t."file" AND o."row" = t."row"'
        f' JOIN {FILES} f ON f.number = t."file"'
    )


def id_of(*words: str) -> str:
    """Return the id of a line that stands in no row."""
    return hashlib.md5("\x1f".join(words).encode(), usedforsecurity=False).hexdigest()
