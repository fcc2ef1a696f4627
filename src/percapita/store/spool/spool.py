"""The spool: append here, read and forget there, in two processes at once."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from percapita.core.privacy import Key
from percapita.store.spool.head import Head
from percapita.store.spool.segment import (
    DamagedError,
    Entry,
    OtherKeyError,
    Segment,
    Signal,
    first_of,
    segments,
)
from percapita.store.spool.writing import SEGMENT_BYTES, Writer, held

FOLDER: Final = "spool"
LIMIT: Final = 2 << 30
_LOG: Final = logging.getLogger(__name__)


class Spool:
    """The folder ``spool`` of a store."""

    def __init__(
        self, store: Path, key: Key, *, limit: int = LIMIT, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        self.folder = store / FOLDER
        self._key = key
        self._limit = limit
        self._segment_bytes = segment_bytes
        self._head = Head(self.folder)
        self._writer: Writer | None = None
        self._open: Segment | None = None
        self._place = (0, 0)
        """Position read last in the open segment, and where the next entry begins in it."""

    # The writing process

    def start(self) -> Self:
        """Get ready to append: cut what a killed process left half-written.

        Raises:
            HeldError: another process appends to this spool.
        """
        if self._writer is None:
            self._writer = Writer(self.folder, self._key, self._limit, self._segment_bytes)
        return self

    def append(self, signal: Signal, body: bytes, *, packed: bytes = b"") -> Future[int]:
        """Append an OTLP request; the future resolves to its position once it is on the disk.

        Where the sender packed it, hand in the same as one piece of gzip too: it is kept so, and
        unpacked when it is read.

        It fails with ``SpoolFullError`` where the spool or the disk is full: nothing was kept, and
        the next append is tried anew.

        Raises:
            SpoolClosedError: the spool was closed.
        """
        writer = self._writer or self.start()._writer  # noqa: SLF001 its own
        assert writer is not None  # noqa: S101 start made it
        return writer.append(signal, packed or body, packed=bool(packed))

    @property
    def trouble(self) -> str:
        """Why nothing more would be taken now; empty where all is well."""
        return self._writer.trouble() if self._writer is not None else "not open"

    # The reading process

    @property
    def head(self) -> int:
        """Position of the last entry that is durable; what lies behind is not to be read yet."""
        return self._head.read()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return held(self.folder)

    def read(self, after: int, limit: int) -> list[Entry]:
        """Return whole entries behind a position, in order: at least one, if there is one.

        Entries come until their bodies have ``limit`` bytes. What a damaged disk lost is passed
        over, and logged.
        """
        found: list[Entry] = []
        size, head = 0, self.head
        # Listed after the head was read: every entry up to it is in one of these.
        known = segments(self.folder) if after < head else []
        while after < head and size < limit:
            entry = self._next(known, after, head)
            if entry is None:
                break
            size += len(entry.body)
            found.append(entry)
            after = entry.position
        return found

    def needs(self, key: Key, after: int) -> bool:
        """Tell whether something behind a position was sealed with another key than this one."""
        for path in segments(self.folder):
            last, at = 0, 0
            try:
                segment = Segment.open(path, key.secret)
            except (FileNotFoundError, DamagedError):
                continue
            try:
                while (found := segment.skip(at)) is not None:
                    last, at = found
                if last > after:
                    segment.read(0)
            except OtherKeyError:
                return True
            finally:
                segment.close()
        return False

    def forget(self, upto: int) -> None:
        """Drop what the store has committed, in whole segments; the newest always stays."""
        found = segments(self.folder)
        for path, later in pairwise(found):
            if first_of(later) > upto + 1:
                break
            if self._open is not None and self._open.path == path:
                self._put_away()
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Make durable what waits, and give back the files."""
        self._put_away()
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        """Return the spool."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _next(self, known: Sequence[Path], after: int, head: int) -> Entry | None:
        """Return the first whole entry behind a position."""
        starts = [first_of(path) for path in known]
        at = max((i for i, first in enumerate(starts) if first <= after + 1), default=0)
        for path, bound in list(zip(known, [*starts[1:], head + 1], strict=True))[at:]:
            entry = self._within(path, after, min(bound, head + 1))
            if entry is not None:
                return entry
            after = max(after, bound - 1)
        return None

    def _within(self, path: Path, after: int, bound: int) -> Entry | None:
        """Return the first entry of a segment behind a position, before a bound."""
        try:
            segment, at = self._seek(path, after)
            found = self._unsealed(segment, at)
        except FileNotFoundError:
            return None
        except DamagedError as error:
            _LOG.error("%s; what it held is passed over", error)
            return None
        if found is None or found[0].position >= bound:
            if max(after + 1, first_of(path)) < bound:
                _LOG.error("%s is damaged: entries up to %d are lost", path.name, bound - 1)
            return None
        entry, end = found
        self._place = (entry.position, end)
        return entry

    def _unsealed(self, segment: Segment, at: int) -> tuple[Entry, int] | None:
        """Read an entry with the secret that sealed it: this key's, a former or a new one's."""
        try:
            return segment.read(at)
        except OtherKeyError as error:
            self._key = self._key.latest()
            for secret in self._key.secrets:
                segment.turn(secret)
                with suppress(OtherKeyError):
                    return segment.read(at)
            raise error from None

    def _seek(self, path: Path, after: int) -> tuple[Segment, int]:
        """Open a segment, if it is not, at the first entry behind a position."""
        if self._open is None or self._open.path != path:
            self._put_away()
            self._open = Segment.open(path, self._key.secret)
        position, at = self._place
        if position != after:
            at = 0
            while (found := self._open.skip(at)) is not None and found[0] <= after:
                at = found[1]
        return self._open, at

    def _put_away(self) -> None:
        if self._open is not None:
            self._open.close()
        self._open, self._place = None, (0, 0)
