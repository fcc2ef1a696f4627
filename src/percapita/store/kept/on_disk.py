"""Answers and files that nothing can change any more, kept beside the tables.

A key names all that an answer was read from, so no answer grows old; what is not asked for again
is removed when there are too many. Losing the folder loses nothing but time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from percapita.store.engine import EngineError

_MOST: Final = 4096
"""Files; past it the half that was not read for longest goes."""


class OnDisk:
    """What one store keeps in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "answers"

    def text(self, key: str, make: Callable[[], str]) -> str:
        """Return the answer of a key, worked out by ``make`` where it is not there.

        A store that cannot be written to keeps none.
        """
        path = self._folder / f"{key}.json"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found = path.read_text(encoding="utf-8")
            os.utime(path)
            return found
        made = make()
        with contextlib.suppress(OSError):
            self._write(path, lambda part: part.write_text(made, encoding="utf-8"))
        return made

    def file(self, name: str, make: Callable[[Path], object]) -> Path | None:
        """Return a file of that name, made by ``make`` where it is not there.

        ``None``: the store cannot be written to.
        """
        path = self._folder / name
        try:
            if not path.exists():
                self._write(path, make)
            os.utime(path)
        except (OSError, EngineError):
            return None
        return path

    def has(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return (self._folder / name).exists()

    def names(self, lead: str) -> list[str]:
        """Return the names of files that begin so."""
        return [path.name for path in self._folder.glob(f"{lead}*.parquet")]

    def let_go(self, names: Iterable[str]) -> None:
        """Remove files that nobody asks for any more."""
        for name in names:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove every answer: somebody it names may be nobody now."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _write(self, path: Path, make: Callable[[Path], object]) -> None:
        self._folder.mkdir(exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}")
        make(part)
        part.replace(path)
        self._prune()

    def _prune(self) -> None:
        found = list(os.scandir(self._folder))
        if len(found) > _MOST:
            found.sort(key=lambda entry: entry.stat().st_mtime)
            for entry in found[: _MOST // 2]:
                Path(entry.path).unlink(missing_ok=True)
