"""Whether a source is a bill, told from the beginning of its files alone."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from percapita.bills.files import archives, reading, records
from percapita.bills.files.found import NotFoundError, beginning, find
from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.plugins import Document, bill_formats

_HEAD: Final = 1 << 18
"""Characters that are looked at."""
_NO_TABLES: Final = {
    b"%PDF": "a PDF document",
    b"PK": "a spreadsheet, or an archive without a table that is known",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"<": "a web page or XML, perhaps the error that came in place of the file",
}
_FILES: Final = 20
"""Files that are looked at, if none of those before is a bill."""


def is_bill(source: Source, *, root: Path) -> bool:
    """Tell whether one of a source's files is a bill that an installed format recognises.

    Columns that the user maps count as called by our names.

    Raises:
        InputError: a manifest can't be followed.
    """
    try:
        paths = find(source.path, root)
    except NotFoundError:
        return False
    return any(_is_one(source, path) for path in paths[:_FILES])


def instead(source: Source, *, root: Path) -> str:
    """Return what a source's first file is instead of a bill, empty where it can't be seen."""
    try:
        path = find(source.path, root)[0]
        with path.open("rb") as file:
            start = file.read(64).lstrip()
        if said := next((said for mark, said in _NO_TABLES.items() if start.startswith(mark)), ""):
            return said
        header = _header(source, path) or ()
    except (OSError, EOFError, zlib.error, InputError):
        return ""
    asides = (form.aside(header) for form in bill_formats().values())
    dataset = next(filter(None, asides), "")
    return f"the dataset {dataset}, which comes along with bills and is none" if dataset else ""


def _is_one(source: Source, path: Path) -> bool:
    try:
        header = _header(source, path)
    except (OSError, EOFError, zlib.error, InputError):
        return False
    if header is None:
        return True
    ours = {theirs: name for name, theirs in source.columns.items()}
    named = [*(ours.get(name, name) for name in header), *source.values]
    return recognises(named) is not None


def recognises(header: Sequence[str]) -> str | None:
    """Return the name of the bill format that files with these columns have."""
    for name, form in bill_formats().items():
        if form.recognises(header):
            return name
    return None


def _header(source: Source, path: Path) -> Sequence[str] | None:
    """Return a file's columns, ``None`` where a format reads it in its own way."""
    with archives.first(path) as stream:
        magic = stream.read(4)
        stream.seek(0)
        if magic == b"PAR1":
            import pyarrow.parquet as pq  # noqa: PLC0415

            return reading.parquet_header(pq.read_schema(stream))
        head = beginning(stream, _HEAD)
    form, found = records.of(Document(path, path, head), source)
    if form is not None:
        return None
    if found is not None:
        return records.beginning(head)
    first = reading.text_header(head)
    return first.names if first else ()
