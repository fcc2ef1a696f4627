"""The files of a delivery: found, told apart, and made readable as UTF-8 text.

Everything that can be wrong with a file as a whole (missing, cut off, not text) stops here, before
anything is taken in. Files are read in chunks, so their size does not matter.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO, Literal

from percapita.bills.files import manifests
from percapita.core.errors import InputError

SUFFIXES = (
    ".csv", ".csv.gz", ".gz", ".parquet", ".pq", ".tsv", ".txt", ".json", ".jsonl", ".ndjson",
    ".zip",
)  # fmt: skip
"""What is taken from a folder; a file or glob may name anything."""

_CHUNK = 1 << 20
_STEP = 1 << 12
_BOMS = ((codecs.BOM_UTF16_LE, "utf-16"),
         (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_UTF8 = "utf-8"
_FALLBACK = "cp1252"
_SAVE = "Save it as UTF-8 text, or get it again."


@dataclass(frozen=True, slots=True)
class Opened:
    """One file, ready for the engine."""

    path: Path
    """As the user knows it."""
    kind: Literal["text", "parquet"]
    number: int
    """In the delivery."""
    readable: Path
    """UTF-8 text or Parquet: the file itself, or a copy of it in the scratch folder."""
    head: str = ""
    """Text only: its beginning, enough for the header."""
    whole: bool = True
    """Text only: the last line is ended."""
    odd_quotes: bool = False
    """Text only: the number of quote characters is odd."""
    lines: int = 0
    """Text only: how many line ends it has, those inside quoted cells included."""
    note: str = ""


class NotFoundError(InputError):
    """A source's path leads to no file."""

    def __init__(self, path: str) -> None:
        super().__init__(f"No file at {path}.", hint="Check the path of the source.")


class DamagedError(InputError):
    """A file that can't be read to its end."""

    def __init__(self, path: Path, why: str, hint: str) -> None:
        super().__init__(f"{path.name} can't be read: {why}.", hint=hint)


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a delivery."""

    paths: list[Path]
    notes: tuple[str, ...] = ()
    """What the user should know of files that were left aside."""
    said: Mapping[Path, manifests.Manifest] = field(default_factory=dict)
    """The manifest that names a file, where one does."""

    def month(self, path: Path) -> str:
        """Return the month that a manifest says a file is of, ``2026-09``, or nothing."""
        return self.said[path].label if path in self.said else ""

    def report(self, path: Path) -> str:
        """Return the name of the report that a manifest says a file is of, or nothing."""
        return self.said[path].report if path in self.said else ""


def find(path: str, root: Path) -> list[Path]:
    """Return the files that a source's path names, in sorted order.

    Args:
        path: file, folder, manifest or glob, absolute or relative to ``root``.
        root: folder of the project.

    Raises:
        NotFoundError: there is none.
        InputError: a manifest can't be followed.
    """
    return found(path, root).paths


def found(path: str, root: Path) -> Found:
    """Return what ``find`` does, and what should be known of it."""
    target = root / path
    if target.is_file():
        if manifests.NAME.fullmatch(target.name) and (named := _manifest(target, target.parent)):
            paths = sorted(_around(target, named))
            return Found(paths, said=dict.fromkeys(paths, named))
        return Found([target])
    if target.is_dir():
        return _in_folder(path, target)
    names = glob.glob(str(target), recursive=True)  # noqa: PTH207 the pattern may be absolute
    paths = [Path(name) for name in names if Path(name).is_file()]
    if not paths:
        raise NotFoundError(path)
    return Found(sorted(paths))


def _in_folder(path: str, folder: Path) -> Found:
    files = [item for item in folder.rglob("*") if wanted(item.relative_to(folder))]
    files = [item for item in files if item.is_file()]
    told = [item for item in files if manifests.NAME.fullmatch(item.name)]
    tables = [PurePosixPath(f.relative_to(folder).as_posix()) for f in files if f not in told]
    all_said = [manifest for item in sorted(told) if (manifest := _manifest(item, folder))]
    chosen = manifests.chosen(tables, all_said)
    if not chosen.files:
        raise NotFoundError(path)
    said = {folder / name: manifest for name, manifest in chosen.said.items()}
    return Found([folder / name for name in chosen.files], aside(chosen.aside), said)


def aside(count: int) -> tuple[str, ...]:
    """Return the note on files of older assemblies."""
    if not count:
        return ()
    files = "1 file was" if count == 1 else f"{count} files were"
    return (f"{files} left aside: the manifests name newer ones for the same months.",)


def wanted(name: PurePath) -> bool:
    """Tell whether a file of a folder is looked at: a table, or a manifest, and not hidden."""
    hidden = any(part.startswith((".", "_")) for part in name.parts)
    table = name.name.lower().endswith(SUFFIXES)
    return not hidden and (table or bool(manifests.NAME.fullmatch(name.name)))


def _manifest(path: Path, folder: Path) -> manifests.Manifest | None:
    shown = PurePosixPath(path.relative_to(folder).as_posix())
    try:
        return manifests.read(shown, path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise manifests.BrokenManifestError(shown) from error


def _around(path: Path, manifest: manifests.Manifest) -> Iterator[Path]:
    """Yield the files that a manifest names, looked for from its folder upwards."""
    for key in manifest.keys:
        inner = (key, *(PurePosixPath(*key.parts[n:]) for n in range(1, len(key.parts))))
        places = [path.parent / key.name]
        places += [folder / name for folder in path.parents for name in inner[:-1]]
        there = next((place for place in places if place.is_file()), None)
        if there is None:
            raise manifests.MissingFileError(path.name, str(key))
        yield there


def opened(path: Path, number: int, copy: Path) -> Opened:
    """Look into a file and make it readable.

    Args:
        path: the file.
        number: that it has in the delivery.
        copy: where a copy goes if the engine can't read the file itself.

    Raises:
        DamagedError: it is cut off, or neither text nor Parquet.
    """
    with path.open("rb") as file:
        magic = file.read(8)
    if magic.startswith(b"PAR1"):
        return Opened(path, "parquet", number, path)
    return _text(path, number, copy, packed=magic.startswith(b"\x1f\x8b"))


def _text(path: Path, number: int, copy: Path, *, packed: bool) -> Opened:
    encoding, readable, note = _marked(path, packed=packed), path, ""
    if packed or encoding != _UTF8:
        readable = copy
    try:
        seen = _read(path, encoding, readable, packed=packed)
    except _NotUtf8Error as error:
        if not error.ascii_before:
            raise DamagedError(path, f"{error}, though text before it is", _SAVE) from error
        readable = copy
        seen = _read(path, _FALLBACK, readable, packed=packed)
        note = f"{path.name} is not UTF-8; it was read as Windows-1252."
    whole = seen.last in ("", "\n", "\r")
    return Opened(path, "text", number, readable, seen.head, whole, seen.quotes % 2 == 1,
                  seen.lines, note)  # fmt: skip


class _Seen:
    """What one pass over a text tells."""

    def __init__(self) -> None:
        self.head = ""
        self.last = ""
        self.quotes = 0
        self.lines = 0
        self.ascii = True

    def add(self, text: str) -> None:
        if len(self.head) < _CHUNK:
            self.head += text
        self.quotes += text.count('"')
        self.lines += text.count("\n")
        self.last = text[-1:] or self.last
        self.ascii = self.ascii and text.isascii()


class _NotUtf8Error(Exception):
    """A byte that no UTF-8 text has there."""

    def __init__(self, offset: int, *, ascii_before: bool) -> None:
        self.ascii_before = ascii_before
        super().__init__(f"byte {offset + 1} is not UTF-8")


def _read(path: Path, encoding: str, readable: Path, *, packed: bool) -> _Seen:
    """Read a text to its end; write it to ``readable`` as UTF-8 if that is another file."""
    seen, done = _Seen(), 0
    decoder = codecs.getincrementaldecoder(encoding)()
    with ExitStack() as stack:
        target = None
        if readable != path:
            target = stack.enter_context(readable.open("w", encoding="utf-8", newline=""))
        for chunk in _chunks(path, packed=packed):
            text = _decoded(decoder, chunk, seen, done, path)
            seen.add(text)
            done += len(chunk)
            if target:
                target.write(text)
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise DamagedError(path, "it ends inside a character", "Get the file again.") from error
    return seen


def _decoded(
    decoder: codecs.IncrementalDecoder, chunk: bytes, seen: _Seen, done: int, path: Path
) -> str:
    pending = len(decoder.getstate()[0])
    try:
        text = decoder.decode(chunk)
    except UnicodeDecodeError as error:
        if not error.encoding.startswith("utf-8"):
            raise DamagedError(path, f"it is not {error.encoding} text", _SAVE) from error
        before = seen.ascii and not pending and chunk[: error.start].isascii()
        raise _NotUtf8Error(done - pending + error.start, ascii_before=before) from error
    if "\0" in text:
        raise DamagedError(path, "it holds binary data", "Give CSV or Parquet.")
    return text


def _chunks(path: Path, *, packed: bool) -> Iterator[bytes]:
    with path.open("rb") as raw:
        stream: BinaryIO | io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            while chunk := stream.read(_CHUNK):
                yield chunk
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DamagedError(
                path, "its gzip stream is cut off or damaged", "Get the file again."
            ) from error


def beginning(stream: BinaryIO, size: int) -> str:
    """Return the text at the start of a file as far as it can be read, packed or not.

    Whether the rest can be read, too, is for ``opened`` to say.
    """
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    content, source = b"", gzip.GzipFile(fileobj=stream) if packed else stream
    # What is damaged further on must not take along what stands before it.
    read = source.read1 if isinstance(source, gzip.GzipFile) else source.read
    try:
        while len(content) < size and (chunk := read(_STEP)):
            content += chunk
    except (EOFError, gzip.BadGzipFile, zlib.error):
        pass
    decoder = codecs.getincrementaldecoder(_encoding(content))("replace")
    return decoder.decode(content).lstrip("\ufeff")


def _marked(path: Path, *, packed: bool) -> str:
    """Return the encoding that a text's first bytes tell, UTF-8 if they tell none."""
    return _encoding(next(_chunks(path, packed=packed), b""))


def _encoding(content: bytes) -> str:
    start = content[:8]
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    # Text of one-byte letters written as UTF-16 without a mark has every second byte zero.
    if start[1::2] == b"\0" * 4 and b"\0" not in start[::2]:
        return "utf-16-le"
    if start[::2] == b"\0" * 4 and b"\0" not in start[1::2]:
        return "utf-16-be"
    return _UTF8
