"""Files of text as rows: parsed once, into a columnar copy that every later question reads.

Large files are parsed by all threads, which is only right where no cell holds a line end: rows are
counted against the lines of the file, which is parsed again by one thread where they differ.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from percapita.bills.files.found import DamagedError, Opened
from percapita.core.errors import InputError
from percapita.store.engine import Engine, EngineError, literal, parquet

NULLS = ("", "NULL", "null", "Null")
"""Cells that say nothing."""

_SPARE = 8
"""Cells beyond the header that are looked at; what stands further right has a flaw anyway."""
_LONGEST = 16 << 20
"""Bytes a row may have."""
_ROW_GROUP = 61_440
_DICTIONARY = 2_000
"""Values up to which a column of a copy gets a dictionary; ids and amounts get none in vain."""
LARGE = 16 << 20
"""Bytes from which a file is parsed by all threads."""
_WIDE = 40
"""Columns from which it pays to leave out those that are empty."""
_SAMPLE = 200
"""Rows at the beginning that are asked which columns are empty."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first record of a text, and what stands before it."""

    names: tuple[str, ...]
    delimiter: str = ","
    skip: int = 0
    """Records up to and with the header, empty lines counted."""


def filled(cell: str) -> str:
    """Return the SQL of a cell, null where it says nothing."""
    words = ", ".join(literal(word) for word in NULLS)
    return f"CASE WHEN strlen({cell}) < 5 AND {cell} IN ({words}) THEN NULL ELSE {cell} END"


def relation(engine: Engine, file: Opened, head: Header, copy: Path) -> str:
    """Return the relation of a file's rows.

    Raises:
        InputError: the file can't be read to its end.
    """
    if file.readable.stat().st_size >= LARGE and _by_all(engine, file, head, copy):
        return _numbered(file, head, copy)
    asked(engine, file, f"COPY ({_rows(file, head)}) TO {literal(str(copy))} ({_AS})")
    return _ended(engine, file, head, copy)


_AS = (
    f"FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE {_ROW_GROUP},"
    f" DICTIONARY_SIZE_LIMIT {_DICTIONARY}"
)


def _by_all(engine: Engine, file: Opened, head: Header, copy: Path) -> bool:
    """Make the copy with all threads; tell whether every line of the file became a whole row."""
    for empty in (_seem_empty(file, head), frozenset[int]()):
        engine.execute("SET preserve_insertion_order = true")
        try:
            engine.execute(
                f"COPY ({_whole_rows(file, head, empty)}) TO {literal(str(copy))} ({_AS})"
            )
        except EngineError:
            return False
        finally:
            engine.execute("SET preserve_insertion_order = false")
        cells = _kept(head, empty)
        rows = parquet([copy])
        nothing = " AND ".join(f"{cell} IS NULL" for cell in cells)
        if engine.rows(f"SELECT 1 FROM {rows} WHERE {nothing} LIMIT 1"):
            return False
        count = engine.value(f"SELECT count(*) FROM {rows}")
        if count + head.skip != file.lines + (not file.whole):
            return False
        if not empty or not _left_out(engine, file, head, empty, rows):
            return True
    return False


def _left_out(
    engine: Engine, file: Opened, head: Header, empty: Collection[int], rows: str
) -> bool:
    """Tell whether any of the columns that seemed to be empty is not.

    Args:
        engine: asks the file, where its size does not tell.
        file: the file.
        head: its header.
        empty: the columns, by number.
        rows: relation of all rows with their other columns.
    """
    sizes = ", ".join(f"sum(strlen({cell}))" for cell in _kept(head, empty))
    count, *bytes_of = engine.rows(f"SELECT count(*), {sizes} FROM {rows}")[0]
    # A cell is followed by a delimiter or a line end.
    size = count * len(head.names) + sum(filter(None, bytes_of))
    first = len(file.head.partition("\n")[0].encode()) + 1
    if head.skip == 1 and first + size - (not file.whole) == file.readable.stat().st_size:
        return False
    filled_in = " OR ".join(f"c{n} <> ''" for n in sorted(empty))
    return bool(
        asked(engine, file, f"SELECT 1 FROM {_source(file, head)} WHERE {filled_in} LIMIT 1")
    )


def _seem_empty(file: Opened, head: Header) -> frozenset[int]:
    """Return the columns that are empty in the first rows, by number."""
    if len(head.names) < _WIDE:
        return frozenset()
    found = csv.reader(io.StringIO(file.head, newline=""), delimiter=head.delimiter)
    rows = list(itertools.islice(found, head.skip, head.skip + _SAMPLE))
    used = {n for row in rows for n, cell in enumerate(row) if cell}
    return frozenset(range(len(head.names))) - used


def _numbered(file: Opened, head: Header, copy: Path) -> str:
    """Return the rows of a copy that stand there in the file's order, all of them whole."""
    held = parquet([copy]).removesuffix(")") + ", file_row_number = true)"
    names = set(_stored(copy))
    cells = ", ".join(
        f"c{n}" if f"c{n}" in names else f"NULL::VARCHAR AS c{n}" for n in range(len(head.names))
    )
    return (
        f'(SELECT {file.number}::INTEGER AS "file", file_row_number + 1 AS "row",'
        f" NULL::VARCHAR AS flaw, {cells} FROM {held})"
    )


def _stored(copy: Path) -> list[str]:
    import pyarrow.parquet as pq  # noqa: PLC0415 only large files need it

    return list(pq.read_schema(copy).names)


def _source(file: Opened, head: Header, *, parallel: bool = True) -> str:
    # Nothing reads as null but a cell that is not there: so a short row can be told.
    how = f"nullstr = '\x01', null_padding = true, strict_mode = false, parallel = {parallel}"
    return _read(file, head, len(head.names) + _SPARE, how)


def _read(file: Opened, head: Header, width: int, how: str) -> str:
    types = ", ".join(f"'c{n}': 'VARCHAR'" for n in range(width))
    return (
        f"read_csv({literal(str(file.readable))}, auto_detect = false, header = false,"
        f" skip = {head.skip}, columns = {{{types}}}, delim = {literal(head.delimiter)},"
        f" quote = '\"', escape = '\"', comment = '', {how}, max_line_size = {_LONGEST},"
        f" buffer_size = {_LONGEST})"
    )


def _whole_rows(file: Opened, head: Header, empty: Collection[int]) -> str:
    """Return the SQL of all rows; the engine refuses a row that is not whole.

    Columns that nothing asks for are not even parsed.
    """
    nulls = ", ".join(map(literal, NULLS))
    how = f"nullstr = [{nulls}], null_padding = false, strict_mode = true, parallel = true"
    kept = ", ".join(_kept(head, empty))
    return f"SELECT {kept} FROM {_read(file, head, len(head.names), how)}"


def _kept(head: Header, empty: Collection[int]) -> list[str]:
    return [f"c{n}" for n in range(len(head.names)) if n not in empty]


def _rows(file: Opened, head: Header) -> str:
    width = len(head.names)
    cells = [f"c{n}" for n in range(width + _SPARE)]
    kept = ", ".join(f"{filled(cell)} AS {cell}" for cell in cells[:width])
    source = _source(file, head, parallel=False)
    return (
        f'SELECT {file.number}::INTEGER AS "file", "row", {_flaw(cells, width)} AS flaw, {kept}'
        f' FROM (SELECT row_number() OVER () AS "row", * FROM {source})'
    )


def _whole(width: int) -> str:
    return f"c0 <> '' AND c{width - 1} IS NOT NULL AND c{width} IS NULL"


def _flaw(cells: list[str], width: int) -> str:
    blank = " AND ".join(f"coalesce(trim({cell}), '') = ''" for cell in cells[: width + 1])
    spare = " || ".join(f"coalesce({cell}, '')" for cell in cells[width:])
    joined = ", ".join(cells)
    # Nearly every row is whole: that is asked first.
    return (
        f"CASE WHEN {_whole(width)} THEN NULL WHEN {blank} THEN 'blank'"
        f" WHEN trim({spare}) <> '' AND contains(concat({joined}), chr(10)) THEN 'torn'"
        f" WHEN trim({spare}) <> '' THEN 'long'"
        f" WHEN {cells[width - 1]} IS NOT NULL THEN NULL"
        f" WHEN contains(concat({joined}), chr(10)) THEN 'torn' ELSE 'short' END"
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


def asked(engine: Engine, file: Opened, sql: str) -> list[tuple[object, ...]]:
    """Ask the engine about a file.

    Raises:
        InputError: it can't be read.
    """
    try:
        return engine.rows(sql)
    except EngineError as error:
        why = str(error).splitlines()[0][:200]
        raise InputError(
            f"{file.path.name} can't be read: {why}", hint="Get the file again, or save it anew."
        ) from error
