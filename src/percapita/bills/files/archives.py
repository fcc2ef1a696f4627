"""Zip archives: the tables inside them, as files in the scratch folder."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

from percapita.bills.files.found import SUFFIXES, DamagedError

_MAGICS: Final = (b"PK\x03\x04", b"PK\x05\x06")
"""Of archives, and of empty ones."""
_CHUNK: Final = 1 << 20
_AGAIN: Final = "Get the file again."


@contextmanager
def first(path: Path) -> Iterator[BinaryIO]:
    """Open a file, or the first table of an archive.

    Raises:
        DamagedError: an archive that can't be read, or holds no table.
    """
    if not _is_archive(path):
        with path.open("rb") as file:
            yield file
        return
    with (
        _told(path),
        zipfile.ZipFile(path) as archive,
        archive.open(_names(path, archive)[0]) as inner,
    ):
        yield cast("BinaryIO", inner)


@contextmanager
def named(root: Path, name: str) -> Iterator[Path | None]:
    """Give the table that messages call by this name, unpacked for as long as it is looked at.

    Args:
        root: folder of the project.
        name: of a file, or of a table in an archive of several, ``bills.zip/2025-10.csv``.
    """
    path = root / name
    archive = next((p for p in (path, *path.parents) if p.is_file()), None)
    if archive is None or (archive != path and not _is_archive(archive)):
        yield None
    elif not _is_archive(archive):
        yield path
    else:
        with tempfile.TemporaryDirectory(prefix="percapita-") as folder:
            inner = path.relative_to(archive).as_posix() if archive != path else ""
            files = unpacked([archive], Path(folder))
            yield next((copy for _, copy, told in files if told == inner), None)


def _is_archive(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _MAGICS


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn trouble with an archive into a message."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise DamagedError(path, "its zip archive is cut off or damaged", _AGAIN) from error
    except (RuntimeError, NotImplementedError) as error:
        why = "its zip archive is encrypted, or packed in a way that is not known"
        raise DamagedError(path, why, "Unpack it, or save it as CSV.") from error


def unpacked(paths: Sequence[Path], folder: Path) -> Iterator[tuple[Path, Path, str]]:
    """Yield each file as delivered, as it can be read, and its name inside an archive of several.

    Args:
        paths: the files of a delivery.
        folder: scratch folder, where the tables of archives go.

    Raises:
        DamagedError: an archive that can't be read, or holds no table.
    """
    for number, path in enumerate(paths):
        if not _is_archive(path):
            yield path, path, ""
            continue
        with _told(path):
            found = _tables(path, folder / f"zip{number}")
        yield from ((path, copy, name if len(found) > 1 else "") for name, copy in found)


def _tables(path: Path, folder: Path) -> list[tuple[str, Path]]:
    found = []
    with zipfile.ZipFile(path) as archive:
        for number, name in enumerate(_names(path, archive)):
            copy = folder / str(number) / _inner(name).name
            copy.parent.mkdir(parents=True)
            with archive.open(name) as packed, copy.open("wb") as target:
                shutil.copyfileobj(packed, target, _CHUNK)
            found.append((name, copy))
    return found


def _names(path: Path, archive: zipfile.ZipFile) -> list[str]:
    """Return the names of an archive's tables."""
    names = archive.namelist()
    if "[Content_Types].xml" in names:
        raise DamagedError(path, "it is a spreadsheet", "Save it as CSV.")
    found = [name for name in sorted(names) if _is_table(_inner(name)) and not name.endswith("/")]
    if not found:
        raise DamagedError(path, "its zip archive holds no CSV or Parquet", "Give CSV or Parquet.")
    return found


def _inner(name: str) -> PurePosixPath:
    return PurePosixPath(name.replace("\\", "/"))


def _is_table(inner: PurePosixPath) -> bool:
    hidden = any(part.startswith((".", "_")) for part in inner.parts)
    return not hidden and inner.name.lower().endswith(SUFFIXES)
