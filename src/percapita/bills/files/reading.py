"""A file's rows as text: one relation for every kind of file, each row with its file and number.

The relation has the columns ``file`` (number of the file in the delivery), ``row`` (1 is the first
record after the header, empty lines not counted), ``flaw`` (what is wrong with the row's shape)
and one text column per column of the file, ``c0``, ``c1`` …, null where the cell is empty or says
NULL. Columns that a file keeps as decimals, instants or tags are there as such, too: ``n0``,
``n1`` ….
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from percapita.bills.files import texts
from percapita.bills.files.found import Opened
from percapita.bills.files.literals import MAPS
from percapita.bills.files.texts import Header
from percapita.core.money import PLACES
from percapita.store.engine import Engine, literal, quote

if TYPE_CHECKING:
    import pyarrow as pa

NUMBER: Final = "number"
"""Digits that a money column holds, all of them."""
INSTANT: Final = "instant"
TAGS: Final = "tags"
"""Keys and values, both texts."""

_DELIMITERS = (",", ";", "\t", "|")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_TOLD = re.compile('\ufeff?"?sep=(.)"?[\\r\\n]')
"""A spreadsheet's first line that tells the delimiter."""


@dataclass(slots=True)
class Layout:
    """Files of a delivery that have the same columns in the same order."""

    names: tuple[str, ...]
    delimiter: str = ","
    parts: list[str] = field(default_factory=list)
    """A relation per file."""
    files: list[int] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    """Columnar copies of those files that are text, with columns named as in ``parts``."""
    natives: Mapping[int, str] = field(default_factory=dict)
    """Number of a column that has ``n0`` beside ``c0`` -> NUMBER, INSTANT or TAGS."""
    masks: dict[str, str] = field(default_factory=dict)
    """Column -> table of its texts that hold ids (``text``), and what replaces each (``safe``)."""

    @property
    def key(self) -> tuple[str, ...]:
        """What layouts are told apart by."""
        kinds = (f"{number} {kind}" for number, kind in self.natives.items())
        return (self.delimiter, *self.names, *kinds)

    def add(self, file: int, rows: str) -> None:
        """Make a file's rows part of the layout, under the number it has in the delivery."""
        self.files.append(file)
        self.parts.append(rows)

    @property
    def relation(self) -> str:
        """Return the SQL of all rows."""
        plain = " UNION ALL ".join(f"SELECT * FROM {part}" for part in self.parts)
        if not self.masks:
            return plain
        safe = ", ".join(f"m_{c}.safe AS {c}" for c in self.masks)
        joins = " ".join(
            f"LEFT JOIN {table} m_{c} ON m_{c}.text = r.{c}" for c, table in self.masks.items()
        )
        return f"SELECT r.* REPLACE ({safe}) FROM ({plain}) r {joins}"


def natives(file: Opened, engine: Engine) -> dict[int, str]:
    """Return which of the header's columns have values of a type that lines know, and of which."""
    if file.kind != "parquet":
        return {}
    kinds = {n: _native(kind) for n, (_, _, kind) in enumerate(_leaves(engine, file))}
    return {n: kind for n, kind in kinds.items() if kind}


def _native(kind: str) -> str:
    if kind in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        return INSTANT
    if kind == "MAP(VARCHAR, VARCHAR)":
        return TAGS
    if kind in ("TINYINT", "SMALLINT", "INTEGER"):
        return NUMBER
    digits = _DECIMAL.fullmatch(kind)
    if digits is None:
        return ""
    width, scale = int(digits[1]), int(digits[2])
    return NUMBER if scale <= PLACES and width - scale <= PLACES else ""


def header(file: Opened, engine: Engine) -> Header | None:
    """Return the file's header, ``None`` if the file is empty.

    Text: of the usual delimiters the one that gives most columns is taken.
    """
    if file.kind == "parquet":
        return Header(_distinct([name for name, _, _ in _leaves(engine, file)]))
    return text_header(file.head)


def text_header(head: str) -> Header | None:
    """Likewise of a text that begins so."""
    if told := _TOLD.match(head):
        return _first(head, told[1])
    found = [_first(head, delimiter) for delimiter in _DELIMITERS]
    return max(found, key=lambda item: len(item.names) if item else 0)


def _first(head: str, delimiter: str) -> Header | None:
    try:
        for number, cells in enumerate(
            csv.reader(io.StringIO(head, newline=""), delimiter=delimiter), 1
        ):
            if any(cell.strip() for cell in cells) and not (number == 1 and _TOLD.match(head)):
                names = [cell.strip().lstrip("\ufeff").strip('"') for cell in cells]
                return Header(_distinct(names), delimiter, number)
    except csv.Error:
        pass
    return None


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    result: list[str] = []
    for position, name in enumerate(names, 1):
        free = name or f"column {position}"
        for again in itertools.count(2):
            if free not in seen:
                break
            free = f"{name or f'column {position}'} {again}"
        seen.add(free)
        result.append(free)
    return tuple(result)


def relation(engine: Engine, file: Opened, head: Header, copy: Path) -> str:
    """Return the relation of a file's rows; text is parsed once, into a columnar copy."""
    if file.kind == "parquet":
        return f"({_parquet_rows(engine, file)})"
    return texts.relation(engine, file, head, copy)


def _parquet_rows(engine: Engine, file: Opened) -> str:
    leaves = _leaves(engine, file)
    cells = ", ".join(
        f"{texts.filled(_as_text(sql, kind))} AS c{n}"
        + (f", {_own(sql, kind)} AS n{n}" if _native(kind) else "")
        for n, (_, sql, kind) in enumerate(leaves)
    )
    return (
        f'SELECT {file.number}::INTEGER AS "file", file_row_number + 1 AS "row",'
        f" NULL::VARCHAR AS flaw, {cells} FROM {_listed(file)}, file_row_number = true)"
    )


def _own(column: str, kind: str) -> str:
    if kind == "TIMESTAMP":
        # A cast would ask the calendar of the time zone, which costs twenty times as much.
        utc = f"make_timestamptz(epoch_us({column}))"
        return f"coalesce({utc}, CAST({column} AS TIMESTAMPTZ))"
    return column


def _listed(file: Opened) -> str:
    return f"read_parquet({literal(str(file.readable))}, binary_as_string = true"


def _leaves(engine: Engine, file: Opened) -> list[tuple[str, str, str]]:
    """Return the columns: name, SQL and type; nested records are taken apart."""
    described = texts.asked(engine, file, f"DESCRIBE SELECT * FROM {_listed(file)})")
    nested = [str(name) for name, kind, *_ in described if str(kind).startswith("STRUCT")]
    parts = {name: _parts(file, name) for name in nested if not MAPS.fullmatch(name)}
    found: list[tuple[str, str, str]] = []
    for name, kind in ((str(row[0]), str(row[1])) for row in described):
        found += parts.get(name) or [(name, quote(name), kind)]
    return found


def _parts(file: Opened, name: str) -> list[tuple[str, str, str]]:
    import pyarrow.parquet as pq  # noqa: PLC0415 only nested files need it

    return list(_within(pq.read_schema(file.readable).field(name), name, quote(name)))


def parquet_header(schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns of a Parquet file, those inside records as ``a.b``."""
    return tuple(name for item in schema for name, _, _ in _within(item, item.name, ""))


def _within(item: pa.Field[pa.DataType], name: str, sql: str) -> Iterator[tuple[str, str, str]]:
    import pyarrow as pa  # noqa: PLC0415

    kind = item.type
    if pa.types.is_struct(kind) and not MAPS.fullmatch(name):
        for inner in (kind.field(n) for n in range(kind.num_fields)):
            key = f"{name}.{inner.name}"
            yield from _within(inner, key, f"struct_extract({sql}, {literal(inner.name)})")
    else:
        yield name, sql, "[]" if pa.types.is_nested(kind) else ""


def _as_text(column: str, kind: str) -> str:
    nested = kind.startswith(("MAP", "STRUCT")) or kind.endswith("]")
    return f"CAST({f'to_json({column})' if nested else column} AS VARCHAR)"
