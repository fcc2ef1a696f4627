"""The file ``head``: up to where the spool is durable, as the writer tells the reader."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

_HEAD: Final = struct.Struct("<QQ")
_MASK: Final = (1 << 64) - 1
_TRIES: Final = 100


class Head:
    """A position that other processes see at once. It need not outlive a power cut.

    A reader goes no further: what it has read is never taken back, and no position is given twice.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "head"

    def read(self) -> int:
        """Return the position of the last durable entry; 0 before there is any."""
        for _ in range(_TRIES):
            try:
                raw = self._path.read_bytes()
            except FileNotFoundError:
                return 0
            if len(raw) == _HEAD.size:
                position, check = _HEAD.unpack(raw)
                if position ^ check == _MASK:
                    return int(position)
        # Torn by a power cut; the writer says it again when it starts.
        return 0

    def writer(self) -> HeadWriter:
        """Return what moves it."""
        return HeadWriter(self._path)


class HeadWriter:
    """Moves the head. There is one."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def move(self, position: int) -> None:
        """Say that all up to there is durable."""
        os.pwrite(self._file, _HEAD.pack(position, position ^ _MASK), 0)

    def close(self) -> None:
        """Give back the file."""
        os.close(self._file)
