"""Records as rows of text: JSON of any shape, and what a format reads from files of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from percapita.bills.files.found import DamagedError
from percapita.bills.files.literals import Digits, flat
from percapita.bills.files.texts import filled
from percapita.core.sources import Source
from percapita.plugins import BillFormat, Document, ReadsRecords, bill_formats
from percapita.store.engine import parquet

KIND: Final = "records"
"""Stands where a table of text has its delimiter."""

_BATCH: Final = 20_000
"""Records that are held at once."""
_CHUNK: Final = 1 << 20
_LARGEST: Final = 64 << 20
"""Characters one element of an array may have."""
_JSON: Final = re.compile(r'\ufeff?\s*(\[\s*[{\]]|\{\s*["}])')
_BETWEEN: Final = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Unread:
    """What stands where a record should."""

    text: str


Record = Mapping[str, object]


def of(
    document: Document, source: Source
) -> tuple[BillFormat | None, Iterator[Record | Unread] | None]:
    """Return a file's records and the format that read them; nothing where it is a table of text.

    The format is ``None`` where it is JSON of objects, which any format may have.
    """
    for name, form in bill_formats().items():
        if isinstance(form, ReadsRecords) and source.format in ("", name):
            found = form.records(document, source)
            if found is not None:
                return form, iter(found)
    return None, _objects(document) if _JSON.match(document.head) else None


def beginning(head: str) -> tuple[str, ...]:
    """Return the columns of the whole objects in a JSON text that begins so."""
    names: dict[str, None] = {}
    for found, _ in _values(head.lstrip("\ufeff [\r\n\t")):
        if isinstance(found, dict):
            names |= dict.fromkeys(name for name, _ in flat(found))
    return tuple(names)


def _objects(document: Document) -> Iterator[Record | Unread]:
    """Yield the objects of a JSON text: one a line, one after the other, or all in one array.

    Raises:
        DamagedError: the text breaks off, or what stands in it is no JSON.
    """
    first = document.head.lstrip("\ufeff \t\r\n")
    if first.startswith("{") and _whole(first.partition("\n")[0]):
        return _of_lines(document.text)
    return _of_stream(document)


def _whole(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _of_lines(path: Path) -> Iterator[Record | Unread]:
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                found = json.loads(line, parse_float=Digits, parse_int=Digits, strict=False)
            except (ValueError, RecursionError):
                found = None
            yield found if isinstance(found, dict) else Unread(line.strip())


def _of_stream(document: Document) -> Iterator[Record | Unread]:
    number, held, array = 0, "", False
    with document.text.open(encoding="utf-8-sig") as file:
        # The longer an object that is not whole yet, the more is read before the next try.
        while (chunk := file.read(max(_CHUNK, len(held)))) and len(held) < _LARGEST:
            held = (held + chunk).lstrip()
            if not number and held.startswith("["):
                array, held = True, held[1:]
            at = 0
            for found, end in _values(held):
                at, number = end, number + 1
                yield found if isinstance(found, dict) else Unread(str(found))
            held = _BETWEEN.sub("", held[at:], count=1)
            if array and held.startswith("]"):
                return
    if held.strip() or array:
        why = f"it is no JSON, or breaks off, after {number} objects: {held[:40]!r}"
        raise DamagedError(document.path, why, "Get the file again.")


def _values(text: str) -> Iterator[tuple[object, int]]:
    """Yield the whole values that a text begins with, and where each ends."""
    decoder = json.JSONDecoder(parse_float=Digits, parse_int=Digits, strict=False)
    end = 0
    while match := _BETWEEN.match(text, end):
        try:
            found, end = decoder.raw_decode(text, match.end())
        except (ValueError, RecursionError):
            return
        yield found, end


@dataclass(slots=True)
class Pieces:
    """Records on their way into a columnar copy; memory holds one batch of them."""

    folder: Path
    """For the copy; it must be there."""
    paths: list[Path] = field(default_factory=list)
    _columns: dict[str, int] = field(default_factory=dict)
    _rows: list[dict[int, str]] = field(default_factory=list)
    _flaws: list[str | None] = field(default_factory=list)
    _done: int = 0

    def take(self, records: Iterable[Record | Unread]) -> None:
        """Read all records."""
        columns = self._columns
        for record in records:
            if isinstance(record, Unread):
                self._rows.append({0: record.text})
                self._flaws.append("json")
            else:
                named = flat(record)
                self._rows.append({columns.setdefault(n, len(columns)): t for n, t in named})
                self._flaws.append(None)
            if len(self._rows) >= _BATCH:
                self._put()
        self._put()

    def __bool__(self) -> bool:
        """Tell whether there was any record."""
        return bool(self._columns)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in the order they were first seen."""
        return tuple(self._columns)

    def relation(self, file: int) -> str:
        """Return the SQL of the rows, under the number that their file has."""
        cells = ", ".join(f"{filled(f'c{n}')} AS c{n}" for n in range(len(self._columns)))
        read = parquet(self.paths).removesuffix(")") + ", union_by_name = true)"
        return f'(SELECT {file}::INTEGER AS "file", "row", flaw, {cells} FROM {read})'

    def _put(self) -> None:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        if not self._rows and self.paths:
            return
        rows, first = self._rows, self._done + 1
        # The last piece names every column, whether or not a row of it fills them.
        table: dict[str, pa.Array[Any]] = {
            "row": pa.array(range(first, first + len(rows)), pa.int64()),
            "flaw": pa.array(self._flaws, pa.string()),
            **{
                f"c{n}": pa.array([row.get(n) for row in rows], pa.string())
                for n in range(max(1, len(self._columns)))
            },
        }
        self.folder.mkdir(exist_ok=True)
        path = self.folder / f"{len(self.paths)}.parquet"
        pq.write_table(pa.table(table), path, compression="lz4")
        self.paths.append(path)
        self._done += len(rows)
        self._rows, self._flaws = [], []
