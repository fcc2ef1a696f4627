"""Names as they lie in bytes, hashed many at once, and a table from such a hash to a number."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Final, NamedTuple, Self, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

_WORD: Final = 8
_PADDING: Final = bytes(_WORD)
_LONG: Final = 128
"""Longer names are hashed one by one."""
_ALL: Final = (1 << 64) - 1
_MASKS: Final = np.array([(1 << 8 * n) - 1 for n in range(_WORD + 1)], np.uint64)
"""By the number of a word's bytes that are the name's own."""
_SMALLEST: Final = 1 << 12
_AT_ONCE: Final = 100_000
"""Hashes that are placed at once: it takes ten words each."""


class Names(NamedTuple):
    """Where names lie in bytes."""

    raw: bytes
    words: Words
    """The same bytes as words of eight, at any place; it ends seven before ``raw`` does."""
    start: Ints
    length: Ints

    @classmethod
    def of(cls, texts: Sequence[str]) -> Self:
        """Lay texts down one behind the other."""
        coded = [text.encode() for text in texts]
        raw = b"".join([*coded, _PADDING])
        length = np.fromiter(map(len, coded), np.int64, len(coded))
        words: Words = np.ndarray((len(raw) - 7,), "<u8", raw, strides=(1,))
        return cls(raw, words, np.cumsum(length) - length, length)

    def only(self, which: Ints | Flags) -> Self:
        """Return some of them."""
        return self._replace(start=self.start[which], length=self.length[which])

    def texts(self) -> list[str]:
        """Return them as texts."""
        places = zip(self.start.tolist(), self.length.tolist(), strict=True)
        return [self.raw[at : at + size].decode(errors="replace") for at, size in places]


class Hasher:
    """Hashes names to two words by secrets of this process: nobody can make two names collide.

    It is no pseudonym and leaves the memory nowhere.
    """

    def __init__(self) -> None:
        self._secret = os.urandom(32)
        count = 2 * (_LONG // _WORD)
        made = np.frombuffer(os.urandom(count * _WORD), np.uint64) | np.uint64(1)
        self._first, self._second = made[: count // 2], made[count // 2 :]
        self._kinds: dict[str, tuple[np.uint64, np.uint64]] = {}

    def hashed(self, kind: str, names: Names) -> tuple[Words, Words]:
        """Return the hash of each name of a kind."""
        lead = self._kinds.get(kind)
        if lead is None:
            lead = self._kinds[kind] = self._one(kind, b"")
        # The length is hashed too: zeros may end a name.
        size = names.length.view(np.uint64)
        one, two = size * self._first[0] + lead[0], size * self._second[0] ^ lead[1]
        most = int(names.length.max()) if len(size) else 0
        last = len(names.words) - 1
        for at in range(0, min(most, _LONG), _WORD):
            own = _MASKS[np.clip(names.length - at, 0, _WORD)]
            word = names.words[np.minimum(names.start + at, last)] & own
            one += word * self._first[at // _WORD]
            two += _turned(word) * self._second[at // _WORD]
        one, two = _finished(one), _finished(two)
        for at in np.flatnonzero(names.length > _LONG).tolist() if most > _LONG else ():
            start = int(names.start[at])
            name = names.raw[start : start + int(names.length[at])]
            one[at], two[at] = self._one(kind, name)
        return one, two

    def _one(self, kind: str, name: bytes) -> tuple[np.uint64, np.uint64]:
        told = kind.encode() + b"\x1f" + name
        found = hashlib.blake2b(told, digest_size=16, key=self._secret).digest()
        return np.uint64(int.from_bytes(found[:8])), np.uint64(int.from_bytes(found[8:]))


class Table:
    """Hashes to numbers above 0, by open addressing: a look costs the same in any number."""

    def __init__(self) -> None:
        self._count = 0
        self._make(_SMALLEST)

    def __len__(self) -> int:
        """Return how many hashes are held."""
        return self._count

    def find(self, one: Words, two: Words) -> Ints:
        """Return the number of each hash; -1 where it is not held."""
        result = np.full(len(one), -1)
        if not self._count:
            return result
        asked = np.arange(len(one))
        slot = self._slots(one)
        while len(asked):
            number = self._numbers[slot]
            same = (self._one[slot] == one) & (self._two[slot] == two) & (number > 0)
            result[asked[same]] = number[same]
            going = (number > 0) & ~same
            asked, one, two = asked[going], one[going], two[going]
            slot = (slot[going] + 1) & self._mask
        return result

    def add(self, one: Words, two: Words, numbers: Ints) -> None:
        """Hold hashes that are not held, each of them once."""
        self._count += len(one)
        if self._count * 10 > len(self._numbers) * 7:
            old = self._numbers > 0
            held = self._one[old], self._two[old], self._numbers[old]
            self._make(1 << (self._count * 10 // 7).bit_length())
            self._put(*held)
        self._put(one, two, numbers)

    def _put(self, one: Words, two: Words, numbers: Ints) -> None:
        for start in range(0, len(one), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            self._place(one[some], two[some], numbers[some])

    def _make(self, size: int) -> None:
        self._shift = np.uint64(64 - (size.bit_length() - 1))
        self._mask = size - 1
        self._one = np.zeros(size, np.uint64)
        self._two = np.zeros(size, np.uint64)
        self._numbers = np.zeros(size, np.int64)

    def _slots(self, one: Words) -> Ints:
        return (one >> self._shift).view(np.int64)

    def _place(self, one: Words, two: Words, numbers: Ints) -> None:
        slot = self._slots(one)
        claims = -1 - np.arange(len(one))
        while len(slot):
            free = self._numbers[slot] == 0
            # Of several that want the same slot one gets it; the others try the next.
            self._numbers[slot[free]] = claims[free]
            mine = self._numbers[slot] == claims
            at = slot[mine]
            self._one[at], self._two[at], self._numbers[at] = one[mine], two[mine], numbers[mine]
            rest = ~mine
            one, two, numbers, claims = one[rest], two[rest], numbers[rest], claims[rest]
            slot = (slot[rest] + 1) & self._mask


def _turned(words: Words) -> Words:
    return words << np.uint64(31) | words >> np.uint64(33)


def _finished(words: Words) -> Words:
    """Spread every bit over the word."""
    words = (words ^ words >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    words = (words ^ words >> np.uint64(32)) * np.uint64(0xD6E8FEB86659FD93)
    return words ^ words >> np.uint64(32)
