"""Texts of signals as small numbers, the same for as long as the process counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import pyarrow as pa

from percapita.telemetry.digest.decode.wire import Buffer, Ints

ABSENT: Final = -1
"""The code of no text."""


class Lexicon:
    """Every text that was met, by its code."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._codes: dict[str, int] = {}

    def __len__(self) -> int:
        """Return how many texts are held."""
        return len(self.texts)

    def code(self, text: str) -> int:
        """Return the code of a text."""
        code = self._codes.get(text)
        if code is None:
            code = self._codes[text] = len(self.texts)
            self.texts.append(text)
        return code

    def codes(self, texts: Iterable[str]) -> Ints:
        """Return the codes of texts."""
        return np.fromiter((self.code(text) for text in texts), np.int64)

    def shown(self, code: int) -> str | None:
        """Return a text, nothing for no text."""
        return None if code < 0 else self.texts[code]


def distinct(buffer: Buffer, start: Ints, length: Ints) -> tuple[list[bytes], Ints]:
    """Return the different texts at these places, and which of them stands at each."""
    ends = np.zeros(len(start) + 1, np.int64)
    np.cumsum(length, out=ends[1:])
    places = np.repeat(start - ends[:-1], length) + np.arange(ends[-1])
    buffers = [None, pa.py_buffer(ends.data), pa.py_buffer(buffer.at[places].data)]
    encoded = pa.Array.from_buffers(pa.large_binary(), len(start), buffers).dictionary_encode()
    found: list[Any] = encoded.dictionary.to_pylist()
    return found, encoded.indices.to_numpy().astype(np.int64)


def unique(codes: Ints) -> tuple[list[int], Ints]:
    """Return the different codes, and which of them stands at each place."""
    if not len(codes):
        return [], codes
    low, high = int(codes.min()), int(codes.max())
    if low == high:
        return [low], np.zeros(len(codes), np.int64)
    if high - low > 2 * len(codes):
        found, which = np.unique(codes, return_inverse=True)
        return found.tolist(), which
    there = np.zeros(high - low + 1, np.bool_)
    there[codes - low] = True
    place = np.cumsum(there) - 1
    return (np.flatnonzero(there) + low).tolist(), place[codes - low]
