"""What a source delivered: its files, and the hash that tells whether they were in before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from percapita.core.privacy import Key
from percapita.core.sources import Source


@dataclass(frozen=True, slots=True)
class FileStat:
    """One delivered file."""

    path: str
    """Relative to the project where it lies inside, as in the table's column ``file``."""
    bytes: int
    digest: str
    """SHA-256 of the content."""

    @classmethod
    def of(cls, path: Path, root: Path) -> FileStat:
        """Read a file's size and content hash."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        inside = path.resolve().is_relative_to(root.resolve())
        name = path.resolve().relative_to(root.resolve()).as_posix() if inside else str(path)
        return cls(name, path.stat().st_size, digest)


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A row that could not be taken in."""

    file: str
    row: int
    """1 is the first after the header."""
    column: str
    value: str
    """As it stood in the file; in a column that names a person, the pseudonym."""
    code: str
    """Stable name of the reason, such as ``not-a-number``."""
    reason: str
    hint: str = ""


def content_of(files: Iterable[FileStat]) -> str:
    """Return the hash of a delivery: of what is in its files, not of their names or order."""
    digests = "\n".join(sorted(file.digest for file in files))
    return hashlib.sha256(digests.encode()).hexdigest()


def settings_of(source: Source, key: Key) -> str:
    """Return the hash of all that decides how a delivery is read, beside its content."""
    settings = [
        source.kind, source.format, source.mode, source.keys, sorted(source.columns.items()),
        sorted(source.values.items()), source.currency, source.unit, source.scale,
        sorted((column, m.name, m.unit, m.scale) for column, m in source.meters.items()), key.id,
        *([sorted(source.identity_tags.items())] if source.identity_tags else []),
        *([sorted(source.subject.items())] if source.subject else []),
        *([repr(sorted(source.queries.items())), source.step] if source.queries else []),
        *([source.routes] if source.routes else []), *([source.layout] if source.layout else []),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
