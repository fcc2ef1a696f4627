"""The lines of one log file as a relation of the engine, and the lines that do not fit.

Text logs are cut at their quotes, not parsed: a line is one row whatever is in it, so a quote that
never closes costs its own line alone. Lines with other quotes than most, such as those with quotes
inside of a cell, get a second look in Python.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from percapita.store.engine import Engine, literal, quote
from percapita.telemetry.access.forms import Form
from percapita.telemetry.access.telling import Told
from percapita.telemetry.files import File

_LONGEST: Final = 16 << 20
"""Bytes of a line, and of what is read at once: a larger piece would be cut by one thread alone."""
_PIECES: Final = f"max_line_size = {_LONGEST}, buffer_size = {_LONGEST}"
_CHUNK: Final = 1 << 20
_QUOTE: Final = re.compile(r'(?<!\\)((?:\\\\)*)"')
SECOND: Final = "_second_look"
"""Table of the lines that were cut in Python: ``line`` and the cells."""


@dataclass(slots=True)
class Lines:
    """One log file."""

    file: File
    told: Told
    broken: list[tuple[int, str]] = field(default_factory=list)
    """Lines that cannot be cut into cells, and why; known after ``load``."""

    @property
    def form(self) -> Form:
        """How its fields are written."""
        return self.told.form

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the cells."""
        return self.told.columns or tuple(f"c{at}" for at in range(self.told.cells))

    def scan(self) -> str:
        """Return a relation of the file's good lines, without their numbers."""
        if not self.told.cells:
            return f"(SELECT line FROM {self._raw()} WHERE json_valid(line))"
        names = ", ".join(f"{quote(name)}: 'VARCHAR'" for name in self.names)
        tabs = bool(self.told.columns)
        mark = literal("\t" if tabs else '"')
        more = ", comment = '#', nullstr = '-'" if tabs else ""
        return (
            f"read_csv({literal(str(self.file.path))}, columns = {{{names}}}, auto_detect = false,"
            f" header = false, delim = {mark}, quote = '', escape = '', store_rejects = true,"
            f" rejects_limit = 0, rejects_table = '_rejected', rejects_scan = '_rejected_files'"
            f"{more}{self._packed()}, {_PIECES})"
        )

    def _packed(self) -> str:
        return ", compression = 'gzip'" if self.file.packed else ""

    def _raw(self) -> str:
        return (
            f"read_csv({literal(str(self.file.path))}, columns = {{line: 'VARCHAR'}},"
            " auto_detect = false, header = false, delim = '\x01', quote = '', escape = '',"
            f" nullstr = ''{self._packed()}, {_PIECES})"
        )

    def numbered(self) -> str:
        """Return a relation of the same lines with their numbers, for a second reading."""
        lines = f'(SELECT row_number() OVER () AS "row", line FROM {self._raw()})'
        if not self.told.cells:
            return f'(SELECT "row", line FROM {lines} WHERE json_valid(line))'
        mark = literal("\t" if self.told.columns else '"')
        cells = ", ".join(
            f"nullif(s[{at}], '-') AS {quote(name)}" if self.told.columns else f"s[{at}] AS {name}"
            for at, name in enumerate(self.names, start=1)
        )
        return (
            f'(SELECT "row", {cells} FROM (SELECT "row", string_split(line, {mark}) AS s'
            f" FROM {lines} WHERE line NOT LIKE '#%') WHERE len(s) = {self.told.cells})"
        )

    def look_again(self, engine: Engine) -> bool:
        """Cut what the last reading of ``scan`` left out; tell whether some of it can be used."""
        if not self.told.cells:
            self.broken += [(row, "it is not a JSON object") for row in self._no_json(engine)]
            return False
        rejected = engine.rows(
            "SELECT DISTINCT line_byte_position - 1 AS place, csv_line FROM _rejected ORDER BY 1"
        )
        before = _lines_before(self.file, [at for at, _ in rejected])
        good = []
        for (_, found), above in zip(rejected, before, strict=True):
            # Blank lines before it come along.
            text = found.lstrip("\r\n")
            line = above + found[: len(found) - len(text)].count("\n") + 1
            text = text.rstrip("\r\n")
            cells = [] if self.told.columns else list(_cut(text))
            if len(cells) == self.told.cells:
                good.append((line, *cells))
            else:
                self.broken.append((line, self._why(text, len(cells))))
        schema = {"row": "int64", **dict.fromkeys(self.names, "string")}
        engine.load(SECOND, schema, good)
        return bool(good)

    def _no_json(self, engine: Engine) -> list[int]:
        lines = f'(SELECT row_number() OVER () AS "row", line FROM {self._raw()})'
        return [
            row
            for (row,) in engine.rows(
                f'SELECT "row" FROM {lines} WHERE NOT coalesce(json_valid(line), false)'
                " AND length(trim(coalesce(line, ''))) > 0 ORDER BY 1"
            )
        ]

    def _why(self, text: str, cells: int) -> str:
        if self.told.columns:
            count = text.count("\t") + 1
            return f"it has {count} fields, the header names {self.told.cells}"
        if cells and cells % 2 == 0:
            return "a quote is not closed: the line is cut off"
        return f"it has {cells // 2} texts in quotes, most lines have {self.told.cells // 2}"


def forget(engine: Engine) -> None:
    """Drop what an earlier reading left out: the engine adds to it at every reading."""
    for name in ("_rejected", "_rejected_files"):
        engine.drop(name)


def _lines_before(file: File, places: Sequence[int]) -> list[int]:
    """Return how many lines end before each of the places, given in order.

    The engine's own count of lines goes astray behind bytes that are no UTF-8.
    """
    result, count, at = [], 0, 0
    with gzip.open(file.path) if file.packed else file.path.open("rb") as stream:
        for place in places:
            while at < place:
                chunk = stream.read(min(place - at, _CHUNK))
                if not chunk:
                    break
                count += chunk.count(b"\n")
                at += len(chunk)
            result.append(count)
    return result


def _cut(text: str) -> Iterator[str]:
    """Cut a line at its quotes; those behind a backslash belong to their cell."""
    start = 0
    for match in _QUOTE.finditer(text):
        yield text[start : match.end() - 1].replace('\\"', '"')
        start = match.end()
    yield text[start:].replace('\\"', '"')
