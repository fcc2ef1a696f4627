"""What was counted already: marks of signals on disk, so that one that is sent again is known.

A mark is two words: a key that begins with the signal's time, and a check. Each commit adds a file
of marks sorted by key, named by the catalog in the same transaction as the readings; files of like
size are merged. What comes now is compared with marks of about the same time alone, so the number
of marks that are held costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.store.live.tables import MARKED

Ints: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

WINDOW: Final = timedelta(hours=24)
LIMIT: Final = 10 << 30
FOLDER: Final = "marks"
_MARK_BYTES: Final = 16
_TOGETHER: Final = 8
"""Files of like size that are merged into one."""
_SMALLEST: Final = 4_096
_LARGEST: Final = 1_000_000
"""Marks of a file at most, if it is merged: that takes place in memory."""
_AT_ONCE: Final = 100_000
"""Marks that are put in order and written at once."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is held, for whoever asks how long a signal is known again."""

    marks: int
    bytes: int
    since: datetime | None
    """Nothing older is known again; ``None`` where nothing is held."""


@dataclass(frozen=True)
class MarkFile:
    """One file of marks: all keys, then all checks."""

    path: Path
    rows: int
    since: datetime
    until: datetime
    """When its first and last marks were made."""

    @property
    def keys(self) -> Words:
        """Its keys, in order; read from disk where they are looked at.

        Mapped anew each time: what stays mapped counts as this process's memory.
        """
        return np.memmap(self.path, np.uint64, "r", 0, (self.rows,))

    @property
    def checks(self) -> Words:
        """The check of each key."""
        return np.memmap(self.path, np.uint64, "r", 8 * self.rows, (self.rows,))

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """Its lowest and highest key."""
        keys = self.keys
        return int(keys[0]), int(keys[-1])

    @property
    def full(self) -> bool:
        """It is merged no more."""
        return self.rows > _LARGEST // 2

    @property
    def tier(self) -> int:
        """Files of one tier are of like size."""
        return max(self.rows // _SMALLEST, 1).bit_length() // 3


class Marked:
    """The marks that are held. There is one process that adds to them."""

    def __init__(self, root: Path, *, limit: int = LIMIT) -> None:
        self._folder = root / FOLDER
        self._limit = limit
        self._files: list[MarkFile] = []
        self._next: list[MarkFile] | None = None

    def load(self, connection: Connection) -> None:
        """Read from the catalog which files count, and remove those that do not."""
        rows = connection.execute(sa.select(MARKED).order_by(MARKED.c.since, MARKED.c.name)).all()
        self._files = [
            MarkFile(self._folder / row.name, row.rows, row.since, row.until) for row in rows
        ]
        self._next = None
        known = {file.path for file in self._files}
        for path in self._folder.glob("*"):
            if path not in known:
                path.unlink()

    @property
    def held(self) -> Held:
        """What is held."""
        rows = sum(file.rows for file in self._files)
        since = min((file.since for file in self._files), default=None)
        return Held(rows, rows * _MARK_BYTES, since)

    def fresh(self, key: Words, check: Words) -> Flags:
        """Tell which of the marks are not held."""
        result = np.ones(len(key), np.bool_)
        if not len(key) or not self._files:
            return result
        order = np.argsort(key)
        keys, checks = key[order], check[order]
        seen = np.zeros(len(key), np.bool_)
        for file in self._files:
            low, high = file.bounds
            first = np.searchsorted(keys, np.uint64(low), "left")
            last = np.searchsorted(keys, np.uint64(high), "right")
            if first < last:
                seen[first:last] |= _holds(file, keys[first:last], checks[first:last])
        result[order[seen]] = False
        return result

    def stage(self, key: Words, check: Words, now: datetime) -> None:
        """Write further marks; they count from ``record`` on, if that is committed."""
        files = list(self._files)
        if len(key):
            order = np.argsort(key)
            files.append(self._write((key[order], check[order]), len(key), now, now))
        while (merged := self._merged(files)) is not None:
            files = merged
        self._next = self._kept(files, now)

    def record(self, connection: Connection) -> None:
        """Name the files in the catalog."""
        assert self._next is not None  # noqa: S101 staged before
        before, after = set(self._files), set(self._next)
        for file in before - after:
            connection.execute(sa.delete(MARKED).where(MARKED.c.name == file.path.name))
        rows = [
            {"name": f.path.name, "rows": f.rows, "since": f.since, "until": f.until}
            for f in self._next
            if f not in before
        ]
        if rows:
            connection.execute(sa.insert(MARKED), rows)

    def settle(self) -> None:
        """Remove what the commit made superfluous."""
        assert self._next is not None  # noqa: S101 staged before
        self._files, self._next = self._next, None
        known = {file.path for file in self._files}
        for path in self._folder.glob("*"):
            if path not in known:
                path.unlink()

    def _kept(self, files: Sequence[MarkFile], now: datetime) -> list[MarkFile]:
        """Let go what is older than the window, and the oldest where the size is passed."""
        kept = [file for file in files if file.until > now - WINDOW]
        while sum(file.rows for file in kept) * _MARK_BYTES > self._limit and len(kept) > 1:
            del kept[0]
        return kept

    def _merged(self, files: list[MarkFile]) -> list[MarkFile] | None:
        """Return the files with some of like size merged; nothing where none are to be."""
        for tier in range(max((file.tier for file in files), default=0) + 1):
            first = len(files)
            while first and files[first - 1].tier <= tier and not files[first - 1].full:
                first -= 1
            if len(files) - first < _TOGETHER * (tier + 1):
                continue
            rows = np.cumsum([file.rows for file in files[first:]])
            last = first + int(np.searchsorted(rows, _LARGEST, "right"))
            return [*files[:first], self._together(files[first:last]), *files[last:]]
        return None

    def _together(self, files: Sequence[MarkFile]) -> MarkFile:
        """Write the marks of several files as one. Keys have gone before checks are read."""
        keys = np.concatenate([file.keys for file in files])
        order = np.argsort(keys)
        columns = chain(_pieces(keys, order), self._checks(files, order))
        del keys
        return self._write(columns, len(order), files[0].since, files[-1].until)

    @staticmethod
    def _checks(files: Sequence[MarkFile], order: Ints) -> Iterator[Words]:
        yield from _pieces(np.concatenate([file.checks for file in files]), order)

    def _write(
        self, columns: Iterable[Words], rows: int, since: datetime, until: datetime
    ) -> MarkFile:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / os.urandom(8).hex()
        with path.open("wb") as file:
            for words in columns:
                file.write(words.data)
            file.flush()
            os.fsync(file.fileno())
        return MarkFile(path, rows, since, until)


def _pieces(words: Words, order: Ints) -> Iterator[Words]:
    """Yield words in an order, some at a time."""
    for start in range(0, len(order), _AT_ONCE):
        yield words[order[start : start + _AT_ONCE]]


def _holds(file: MarkFile, keys: Words, checks: Words) -> Flags:
    """Tell which marks a file holds; they are sorted."""
    every = np.asarray(file.keys)
    low = int(np.searchsorted(every, keys[0], "left"))
    high = int(np.searchsorted(every, keys[-1], "right"))
    held_keys, held_checks = every[low:high], np.asarray(file.checks[low:high])
    at = np.searchsorted(held_keys, keys, "left")
    result = np.zeros(len(keys), np.bool_)
    going = np.flatnonzero(at < len(held_keys))
    going = going[held_keys[at[going]] == keys[going]]
    while len(going):
        same = held_checks[at[going]] == checks[going]
        result[going[same]] = True
        going = going[~same]
        at[going] += 1
        going = going[at[going] < len(held_keys)]
        going = going[held_keys[at[going]] == keys[going]]
    return result
