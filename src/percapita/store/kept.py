"""Answers that nothing can change any more, kept beside the tables: by a key that says all.

A key names the runs that an answer was read from, so no answer grows old; what is not asked for
again is removed when there are too many. Losing the folder loses nothing but time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from percapita.store.engine import EngineError

_MOST: Final = 4096
"""Files; past it the half that was not read for longest goes."""


class Kept:
    """The kept answers of one store."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "answers"

    def get(self, key: str) -> str | None:
        """Return the answer of a key; ``None`` if there is none."""
        path = self._folder / f"{key}.json"
        try:
            found = path.read_text(encoding="utf-8")
            os.utime(path)
        except (OSError, UnicodeDecodeError):
            return None
        return found

    def put(self, key: str, answer: str) -> None:
        """Keep an answer; a store that cannot be written to keeps none."""
        path = self._folder / f"{key}.json"
        with contextlib.suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}")
            part.write_text(answer, encoding="utf-8")
            part.replace(path)
            self._prune()

    def file(self, name: str, make: Callable[[Path], None]) -> Path | None:
        """Return a file of that name, made by ``make`` where it is not there.

        ``None``: the store cannot be written to.
        """
        path = self._folder / name
        try:
            if not path.exists():
                self._folder.mkdir(exist_ok=True)
                part = path.with_suffix(f".{os.getpid()}-{os.urandom(4).hex()}")
                make(part)
                part.replace(path)
                self._prune()
            os.utime(path)
        except (OSError, EngineError):
            return None
        return path

    def forget(self) -> None:
        """Remove every answer: somebody it names may be nobody now."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _prune(self) -> None:
        found = list(os.scandir(self._folder))
        if len(found) > _MOST:
            found.sort(key=lambda entry: entry.stat().st_mtime)
            for entry in found[: _MOST // 2]:
                Path(entry.path).unlink(missing_ok=True)
