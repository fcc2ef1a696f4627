"""One process at a time: a lock that ends with the process, however it ends."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from percapita.core.announced import ESTIMATES
from percapita.core.errors import InputError

_PAUSE: Final = 0.05
_UNSAID: Final = ("process", ESTIMATES)
"""Said first, and of no use to people."""


class HeldError(InputError):
    """Another process does what may be done once only."""

    def __init__(self, doing: str, path: Path, holder: Mapping[str, object]) -> None:
        self.holder = dict(holder)
        """What the other process wrote of itself."""
        said = ", ".join(f"{name} {value}" for name, value in holder.items() if name not in _UNSAID)
        who = f"process {holder.get('process', 'unknown')}" + (f" ({said})" if said else "")
        super().__init__(
            f"{who[:1].upper()}{who[1:]} is {doing} already.",
            hint=f"Stop it first, or choose another store with --store DIR. The lock is {path}.",
        )


class Lock:
    """A lock file. The operating system lets go of it when the process ends."""

    def __init__(self, path: Path, doing: str) -> None:
        self._path = path
        self._doing = doing
        """Such as ``serving this store``, for who comes second."""
        self._file = -1

    def take(self, about: Mapping[str, object] | None = None, *, wait: float = 0) -> Self:
        """Take the lock, and leave in it who holds it.

        Args:
            about: what else the one who comes second should read.
            wait: seconds to wait for the holder to end.

        Raises:
            HeldError: another process has it, and kept it while this one waited.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._locked(file, time.monotonic() + wait)
        except BaseException:
            os.close(file)
            raise
        self._file = file
        self.tell(about or {})
        return self

    def tell(self, about: Mapping[str, object]) -> None:
        """Change what is left in the lock file."""
        text = json.dumps({"process": os.getpid(), **about}).encode()
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, text, 0)

    def let_go(self) -> None:
        """Let the next one in."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        """Return the lock, taken before."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it go."""
        self.let_go()

    def _locked(self, file: int, until: float) -> None:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise HeldError(self._doing, self._path, _holder(file)) from None
                time.sleep(_PAUSE)
            else:
                return


def _holder(file: int) -> Mapping[str, object]:
    try:
        found = json.loads(os.pread(file, 4096, 0))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
