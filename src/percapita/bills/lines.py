"""Rows become lines: checked, given an id, and named with their file.

The id of a line is the hash of what it says under FOCUS names, however the file writes it, and its
number among lines that say the same. It does not depend on the order of rows or files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from percapita.bills.checks import sound
from percapita.bills.typed import Sheet
from percapita.core.tables import LINE_TEXTS, LINES, key_column
from percapita.store.engine import Engine, literal, parquet, quote
from percapita.store.files.extra import columns as whole_columns
from percapita.store.files.extra import whole

_TWINS: Final = "bill_twins"
_TAKEN: Final = "bill_taken"
_ORDINALS: Final = "bill_ordinals"
_NOT_HASHED: Final = ("LineId", "source", "file", "row", "Extra")
CANONICAL: Final = tuple(c for c in LINES.columns if c.name not in _NOT_HASHED)
SCHEMA: Final = {"period": "string", **{c.name: c.type for c in LINES.columns}}
_ROW_GROUP: Final = 65_536


@dataclass(frozen=True, slots=True)
class Written:
    """A finished file of lines of one month."""

    period: str
    path: Path
    rows: int
    extra: tuple[str, ...] = ()
    """Keys of ``Extra`` that have columns of their own in it."""

    def select(self, *columns: str) -> str:
        """Return the SQL of its lines, ``Extra`` whole; of all columns, or these."""
        chosen = ", ".join(columns) or whole_columns(LINES, self.extra)
        return f"SELECT {chosen} FROM {parquet([self.path])}"


def write(
    engine: Engine, sheets: Sequence[Sheet], source: str, names: Sequence[str], folder: Path
) -> list[Written]:
    """Write the rows that have no problem as lines, each with the id that it has by itself.

    Args:
        engine: where the sheets are.
        sheets: all of the delivery.
        source: its name.
        names: of the delivery's files.
        folder: where the files of lines go.
    """
    written = []
    for at, sheet in enumerate(sheets):
        extra = tuple(sheet.rest.columns)
        more = [key_column(key) for key in extra]
        listed = {"source": {source}, "file": set(names), **_alone(engine, sheet)}
        months = engine.rows(
            f"SELECT DISTINCT month FROM ({sound(sheet, sheet.dated)}) ORDER BY month"
        )
        for (period,) in months:
            path = folder / f"lines{at}-{period}.parquet"
            lines = _relation(sheet, source, names, period)
            count = engine.copy(LINES, lines, path, row_group=_ROW_GROUP, more=more, listed=listed)
            written.append(Written(period, path, count, extra))
    return written


def _alone(engine: Engine, sheet: Sheet) -> dict[str, set[str]]:
    """Return the columns of a sheet's lines that have one text wherever they have any.

    The copies' own statistics tell. A text that is known needs no dictionary made while writing.
    """
    layout = sheet.layout
    if sheet.elements or layout.masks or len(layout.copies) < len(layout.files):
        return {}
    copies = ", ".join(literal(str(path)) for path in layout.copies)
    whole = "min_is_exact AND max_is_exact AND stats_min_value = stats_max_value"
    rows = engine.rows(
        "SELECT path_in_schema, min(stats_min_value), max(stats_max_value)"
        f" FROM parquet_metadata([{copies}]) WHERE type = 'BYTE_ARRAY' GROUP BY ALL"
        f" HAVING bool_and(coalesce({whole}, stats_null_count = num_values))"
    )
    only = {name: low for name, low, high in rows if low is not None and low == high}
    found = {key_column(key): {only[sql]} for key, sql in sheet.rest.columns.items() if sql in only}
    at = {name: f"c{number}" for number, name in enumerate(layout.names)}
    for target, cell in sheet.binding.columns.items():
        place = at.get(cell, "") if isinstance(cell, str) else ""
        plain = target in LINE_TEXTS and target not in (*sheet.binding.values, "BillingCurrency")
        if plain and only.get(place, "").strip():
            found[target] = {only[place].strip()}
    return found


def _relation(sheet: Sheet, source: str, names: Sequence[str], period: str) -> str:
    own = {
        "LineId": _id(source),
        "source": literal(source),
        "file": _file(sheet, names),
        "row": sheet.place('"row"'),
    }
    columns = [*LINES.names, *map(key_column, sheet.rest.columns)]
    chosen = ", ".join(f"{own.get(name, quote(name))} AS {quote(name)}" for name in columns)
    return f"SELECT {chosen} FROM ({sound(sheet, sheet.typed)}) WHERE month = {literal(period)}"


def _file(sheet: Sheet, names: Sequence[str]) -> str:
    """Return the SQL of the name of a row's file."""
    if len(sheet.layout.files) == 1:
        return literal(names[sheet.layout.files[0]])
    return f'[{", ".join(map(literal, names))}]["file" + 1]'


def _id(source: str) -> str:
    """Return the SQL of the id that a line has by itself.

    It is the MD5 of the engine's sort key of the canonical columns, a form of bytes that tells
    values apart whatever they are, and that is made ten times faster than text.
    """
    values = [literal(source), *(column.name for column in CANONICAL)]
    keys = ", ".join(f"{value}, 'ASC NULLS LAST'" for value in values)
    return f"md5(create_sort_key({keys}))"


def number_equals(
    engine: Engine, files: Sequence[Written], source: str, beside: str = ""
) -> list[Written]:
    """Number the lines that say the same; return the files, those anew that held any.

    Args:
        engine: any.
        files: as written.
        source: name of the delivery's.
        beside: relation of the lines that stay when this delivery is in; no id is given twice.
    """
    if not files:
        return []
    engine.create(_TAKEN, _taken(beside, source), {"LineId": "string", "last": "int64"})
    ids = " UNION ALL ".join(file.select("LineId") for file in files)
    joined = f"({ids}) LEFT JOIN {_TAKEN} USING (LineId)" if beside else f"({ids})"
    taken = " OR max(last) > 0" if beside else ""
    twins = f"SELECT LineId FROM {joined} GROUP BY LineId HAVING count(*) > 1{taken}"
    if not engine.create(_TWINS, twins, {"LineId": "string"}):
        return list(files)
    schema = {"file": "string", "row": "int64", "ordinal": "int64"}
    engine.create(_ORDINALS, _ordinals(files), schema)
    return [_numbered(engine, file) for file in files]


def _taken(beside: str, source: str) -> str:
    if not beside:
        return "SELECT '' AS LineId, 0 AS last WHERE false"
    return (
        "SELECT split_part(LineId, '-', 1) AS LineId,"
        " max(coalesce(TRY_CAST(split_part(LineId, '-', 2) AS BIGINT), 1)) AS last"
        f" FROM {beside} WHERE source = {literal(source)} GROUP BY ALL"
    )


def _ordinals(files: Sequence[Written]) -> str:
    rows = " UNION ALL ".join(
        file.select("LineId", '"file"', '"row"', f"md5(CAST({whole(file.extra)} AS VARCHAR)) AS x")
        + f" WHERE LineId IN (SELECT LineId FROM {_TWINS})"
        for file in files
    )
    # Lines that differ only in Extra get their numbers by it, so that they keep them when moved.
    return (
        'SELECT "file", "row", coalesce(last, 0) + row_number() OVER (PARTITION BY LineId'
        f' ORDER BY x NULLS FIRST, "file", "row") AS ordinal'
        f" FROM ({rows}) LEFT JOIN {_TAKEN} USING (LineId)"
    )


def _numbered(engine: Engine, file: Written) -> Written:
    """Return a file with the ordinals in its ids; itself if it has no line that needs one."""
    twins = f"{file.select('LineId')} WHERE LineId IN (SELECT LineId FROM {_TWINS}) LIMIT 1"
    if not engine.rows(twins):
        return file
    path = file.path.with_stem(f"{file.path.stem}-numbered")
    held = list(map(key_column, file.extra))
    own = {"LineId": "LineId || if(coalesce(o.ordinal, 1) = 1, '', '-' || o.ordinal)"}
    columns = ", ".join(
        f"{own.get(n, f'l.{quote(n)}')} AS {quote(n)}" for n in (*LINES.names, *held)
    )
    lines = (
        f"SELECT {columns} FROM {parquet([file.path])} l"
        f' LEFT JOIN {_ORDINALS} o ON o."file" = l."file" AND o."row" = l."row"'
    )
    engine.copy(LINES, lines, path, row_group=_ROW_GROUP, more=held)
    file.path.unlink()
    return replace(file, path=path)


def id_of(*words: str) -> str:
    """Return the id of a line that stands in no row."""
    return hashlib.md5("\x1f".join(words).encode(), usedforsecurity=False).hexdigest()
