"""The cost model as counting uses it: read again when the file changes, never half."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from percapita.core.errors import InputError
from percapita.model.spec import Model

_LOG: Final = logging.getLogger(__name__)


class Models:
    """The model of a file; while the file is broken, the last one that was not."""

    def __init__(self, path: Path, load: Callable[[Path], Model]) -> None:
        self._path = path
        self._load = load
        self._stat = self._look()
        self.model = load(path)
        self.problem = ""
        """Why the file as it is now is not what counts."""

    def changed(self) -> bool:
        """Look at the file; tell whether there is a new model."""
        found = self._look()
        if found == self._stat:
            return False
        self._stat = found
        try:
            model = self._load(self._path)
        except InputError as error:
            self.problem = str(error)
            _LOG.error("%s\nCounting goes on with the model as it was.", error)
            return False
        self.problem = ""
        anew = (model.meters, model.identity, model.sampling) != (
            self.model.meters, self.model.identity, self.model.sampling,
        )  # fmt: skip
        self.model = model
        return anew

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
