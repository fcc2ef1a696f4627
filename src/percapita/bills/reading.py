"""A file's rows as text: one relation for every kind of file, each row with its file and number.

The relation has the columns ``file`` (number of the file in the delivery), ``row`` (1 is the first
record after the header, empty lines not counted), ``flaw`` (what is wrong with the row's shape)
and one text column per column of the file, ``c0``, ``c1`` …, null where the cell is empty or says
NULL.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from percapita.bills.files import DamagedError, Opened
from percapita.core.errors import InputError
from percapita.store.engine import Engine, EngineError, literal, parquet, quote

NULLS = ("", "NULL", "null", "Null")
"""Cells that say nothing."""

_DELIMITERS = (",", ";", "\t", "|")
_TOLD = re.compile('\ufeff?"?sep=(.)"?[\\r\\n]')
"""A spreadsheet's first line that tells the delimiter."""
_SPARE = 8
"""Cells beyond the header that are looked at; what stands further right has a flaw anyway."""
_LONGEST = 16 << 20
"""Bytes a row may have."""
_ROW_GROUP = 20_480


@dataclass(frozen=True, slots=True)
class Header:
    """The first record of a text, and what stands before it."""

    names: tuple[str, ...]
    delimiter: str = ","
    skip: int = 0
    """Records up to and with the header, empty lines counted."""


@dataclass(slots=True)
class Layout:
    """Files of a delivery that have the same columns in the same order."""

    names: tuple[str, ...]
    delimiter: str = ","
    parts: list[str] = field(default_factory=list)
    """A relation per file."""
    files: list[int] = field(default_factory=list)

    @property
    def relation(self) -> str:
        """Return the SQL of all rows, empty cells made null."""
        said_nothing = ", ".join(literal(word) for word in NULLS)
        cells = ", ".join(
            f"CASE WHEN c{n} IN ({said_nothing}) THEN NULL ELSE c{n} END AS c{n}"
            for n in range(len(self.names))
        )
        rows = " UNION ALL ".join(f"SELECT * FROM {part}" for part in self.parts)
        return f'SELECT "file", "row", flaw, {cells} FROM ({rows})'


def header(file: Opened, engine: Engine) -> Header | None:
    """Return the file's header, ``None`` if the file is empty.

    Text: of the usual delimiters the one that gives most columns is taken.
    """
    if file.kind == "parquet":
        described = _asked(engine, file, f"DESCRIBE SELECT * FROM {parquet([file.readable])}")
        return Header(_distinct([str(row[0]) for row in described]))
    if told := _TOLD.match(file.head):
        return _first(file.head, told[1])
    found = [_first(file.head, delimiter) for delimiter in _DELIMITERS]
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


def add(engine: Engine, layout: Layout, file: Opened, head: Header, copy: Path) -> None:
    """Make a file's rows part of the layout, under the number that the file has in the delivery.

    Text is parsed once, into a columnar copy.
    """
    layout.files.append(file.number)
    if file.kind == "parquet":
        layout.parts.append(f"({_parquet_rows(engine, file)})")
        return
    _asked(
        engine,
        file,
        f"COPY ({_text_rows(file, head)}) TO {literal(str(copy))}"
        f" (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE {_ROW_GROUP})",
    )
    layout.parts.append(_ended(engine, file, head, copy))


def _text_rows(file: Opened, head: Header) -> str:
    width = len(head.names)
    cells = [f"c{n}" for n in range(width + _SPARE)]
    types = ", ".join(f"'{cell}': 'VARCHAR'" for cell in cells)
    # Nothing reads as null but a cell that is not there: so a short row can be told.
    source = (
        f"read_csv({literal(str(file.readable))}, auto_detect = false, header = false,"
        f" skip = {head.skip}, columns = {{{types}}}, delim = {literal(head.delimiter)},"
        " quote = '\"', escape = '\"', comment = '', nullstr = '\x01', null_padding = true,"
        f" strict_mode = false, parallel = false, max_line_size = {_LONGEST},"
        f" buffer_size = {_LONGEST})"
    )
    whole = f"c0 <> '' AND {cells[width - 1]} IS NOT NULL AND {cells[width]} IS NULL"
    blank = " AND ".join(f"coalesce(trim({cell}), '') = ''" for cell in cells[: width + 1])
    spare = " || ".join(f"coalesce({cell}, '')" for cell in cells[width:])
    joined = ", ".join(cells)
    # Nearly every row is whole: that is asked first.
    flaw = (
        f"CASE WHEN {whole} THEN NULL WHEN {blank} THEN 'blank'"
        f" WHEN trim({spare}) <> '' AND contains(concat({joined}), chr(10)) THEN 'torn'"
        f" WHEN trim({spare}) <> '' THEN 'long'"
        f" WHEN {cells[width - 1]} IS NOT NULL THEN NULL"
        f" WHEN contains(concat({joined}), chr(10)) THEN 'torn' ELSE 'short' END"
    )
    return (
        f'SELECT {file.number}::INTEGER AS "file", "row", {flaw} AS flaw,'
        f" {', '.join(cells[:width])}"
        f' FROM (SELECT row_number() OVER () AS "row", * FROM {source})'
    )


def _ended(engine: Engine, file: Opened, head: Header, copy: Path) -> str:
    """Return the rows of a parsed text: blank ones left out, those marked that are not whole.

    Raises:
        DamagedError: the last quote never closes; what it swallowed can't be told apart.
    """
    rows = parquet([copy])
    blank, last = engine.rows(
        f"SELECT count(*) FILTER (flaw = 'blank'), coalesce(max(\"row\"), 0) FROM {rows}"
    )[0]
    if blank:
        rows = f"(SELECT * FROM {rows} WHERE flaw IS DISTINCT FROM 'blank')"
    ends = engine.rows(f'SELECT "row", flaw FROM {rows} ORDER BY "row" DESC LIMIT 1')
    row, flaw = ends[0] if ends else (0, None)
    if flaw == "torn" and file.odd_quotes:
        raise DamagedError(
            file.path,
            f'the quote (") that opens in row {row} is never closed',
            "Close the quote in that row, or get the file again.",
        )
    marks = {row: "cut"} if flaw == "short" and not file.whole else {}
    if file.lines > last + head.skip:
        marks |= dict.fromkeys(_swallowed(engine, head, rows), "torn")
    if not marks:
        return rows
    cases = " ".join(
        f'WHEN "row" = {number} THEN {literal(mark)}' for number, mark in marks.items()
    )
    return f"(SELECT * REPLACE (CASE {cases} ELSE flaw END AS flaw) FROM {rows})"


def _swallowed(engine: Engine, head: Header, rows: str) -> list[int]:
    """Return rows that swallowed others: a quote opened in one and closed in the same column later.

    Such a row has the right number of cells. What gives it away is a cell with as many delimiters,
    line by line, as the swallowed cells had between them.
    """
    width, delimiter = len(head.names), literal(head.delimiter)
    if width < 3:  # noqa: PLR2004 too few delimiters to tell
        return []

    def delimiters(text: str) -> str:
        return f"(length({text}) - length(replace({text}, {delimiter}, '')))"

    tests = " OR ".join(
        f"(contains({cell}, chr(10))"
        f" AND {delimiters(f'split_part({cell}, chr(10), 1)')} = {width - 1 - n}"
        f" AND {delimiters(cell)} >="
        f" {width - 1} * (length({cell}) - length(replace({cell}, chr(10), ''))))"
        for n, cell in enumerate(f"c{n}" for n in range(width))
    )
    return [row for (row,) in engine.rows(f'SELECT "row" FROM {rows} WHERE {tests}')]


def _parquet_rows(engine: Engine, file: Opened) -> str:
    listed = f"read_parquet({literal(str(file.readable))}, binary_as_string = true"
    described = _asked(engine, file, f"DESCRIBE SELECT * FROM {listed})")
    cells = ", ".join(
        f"{_as_text(quote(str(row[0])), str(row[1]))} AS c{n}" for n, row in enumerate(described)
    )
    return (
        f'SELECT {file.number}::INTEGER AS "file", file_row_number + 1 AS "row",'
        f" NULL::VARCHAR AS flaw, {cells} FROM {listed}, file_row_number = true)"
    )


def _as_text(column: str, kind: str) -> str:
    nested = kind.startswith(("MAP", "STRUCT")) or kind.endswith("]")
    return f"CAST({f'to_json({column})' if nested else column} AS VARCHAR)"


def _asked(engine: Engine, file: Opened, sql: str) -> list[tuple[object, ...]]:
    try:
        return engine.rows(sql)
    except EngineError as error:
        why = str(error).splitlines()[0][:200]
        raise InputError(
            f"{file.path.name} can't be read: {why}", hint="Get the file again, or save it anew."
        ) from error
