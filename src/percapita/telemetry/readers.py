"""Readers of CSV, JSON lines and Parquet: every cell as text, every row with its number."""

from __future__ import annotations

import csv
import json
import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from percapita.store.engine import Engine, EngineError, literal, parquet, quote
from percapita.telemetry.files import (
    Broken,
    File,
    Reader,
    UnreadableFileError,
    opened,
    records,
    unpacked,
)

_EMPTY: Final = ("", "NULL", "\\N")
_DELIMITERS: Final = ",;\t|"
_LONGEST_LINE: Final = 64_000_000


def reader(file: File, engine: Engine) -> Reader:
    """Return the reader of a file.

    Raises:
        UnreadableFileError: it is not what its format says.
    """
    if file.path.stat().st_size == 0:
        raise UnreadableFileError(file.name, "it is empty.", "Export it again, with a header.")
    try:
        if file.packed:
            unpacked(file)
        if file.form == "parquet":
            return _Parquet.of(file, engine)
        if file.form == "jsonl":
            return _Lines.of(file, engine)
        return _csv(file, engine)
    except (EngineError, OSError, EOFError, zlib.error) as error:
        raise UnreadableFileError(file.name, _first_line(error), _HINTS[file.form]) from error


_HINTS: Final = {
    "csv": "Fetch the file again; percapita reads UTF-8 text, plain or gzip.",
    "jsonl": "Write one JSON object a line.",
    "parquet": "Fetch the file again, or convert it to CSV.",
}


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
    return text if text.endswith(".") else f"{text}."


def _cell(text: str) -> str:
    # Most cells need no trimming, and trimming costs more than reading.
    return f"nullif(CASE WHEN {text} = trim({text}) THEN {text} ELSE trim({text}) END, '')"


@dataclass(slots=True)
class _Csv:
    file: File
    header: tuple[str, ...]
    delimiter: str
    skip: int
    """Records up to and with the header, blank lines counted."""
    _lost: list[int] = field(default_factory=list)

    def select(self, engine: Engine, columns: Mapping[str, str]) -> str:
        # The engine adds to these tables at every reading.
        for name in ("_rejected", "_rejected_files"):
            engine.drop(name)
        position = {name: at for at, name in enumerate(self.header)}
        cells = [f"{_cell(f'c{position[c]}')} AS {quote(o)}" for o, c in columns.items()]
        return f"SELECT {', '.join([_ROW, *cells])} FROM {self.scan()}"

    def scan(self) -> str:
        named = ", ".join(f"c{at}: 'VARCHAR'" for at in range(len(self.header)))
        empty = ", ".join(literal(text) for text in _EMPTY)
        packed = ", compression = 'gzip'" if self.file.packed else ""
        return (
            f"read_csv({literal(str(self.file.path))}, columns = {{{named}}}, auto_detect = false,"
            f" header = false, skip = {self.skip}, delim = {literal(self.delimiter)}, quote = '\"',"
            f" escape = '\"', nullstr = [{empty}], store_rejects = true, rejects_limit = 0,"
            f" rejects_table = '_rejected', rejects_scan = '_rejected_files'{packed},"
            f" max_line_size = {_LONGEST_LINE})"
        )

    def broken(self, engine: Engine) -> list[Broken]:
        """Count records again where some were left out: the engine numbers only those it took."""
        reasons = dict(engine.rows("SELECT line, min(error_message) FROM _rejected GROUP BY line"))
        if not reasons:
            return []
        result, row = [], 0
        for line, cells in enumerate(records(self.file, self.delimiter), start=1):
            if line <= self.skip or not cells:
                continue
            row += 1
            if line in reasons:
                self._stop_if_torn(row, cells)
                self._lost.append(row)
                result.append(Broken(row, *self.why(cells, reasons[line])))
        return result

    def _stop_if_torn(self, row: int, cells: Sequence[str]) -> None:
        """Refuse the file where a quote never closes: what it swallowed cannot be told apart."""
        lines = sum(cell.count("\n") for cell in cells)
        if lines > 1 and len(cells) < len(self.header):
            why = f"a quote that opens in row {row} swallows the {lines} lines after it."
            hint = 'Close the quote, or write "" for a quote inside a cell.'
            raise UnreadableFileError(self.file.name, why, hint)

    def why(self, cells: Sequence[str], reason: str) -> tuple[str, str]:
        if "quote" in reason.lower():
            return "a quote is not closed", 'Close it, or write "" for a quote.'
        if len(cells) != len(self.header):
            found = f"it has {len(cells)} cells, the header has {len(self.header)}"
            return found, "Put a cell that contains the separator in quotes."
        if _is_garbled(cells):
            return "it is not UTF-8 text", "Save the file as UTF-8."
        return _first_line(ValueError(reason)).rstrip("."), "Correct the row."

    def place(self, row: int) -> int:
        """Add the lost rows before it: the n-th taken row stands after those that were not."""
        place = row
        while (moved := row + bisect_right(self._lost, place)) != place:
            place = moved
        return place


def _is_garbled(cells: Sequence[str]) -> bool:
    """Tell whether a record has bytes that are not UTF-8."""
    return any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell)


_ROW: Final = 'row_number() OVER () AS "row"'


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """The first record of a CSV file, and where the rows begin."""

    names: tuple[str, ...]
    delimiter: str
    skip: int
    """Records up to and with the header, blank lines counted."""


def csv_header(file: File) -> CsvHeader:
    """Read the header of a CSV file.

    Raises:
        UnreadableFileError: there is none.
    """
    delimiter = _delimiter(file)
    numbered = enumerate(records(file, delimiter), start=1)
    line, cells = next(((line, cells) for line, cells in numbered if cells), (0, []))
    if not cells:
        raise UnreadableFileError(file.name, "it has no header.", "Export it again.")
    return CsvHeader(_header(file, cells), delimiter, line)


def _csv(file: File, engine: Engine) -> Reader:
    head = csv_header(file)
    reader = _Csv(file, head.names, head.delimiter, head.skip)
    try:
        engine.rows(f"SELECT count(*) FROM {reader.scan()}")
    except EngineError as error:
        if "state machine" in str(error):
            return _Loaded.of(reader)
        raise
    return reader


def _delimiter(file: File) -> str:
    """Return the separator that cuts the header into most cells."""
    with opened(file) as stream:
        first = next((line for line in stream if line.strip()), "")
    if "\x00" in first:
        raise UnreadableFileError(file.name, "it is not UTF-8 text.", "Save the file as UTF-8.")
    return max(_DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))


def _header(file: File, cells: Sequence[str]) -> tuple[str, ...]:
    names = [name.strip() or f"column {at}" for at, name in enumerate(cells, start=1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        hint = "Give every column a name of its own."
        raise UnreadableFileError(file.name, f"the column {twice[0]!r} stands there twice.", hint)
    return tuple(names)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A CSV file that the engine cannot read, as a table: line ends of two kinds in one file."""

    header: tuple[str, ...]
    rows: list[tuple[int, list[str]]]
    lost: list[Broken]

    @classmethod
    def of(cls, csv_reader: _Csv) -> _Loaded:
        rows: list[tuple[int, list[str]]] = []
        lost: list[Broken] = []
        for line, cells in enumerate(records(csv_reader.file, csv_reader.delimiter), start=1):
            if line <= csv_reader.skip or not cells:
                continue
            row = len(rows) + len(lost) + 1
            if len(cells) == len(csv_reader.header) and not _is_garbled(cells):
                rows.append((row, cells))
            else:
                lost.append(Broken(row, *csv_reader.why(cells, "it cannot be read")))
        return cls(csv_reader.header, rows, lost)

    def select(self, engine: Engine, columns: Mapping[str, str]) -> str:
        at = [self.header.index(column) for column in columns.values()]
        schema = {"row": "int64", **dict.fromkeys(columns, "string")}
        empty = dict.fromkeys(_EMPTY)
        rows = (
            (row, *(None if cells[c].strip() in empty else cells[c].strip() for c in at))
            for row, cells in self.rows
        )
        engine.load("_loaded", schema, rows)
        return "SELECT * FROM _loaded"

    def broken(self, engine: Engine) -> list[Broken]:  # noqa: ARG002
        return self.lost

    def place(self, row: int) -> int:
        return row


_LONG_NUMBER: Final = (
    r"[:,\[]\s*-?(?:[0-9]{19,}|[0-9]{0,4}\.[0-9]{12,}|[0-9]{5,9}\.[0-9]{7,}|[0-9]{10,}\.[0-9])"
)
"""Numbers that a double would change; a few that it would not are caught too."""


@dataclass(slots=True)
class _Lines:
    """One JSON object a line; keys that are missing are null."""

    file: File
    header: tuple[str, ...]
    _quoted: list[tuple[int, str]] | None = None

    @classmethod
    def of(cls, file: File, engine: Engine) -> _Lines:
        keys = engine.rows(
            f"SELECT DISTINCT unnest(json_keys(line)) AS k FROM {_objects(file)} ORDER BY k"
        )
        if not keys:
            why, hint = "it holds no JSON object.", "Write one JSON object a line."
            raise UnreadableFileError(file.name, why, hint)
        return cls(file, tuple(str(key) for (key,) in keys))

    def select(self, engine: Engine, columns: Mapping[str, str]) -> str:
        listed = ", ".join(literal(_path(column)) for column in columns.values())
        cells = [f"{_cell(f'cells[{at}]')} AS {quote(o)}" for at, o in enumerate(columns, 1)]
        return (
            f'SELECT {", ".join(["row", *cells])} FROM (SELECT "row", json_extract_string(line,'
            f" [{listed}]) AS cells FROM {self._exact(engine)})"
        )

    def _exact(self, engine: Engine) -> str:
        """Return the lines with numbers in quotes where reading them as doubles loses digits."""
        lines = _objects(self.file)
        if self._quoted is None:
            long = f"SELECT * FROM {lines} WHERE regexp_matches(line, {literal(_LONG_NUMBER)})"
            self._quoted = [(row, _numbers_as_text(line)) for row, line in engine.rows(long)]
        if not self._quoted:
            return lines
        engine.load("_quoted", {"row": "int64", "line": "string"}, self._quoted)
        return (
            f"(SELECT l.row, coalesce(q.line, l.line) AS line FROM {lines} AS l"
            " LEFT JOIN _quoted AS q ON q.row = l.row)"
        )

    def broken(self, engine: Engine) -> list[Broken]:
        rows = engine.rows(
            f'SELECT "row" FROM {_numbered(self.file)}'
            f" WHERE length(trim(line)) > 0 AND NOT {_IS_OBJECT} ORDER BY ALL"
        )
        fix = "Write one whole JSON object in the line."
        return [Broken(row, "the line is not a JSON object", fix) for (row,) in rows]

    def place(self, row: int) -> int:
        return row


_IS_OBJECT: Final = (
    "coalesce(CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END, false)"
)


def _numbered(file: File) -> str:
    """Return the lines of a file; blank ones count."""
    packed = ", compression = 'gzip'" if file.packed else ""
    return (
        f"(SELECT {_ROW}, line FROM read_csv({literal(str(file.path))},"
        " columns = {line: 'VARCHAR'}, auto_detect = false, header = false, delim = '\x01',"
        " quote = '', escape = '',"
        f" nullstr = ''{packed}, max_line_size = {_LONGEST_LINE}))"
    )


def _objects(file: File) -> str:
    return f"(SELECT * FROM {_numbered(file)} WHERE {_IS_OBJECT})"


def _path(column: str) -> str:
    """Return the JSON path of a key; a name that starts with ``$.`` is a path already."""
    return column if column.startswith("$.") else '$."' + column.replace('"', '\\"') + '"'


def _numbers_as_text(line: str) -> str:
    return json.dumps(json.loads(line, parse_float=str, parse_int=str))


@dataclass(frozen=True, slots=True)
class _Parquet:
    file: File
    header: tuple[str, ...]

    @classmethod
    def of(cls, file: File, engine: Engine) -> _Parquet:
        described = engine.rows(f"DESCRIBE SELECT * FROM {parquet([file.path])}")
        return cls(file, tuple(str(row[0]) for row in described))

    def select(self, engine: Engine, columns: Mapping[str, str]) -> str:  # noqa: ARG002
        cells = [
            f"{_cell(f'CAST({quote(c)} AS VARCHAR)')} AS {quote(o)}" for o, c in columns.items()
        ]
        listed = ", ".join(['file_row_number + 1 AS "row"', *cells])
        scan = f"read_parquet({literal(str(self.file.path))}, file_row_number = true,"
        return f"SELECT {listed} FROM {scan} binary_as_string = true, hive_partitioning = false)"

    def broken(self, engine: Engine) -> list[Broken]:  # noqa: ARG002
        return []

    def place(self, row: int) -> int:
        return row
