"""Protobuf read by columns: one step of numpy takes the next field of every message at once.

Making an object of every span and attribute costs five times what their parsing costs. Here no
object is made: a field is its place in the bytes, and only what a meter asks for is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Bytes: TypeAlias = npt.NDArray[np.uint8]
Flags: TypeAlias = npt.NDArray[np.bool_]

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_PADDING: Final = bytes(32)
"""Behind the last body, so that words may be read beyond its end."""
_MOST_BYTES: Final = 10
"""Of a number in protobuf."""

_MANY: Final = 128
"""The lowest byte that says another one follows."""

# By the first byte of a field, whose last three bits are its wire type.
_AHEAD: Final = np.array(
    [
        {VARINT: 2, FIXED64: 9, LENGTH: 2, FIXED32: 5}.get(t & 7, 0) * (t < _MANY)
        for t in range(256)
    ],
    np.int64,
)
"""Bytes up to the next field, but for what is sized; 0 where one byte does not say it."""
_FIXED: Final = np.array([{FIXED64: 8, FIXED32: 4}.get(t & 7, 0) for t in range(256)], np.int64)
_SIZED: Final = np.array([int((t & 7) == LENGTH) for t in range(256)], np.int64)
_PREFIXED: Final = np.array([(t & 7) in (VARINT, LENGTH) for t in range(256)])
_UNKNOWN: Final = np.array([(t & 7) in (3, 4, 6, 7) for t in range(256)])


class MalformedError(ValueError):
    """Bytes are no message of the kind they should be."""


class Buffer:
    """Bodies one behind the other, as bytes and as words of eight bytes at any place."""

    def __init__(self, bodies: Sequence[bytes]) -> None:
        self.raw = b"".join([*bodies, _PADDING])
        self.at: Bytes = np.frombuffer(self.raw, np.uint8)
        self.words: Words = np.ndarray((len(self.raw) - 7,), "<u8", self.raw, strides=(1,))

    def text(self, start: int, length: int) -> bytes:
        """Return some bytes."""
        return self.raw[start : start + length]


class Fields(NamedTuple):
    """Fields of many messages, in the order of their steps; one row each."""

    tag: Bytes
    """Number and wire type; 0 for numbers above 15, which nobody here asks for."""
    owner: Ints
    """Which message it is of."""
    start: Ints
    """Where the value lies: of sized ones behind their length."""
    length: Ints
    """Of sized values; 0 for others."""

    def of(self, number: int, wire: int) -> Fields:
        """Return the fields of one number: of one message in its order, not message by message."""
        return self.only(np.flatnonzero(self.tag == (number << 3 | wire)))

    def only(self, which: Ints | Flags) -> Fields:
        """Return some of the fields."""
        return Fields(self.tag[which], self.owner[which], self.start[which], self.length[which])


def fields(buffer: Buffer, start: Ints, end: Ints) -> Fields:
    """Split messages into their fields.

    Raises:
        MalformedError: a message is not what its bytes say.
    """
    owner = np.flatnonzero(start < end)
    at, end = start[owner], end[owner]
    steps: list[Fields] = []
    while len(at):
        tag, place, length, following = _step(buffer.at, at)
        steps.append(Fields(tag, owner, place, length))
        if (following > end).any():
            raise MalformedError("a field ends behind its message")
        more = following < end
        if more.all():
            at = following
        else:
            at, end, owner = following[more], end[more], owner[more]
    if not steps:
        none = np.zeros(0, np.int64)
        return Fields(np.zeros(0, np.uint8), none, none, none)
    return Fields(*map(np.concatenate, zip(*steps, strict=True)))


def _step(data: Bytes, at: Ints) -> tuple[Bytes, Ints, Ints, Ints]:
    """Return tag, place and length of the field that begins there, and where the next one does."""
    tag, first = data[at], data[at + 1]
    ahead, sized = _AHEAD[tag], _SIZED[tag]
    length = first * sized
    place = at + 1 + sized
    following = at + ahead + length
    odd = np.flatnonzero(((first >= _MANY) & _PREFIXED[tag]) | (ahead == 0))
    if len(odd):
        found = _longer(data, at[odd])
        tag[odd], place[odd], length[odd], following[odd] = found
    return tag, place, length, following


def _longer(data: Bytes, at: Ints) -> tuple[Bytes, Ints, Ints, Ints]:
    """Do the same where number or length take more than one byte."""
    tag = data[at]
    if _UNKNOWN[tag].any():
        raise MalformedError("a field has no known wire type")
    wide = tag >= _MANY
    if (data[at[wide] + 1] >= _MANY).any():
        raise MalformedError("a field has a number above 2047")
    place = at + 1 + wide
    sized = _SIZED[tag] == 1
    length = np.zeros(len(at), np.int64)
    prefixed = np.flatnonzero(_PREFIXED[tag])
    value, after = varints(data, place[prefixed])
    beyond = place.copy()
    beyond[prefixed] = after
    length[prefixed] = np.where(sized[prefixed], value, 0)
    if (length < 0).any():
        raise MalformedError("a field has no sensible length")
    place = np.where(sized, beyond, place)
    return np.where(wide, np.uint8(0), tag), place, length, beyond + length + _FIXED[tag]


def varints(data: Bytes, at: Ints) -> tuple[Ints, Ints]:
    """Return the numbers that begin there, and where each one ends.

    Raises:
        MalformedError: one does not end.
    """
    value = np.zeros(len(at), np.uint64)
    after = at.copy()
    going = np.arange(len(at))
    for byte in range(_MOST_BYTES):
        part = data[np.minimum(after[going], len(data) - 1)].astype(np.uint64)
        value[going] |= (part & np.uint64(_MANY - 1)) << np.uint64(7 * byte)
        after[going] += 1
        going = going[part >= _MANY]
        if not len(going):
            return value.view(np.int64), after
    raise MalformedError("a number does not end")


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return one number and where it ends."""
    value = raw[at]
    if value < _MANY:
        return value, at + 1
    value &= _MANY - 1
    for byte in range(1, _MOST_BYTES):
        part = raw[at + byte]
        value |= (part & (_MANY - 1)) << (7 * byte)
        if part < _MANY:
            return value, at + byte + 1
    raise MalformedError("a number does not end")


class Slice(NamedTuple):
    """Where a message lies."""

    start: int
    end: int


class Scope(NamedTuple):
    """Signals of one resource and instrumentation scope in one body."""

    body: int
    resource: Slice
    scope: Slice
    items: list[int]
    """Start and end of each signal, in turn."""


_RESOURCE, _ITEMS = 0x0A, 0x12
"""In every request, ``Resource…`` and ``Scope…`` message: field 1 is what is described, field 2
what belongs to it."""


def scopes(buffer: Buffer, bodies: Sequence[bytes]) -> list[Scope]:
    """Split requests into scopes and signals; the three signals of OTLP nest alike.

    Raises:
        MalformedError: a body is no request.
    """
    found: list[Scope] = []
    base = 0
    for number, body in enumerate(bodies):
        end = base + len(body)
        for tag, start, stop in _parts(buffer.raw, base, end):
            if tag == _RESOURCE:
                _of_resource(buffer.raw, number, start, stop, found)
        base = end
    return found


def _of_resource(raw: bytes, body: int, start: int, end: int, found: list[Scope]) -> None:
    parts = _parts(raw, start, end)
    resource = next((Slice(s, e) for tag, s, e in parts if tag == _RESOURCE), Slice(start, start))
    for tag, s, e in parts:
        if tag == _ITEMS:
            items: list[int] = []
            scope = _items(raw, s, e, items)
            if items:
                found.append(Scope(body, resource, scope, items))


def _parts(raw: bytes, start: int, end: int) -> list[tuple[int, int, int]]:
    found = []
    at = start
    while at < end:
        tag = raw[at]
        size, at = varint(raw, at + 1)
        if tag & 7 != LENGTH or at + size > end:
            raise MalformedError("a body is not a request of OTLP")
        found.append((tag, at, at + size))
        at += size
    return found


def _items(raw: bytes, at: int, end: int, items: list[int]) -> Slice:
    """Collect the signals of a scope; this loop runs once a signal, so it calls nothing."""
    scope = Slice(at, at)
    while at < end:
        tag, size = raw[at], raw[at + 1]
        at += 2
        if size >= _MANY:
            high = raw[at]
            if high < _MANY:
                size += (high - 1) << 7
                at += 1
            else:
                size, at = varint(raw, at - 1)
        if tag == _ITEMS:
            items += (at, at + size)
        elif tag & 7 != LENGTH:
            raise MalformedError("a body is not a request of OTLP")
        elif tag == _RESOURCE:
            scope = Slice(at, at + size)
        at += size
    if at != end:
        raise MalformedError("a signal ends behind its scope")
    return scope
