"""Where a source's files are, and their cells as text, whatever the format.

A reader offers every table as a relation of text columns in the engine; no cell goes through
Python but those that need a second look.
"""

from __future__ import annotations

import csv
import glob
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TextIO

from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.store.engine import Engine

_FORMS: Final = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv",
    ".parquet": "parquet", ".pq": "parquet",
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
}  # fmt: skip
_GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 1 << 20
FORMATS: Final = ("csv", "jsonl", "parquet")


class UnreadableFileError(InputError):
    """A file that is no table we can read."""

    def __init__(self, name: str, why: str, hint: str) -> None:
        super().__init__(f"{name} cannot be read: {why}", hint=hint)


class NoFilesError(InputError):
    """A source whose path leads to no file."""

    def __init__(self, source: Source, root: Path) -> None:
        where = f"{source.path!r} of the source {source.name!r}"
        super().__init__(
            f"There is no file at {where}, looked for from {root}.",
            hint="Give a file, a folder or a glob such as usage/*.csv; put a glob in quotes.",
        )


@dataclass(frozen=True, slots=True)
class File:
    """One file of a source."""

    path: Path
    name: str
    """As messages show it: relative to the project where it lies in it."""
    form: str
    """csv, jsonl or parquet."""

    @property
    def packed(self) -> bool:
        """Tell whether the content is gzip."""
        with self.path.open("rb") as file:
            return file.read(2) == _GZIP


@dataclass(frozen=True, slots=True)
class Broken:
    """A row that has no cells to look at."""

    row: int
    reason: str
    fix: str


class Reader(Protocol):
    """One file as a relation of text cells."""

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        ...

    def select(self, engine: Engine, columns: Mapping[str, str]) -> str:
        """Return SQL for ``row`` and, under our names, the named columns; empty cells are null."""
        ...

    def broken(self, engine: Engine) -> list[Broken]:
        """Return the rows that the last reading of ``select`` left out."""
        ...

    def place(self, row: int) -> int:
        """Return the row of the file for a ``row`` of ``select``; 1 follows the header."""
        ...


def found(
    source: Source, root: Path, forms: Mapping[str, str] = _FORMS, other: str = ""
) -> list[File]:
    """Return the files of a source, in name order.

    Args:
        source: whose files.
        root: folder that a relative path starts from.
        forms: end of a name -> form, of the files that count in a folder.
        other: form of all other files; they count if it is given.

    Raises:
        NoFilesError: there are none.
    """
    whole = root / Path(source.path).expanduser()
    if whole.is_dir():
        paths = [p for p in sorted(whole.rglob("*")) if _counts(p, whole, forms, other)]
    elif whole.exists():
        paths = [whole]
    else:
        # Unlike Path.glob this takes an absolute pattern.
        paths = [Path(text) for text in sorted(glob.glob(str(whole), recursive=True))]  # noqa: PTH207
        paths = [path for path in paths if path.is_file()]
    if not paths:
        raise NoFilesError(source, root)
    forced = source.format if source.format in FORMATS else ""
    return [File(p, shown(p, root), forced or form(p, forms, other)) for p in paths]


def shown(path: Path, root: Path) -> str:
    """Return a path as messages show it."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(path)


def form(path: Path, forms: Mapping[str, str] = _FORMS, other: str = "") -> str:
    """Return the form of a file, by its name or else ``other`` or what its first bytes tell."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    if suffixes and suffixes[-1] in forms:
        return forms[suffixes[-1]]
    if other:
        return other
    with path.open("rb") as file:
        start = file.read(64).lstrip()
    if start.startswith(b"PAR1"):
        return "parquet"
    return "jsonl" if start.startswith(b"{") else "csv"


def _counts(path: Path, folder: Path, forms: Mapping[str, str], other: str) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    name = path.name.lower().removesuffix(".gz")
    # A manifest lists what else is there, and is no table.
    listed = name.endswith("manifest.json")
    known = bool(other) or Path(name).suffix in forms
    return path.is_file() and not hidden and not listed and known


def opened(file: File) -> TextIO:
    """Open a text file, unpacked; bytes that are no UTF-8 come out as surrogates."""
    unpack = gzip.open if file.packed else open
    return unpack(file.path, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="")


def unpacked(file: File) -> None:
    """Read a gzip file to its end; its last bytes tell whether all of it is there.

    Raises:
        OSError, EOFError, zlib.error: it is not.
    """
    with gzip.open(file.path, "rb") as stream:
        while stream.read(_CHUNK):
            pass


def records(file: File, delimiter: str) -> Iterator[list[str]]:
    """Yield the records of a CSV file; a blank line is an empty record."""
    csv.field_size_limit(2**31 - 1)
    with opened(file) as stream:
        try:
            yield from csv.reader(stream, delimiter=delimiter)
        except (OSError, EOFError, csv.Error) as error:
            raise UnreadableFileError(file.name, f"{error}.", "Fetch the file again.") from error
