"""A segment file of the spool: how entries lie on disk.

A segment begins with 16 bytes that name the format and 16 random ones. The project's secret and
these make the segment's own key. An entry is a head of fixed length and the body as AES-GCM made
it, the head authenticated with it. The nonce is the entry's position: it is written once under a
segment's key, because a segment that was once cut is never written to again.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Signal = Literal["traces", "metrics", "logs"]

SIGNALS: Final[tuple[Signal, ...]] = get_args(Signal)
SUFFIX: Final = ".spool"
_FORMAT: Final = b"percapita-spool1"
_SALT_BYTES: Final = 16
_START: Final = len(_FORMAT) + _SALT_BYTES
_HEAD: Final = struct.Struct("<IIQqB")
"""Bytes of the sealed body, checksum of all that follows, position, microseconds, kind."""
_AUTHENTICATED: Final = struct.Struct("<QqB")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
PACKED: Final = 0x80
"""Of an entry's kind, beside the number of its signal: the body is gzip."""
_GZIP: Final = 31
_LARGEST: Final = 1 << 30
"""A length above this is no length."""


class Entry(NamedTuple):
    """What one request brought, checked, in protobuf."""

    position: int
    """From 1 on, without gaps but those of damage."""
    signal: Signal
    received: datetime
    body: bytes
    """An OTLP ``Export…ServiceRequest``, not compressed."""


class DamagedError(ValueError):
    """Bytes of a segment are not what was written."""


class OtherKeyError(DamagedError):
    """A segment was sealed with another secret."""


class Segment:
    """A segment file, to append to or to read from."""

    def __init__(self, path: Path, file: int, secret: bytes, salt: bytes) -> None:
        self.path = path
        self.file = file
        self.end = _START
        """Where the next entry goes."""
        self._secret = secret
        self._salt = salt

    @classmethod
    def create(cls, folder: Path, first: int, secret: bytes) -> Segment:
        """Make the segment whose first entry will have that position, durable in its folder."""
        path = folder / f"{first:020d}{SUFFIX}"
        draft = path.with_suffix(".draft")
        salt = os.urandom(_SALT_BYTES)
        file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            written = os.write(file, _FORMAT + salt)
            if written < _START:
                raise OSError(28, "the disk took a part only", str(path))  # noqa: TRY301
            os.fsync(file)
            draft.rename(path)
            sync_folder(folder)
        except BaseException:
            os.close(file)
            draft.unlink(missing_ok=True)
            raise
        return cls(path, file, secret, salt)

    @classmethod
    def open(cls, path: Path, secret: bytes) -> Segment:
        """Open a segment to read, or to see what of it is whole.

        Raises:
            DamagedError: it is no segment.
        """
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        start = os.pread(file, _START, 0)
        if len(start) < _START or not start.startswith(_FORMAT):
            os.close(file)
            raise DamagedError(f"{path.name} is no segment of the spool")
        return cls(path, file, secret, start[len(_FORMAT) :])

    @property
    def first(self) -> int:
        """Position of its first entry."""
        return first_of(self.path)

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        return AESGCM(
            hashlib.blake2b(
                self._salt, key=self._secret, digest_size=32, person=b"percapita spool"
            ).digest()
        )

    def turn(self, secret: bytes) -> None:
        """Read on with another secret."""
        self._secret = secret
        self.__dict__.pop("_cipher", None)

    def sealed(self, position: int, kind: int, received: int, body: bytes) -> tuple[bytes, bytes]:
        """Return head and sealed body of an entry."""
        about = _AUTHENTICATED.pack(position, received, kind)
        sealed = self._cipher.encrypt(_nonce(position), body, about)
        checksum = zlib.crc32(sealed, zlib.crc32(about))
        return _HEAD.pack(len(sealed), checksum, position, received, kind), sealed

    def write(self, parts: list[bytes]) -> None:
        """Append sealed entries; they are durable after ``sync``."""
        view = [memoryview(part) for part in parts]
        while view:
            written = os.pwritev(self.file, view[:_MOST_PARTS], self.end)
            self.end += written
            while view and written >= len(view[0]):
                written -= len(view.pop(0))
            if view:
                view[0] = view[0][written:]

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        os.fdatasync(self.file)

    def cut(self, end: int) -> None:
        """Drop what lies behind."""
        os.ftruncate(self.file, end)
        self.end = end

    def close(self) -> None:
        """Give back the file."""
        os.close(self.file)

    def whole(self) -> Iterator[tuple[int, int]]:
        """Yield position and end of each entry that is whole, up to the first that is not."""
        at = _START
        while (found := self._sealed(at)) is not None:
            head, _, at = found
            yield head[2], at

    def read(self, at: int) -> tuple[Entry, int] | None:
        """Return the entry there and where the next one is; nothing where none is whole.

        Raises:
            OtherKeyError: the entry is whole, and not what this secret sealed.
        """
        found = self._sealed(at or _START)
        if found is None:
            return None
        (_, _, position, received, kind), sealed, end = found
        about = _AUTHENTICATED.pack(position, received, kind)
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        try:
            body = self._cipher.decrypt(_nonce(position), sealed, about)
        except InvalidTag:
            raise OtherKeyError(f"{self.path.name} was written with another key") from None
        if kind & PACKED:
            # The last bytes of gzip say how much it was.
            size = int.from_bytes(body[-4:], "little")
            body = _unpacked(body, min(size, _LARGEST))
        moment = _EPOCH + received * _MICROSECOND
        return Entry(position, SIGNALS[kind & ~PACKED], moment, body), end

    def skip(self, at: int) -> tuple[int, int] | None:
        """Return position and end of the entry there, unread."""
        head = os.pread(self.file, _HEAD.size, at or _START)
        if len(head) < _HEAD.size:
            return None
        length, _, position, _, _ = _HEAD.unpack(head)
        return position, (at or _START) + _HEAD.size + length

    def _sealed(self, at: int) -> tuple[tuple[int, int, int, int, int], bytes, int] | None:
        raw = os.pread(self.file, _HEAD.size, at)
        if len(raw) < _HEAD.size:
            return None
        head = _HEAD.unpack(raw)
        length, checksum, _, _, kind = head
        if length > _LARGEST or kind & ~PACKED >= len(SIGNALS):
            return None
        sealed = os.pread(self.file, length, at + _HEAD.size)
        if len(sealed) < length:
            return None
        if zlib.crc32(sealed, zlib.crc32(raw[8:])) != checksum:
            return None
        return head, sealed, at + _HEAD.size + length


_MOST_PARTS: Final = min(1024, os.sysconf("SC_IOV_MAX"))


def _unpacked(body: bytes, size: int) -> bytes:
    from isal import isal_zlib  # noqa: PLC0415

    found: bytes = isal_zlib.decompress(body, _GZIP, size)
    return found


def first_of(path: Path) -> int:
    """Return the position that a segment's name says."""
    return int(path.stem)


def segments(folder: Path) -> list[Path]:
    """Return the segment files, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def moment(now: datetime) -> int:
    """Return an instant as entries keep it: microseconds."""
    return (now - _EPOCH) // _MICROSECOND


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _nonce(position: int) -> bytes:
    return position.to_bytes(12, "little")
