"""The writing side of the spool: one thread, one durable write for all who wait."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from percapita.core.errors import PercapitaError
from percapita.core.privacy import Key
from percapita.store.lock import Lock
from percapita.store.spool.head import Head
from percapita.store.spool.segment import (
    PACKED,
    SIGNALS,
    DamagedError,
    Segment,
    Signal,
    first_of,
    moment,
    segments,
)

SEGMENT_BYTES: Final = 64 << 20
_SEGMENT_SECONDS: Final = 30.0
"""A segment is left after this time, so that what was counted leaves the disk soon."""
_RESERVE_BYTES: Final = 64 << 20
"""Kept free on the disk, for what counts the spool must write before the spool can shrink."""
_RESERVE_SHARE: Final = 20
_BATCH_BYTES: Final = 16 << 20
"""Bodies sealed before they are written; bounds the memory of a batch."""
_LOOK_SECONDS: Final = 0.1


class SpoolFullError(PercapitaError):
    """Nothing can be made durable now: the spool has its size, or the disk takes no more."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(
            f"The spool takes nothing at the moment: {why}.",
            hint="What was sent is to be sent again later; nothing of it was kept.",
        )


class SpoolClosedError(PercapitaError):
    """The server is stopping."""

    def __init__(self) -> None:
        super().__init__("The spool is closed: the server is stopping.")


class _Waiting(NamedTuple):
    kind: int
    body: bytes
    received: int
    done: Future[int]


class Writer:
    """Appends to the spool. One process at a time has one; it holds the spool's lock."""

    def __init__(self, folder: Path, key: Key, limit: int, segment_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(folder / "lock", "writing to this spool").take()
        self._folder = folder
        self._key = key
        self._limit = limit
        self._segment_bytes = segment_bytes
        self._most = min(_BATCH_BYTES, segment_bytes, limit // 8)
        self._queue: list[_Waiting] = []
        self._wake = threading.Condition()
        self._closing = False
        self._segment: Segment | None = None
        self._since = self._looked = 0.0
        self._size = self._refused = 0
        self._head = Head(folder).writer()
        self.last = self._recover()
        self._head.move(self.last)
        self._thread = threading.Thread(target=self._work, name="spool", daemon=True)
        self._thread.start()

    def append(self, signal: Signal, body: bytes, *, packed: bool) -> Future[int]:
        """Return what resolves to the entry's position when it is durable."""
        done: Future[int] = Future()
        kind = SIGNALS.index(signal) | (PACKED if packed else 0)
        item = _Waiting(kind, body, moment(datetime.now(UTC)), done)
        with self._wake:
            if self._closing:
                raise SpoolClosedError
            self._queue.append(item)
            self._wake.notify()
        return done

    def trouble(self) -> str:
        """Return why a batch would be refused now; empty where it would not."""
        try:
            self._room(self._refused)
        except SpoolFullError as error:
            return error.why
        except OSError as error:
            return error.strerror or "the disk failed"
        return ""

    def close(self) -> None:
        """Write what waits, and stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()
        if self._segment is not None:
            self._segment.close()
        self._head.close()
        self._lock.let_go()

    def _recover(self) -> int:
        """Cut what a killed process left half-written; return the last whole position."""
        for draft in self._folder.glob("*.draft"):
            draft.unlink()
        found = segments(self._folder)
        if not found:
            return 0
        try:
            last = Segment.open(found[-1], self._key.secret)
        except DamagedError:
            # The reader says so; positions go on behind it.
            return first_of(found[-1])
        try:
            position, end = last.first - 1, 0
            for position, end in last.whole():  # noqa: B007 the last pair is what counts
                pass
            if end:
                last.cut(end)
                last.sync()
            return position
        finally:
            last.close()

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._queue and not self._closing:
                    if not self._wake.wait(_SEGMENT_SECONDS) and self._is_old():
                        break
                taken, self._queue = self._queue, []
                stop = self._closing
            if self._is_old():
                self._leave()
            for batch in _batches(taken, self._most):
                self._write(batch)
            if stop and not taken:
                return

    def _write(self, batch: list[_Waiting]) -> None:
        """Make a batch durable, or refuse all of it."""
        try:
            self._room(sum(len(item.body) for item in batch))
            if self._key.changed:
                self._leave()
            segment = self._segment or self._open()
            parts: list[bytes] = []
            for position, item in enumerate(batch, self.last + 1):
                parts += segment.sealed(position, item.kind, item.received, item.body)
            start = segment.end
            try:
                segment.write(parts)
                segment.sync()
            except OSError:
                self._abandon(segment, start)
                raise
        except OSError as error:
            self._refuse(batch, SpoolFullError(error.strerror or "the disk failed"))
            return
        except SpoolFullError as error:
            self._refuse(batch, error)
            if self._has_entries():
                # What was counted of the newest segment could not be forgotten while it is that.
                self._leave()
            return
        except Exception as error:  # noqa: BLE001 who waits must hear of it, and the thread go on
            self._refuse(batch, error)
            return
        self._refused = 0
        self._size += segment.end - start
        first, self.last = self.last + 1, self.last + len(batch)
        self._head.move(self.last)
        for position, item in enumerate(batch, first):
            item.done.set_result(position)
        if segment.end >= self._segment_bytes:
            self._leave()

    def _refuse(self, batch: list[_Waiting], error: Exception) -> None:
        self._refused = max(len(item.body) for item in batch)
        for item in batch:
            item.done.set_exception(error)

    def _room(self, wanted: int) -> None:
        """Refuse what would pass the spool's limit, or fill the disk.

        Raises:
            SpoolFullError: it would.
        """
        if self._looked + _LOOK_SECONDS < time.monotonic():
            self._looked = time.monotonic()
            self._size = held(self._folder)
        if self._size + wanted > self._limit:
            raise SpoolFullError(f"{self._size:,} bytes wait to be counted")
        disk = os.statvfs(self._folder)
        free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
        if free - wanted < min(_RESERVE_BYTES, total // _RESERVE_SHARE):
            raise SpoolFullError("the disk is full")

    def _open(self) -> Segment:
        self._key = self._key.latest()
        self._segment = Segment.create(self._folder, self.last + 1, self._key.secret)
        self._since = time.monotonic()
        return self._segment

    def _leave(self) -> None:
        """Begin a new segment, so that the last one can be forgotten as soon as it is counted."""
        if self._segment is not None:
            self._segment.close()
        self._segment = None
        try:
            self._open()
        except OSError:
            # The next batch tries again, and is refused if the disk still takes nothing.
            self._segment = None

    def _abandon(self, segment: Segment, end: int) -> None:
        """Leave a segment that took a part of a batch; its key seals nothing more."""
        self._segment = None
        try:
            segment.cut(end)
        except OSError:
            # The next segment begins at the same position, so nobody reads this one's rest.
            pass
        finally:
            segment.close()

    def _is_old(self) -> bool:
        return self._has_entries() and time.monotonic() - self._since > _SEGMENT_SECONDS

    def _has_entries(self) -> bool:
        return self._segment is not None and first_of(self._segment.path) <= self.last


def held(folder: Path) -> int:
    """Return the bytes that the segments have on disk."""
    total = 0
    for path in segments(folder):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            # Forgotten just now.
            continue
    return total


def _batches(items: list[_Waiting], most: int) -> list[list[_Waiting]]:
    result: list[list[_Waiting]] = []
    size = most
    for item in items:
        if size + len(item.body) > most or not result:
            result.append([])
            size = 0
        result[-1].append(item)
        size += len(item.body)
    return result
