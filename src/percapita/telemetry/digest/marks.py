"""What a signal is known again by: hashes made with the project's key, of ids and of places."""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from percapita.core.privacy import Key
from percapita.telemetry.digest.decode.wire import Ints, Words

_TIME_BITS: Final = 34
_TICK_BITS: Final = 20
"""Times are cut to 2^20 ns, about a millisecond: what comes together lies together."""
_HASH_BITS: Final = 64 - _TIME_BITS
_TIME_MASK: Final = np.uint64((1 << _TIME_BITS) - 1)
_CONSTANTS: Final = 8


class Marks:
    """Makes the hashes. The same key makes the same ones, in every process."""

    def __init__(self, key: Key) -> None:
        made = [
            hashlib.blake2b(bytes([at]), digest_size=8, key=key.marks, person=b"percapita mark")
            for at in range(_CONSTANTS)
        ]
        self._odd = [np.uint64(int.from_bytes(one.digest(), "little") | 1) for one in made]
        self._secret = key.marks

    def of_spans(self, start: Words, trace: tuple[Words, ...], span: Words) -> tuple[Words, Words]:
        """Return key and check of spans: their ids, found by when they began."""
        return self._pair(start, trace[0], trace[1], span)

    def of_places(self, at: Words, body: tuple[Words, Words], ordinal: Ints) -> tuple[Words, Words]:
        """Return key and check of what has no id: which signal of which request it is."""
        return self._pair(at, body[0], body[1], ordinal.view(np.uint64))

    def of_body(self, body: bytes) -> tuple[int, int]:
        """Return the hash of a request, as two words."""
        found = hashlib.blake2b(
            body, digest_size=16, key=self._secret, person=b"percapita body"
        ).digest()
        return int.from_bytes(found[:8], "little"), int.from_bytes(found[8:], "little")

    def of_trace(self, trace: tuple[Words, ...]) -> Words:
        """Return the hash of a trace; 0 where there is none."""
        none = (trace[0] | trace[1]) == 0
        found = _finished(trace[0] * self._odd[4] ^ _turned(trace[1] * self._odd[5]))
        return np.where(none, np.uint64(0), found | np.uint64(1))

    def of_text(self, kind: str, text: str) -> int:
        """Return the hash of what signals of one request have in common."""
        found = hashlib.blake2b(
            f"{kind}\x1f{text}".encode(), digest_size=8, key=self._secret, person=b"percapita join"
        ).digest()
        return int.from_bytes(found, "little") | 1

    def _pair(self, at: Words, first: Words, second: Words, third: Words) -> tuple[Words, Words]:
        a, b, c, d = self._odd[:4]
        one = _finished(first * a ^ _turned(second * b) ^ third * c)
        two = _finished(_turned(first * d) ^ second * a ^ _turned(third * b))
        time = (at >> np.uint64(_TICK_BITS) & _TIME_MASK) << np.uint64(_HASH_BITS)
        return time | one >> np.uint64(_TIME_BITS), two


def _turned(words: Words) -> Words:
    return words << np.uint64(31) | words >> np.uint64(33)


def _finished(words: Words) -> Words:
    """Spread every bit over the word."""
    words = words ^ words >> np.uint64(32)
    words = words * np.uint64(0xD6E8FEB86659FD93)
    words = words ^ words >> np.uint64(32)
    words = words * np.uint64(0xD6E8FEB86659FD93)
    return words ^ words >> np.uint64(32)
