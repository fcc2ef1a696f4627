"""Text files as other systems deliver them, and the rows in them that are broken on purpose."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable
from pathlib import Path


def write_text(path: Path, lines: Iterable[str]) -> None:
    """Write lines, each ended by a newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in lines)


def write_gzip(path: Path, lines: Iterable[str]) -> None:
    """Write lines compressed; equal lines give equal bytes, whenever they are written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="")
        text.writelines(f"{line}\n" for line in lines)
        text.flush()


def insert(rows: list[str], row: str, at: float) -> int:
    """Put a row in at this fraction of the list; return its number, the first row being 1."""
    position = int(len(rows) * at)
    rows.insert(position, row)
    return position + 1
