"""What is known of a trace, session or request: the user that one of its signals named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from percapita.telemetry.digest.decode.wire import Ints, Words

MOST: Final = 2_000_000
"""Traces and requests remembered; 16 bytes each. The oldest are forgotten first."""
_SORTED: Final = 16
"""Lists that are searched one by one, before they are merged."""
_LONGEST: Final = 250_000
"""Hashes of a list that is merged no more."""


class Whose:
    """Hash to the number of a user; what was learned first stands."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lists: list[tuple[Words, Ints]] = []

    def learn(self, hashes: Words, numbers: Ints, at: Words) -> None:
        """Remember users by hash: where one hash has several, the one of the earliest signal."""
        useful = (hashes != 0) & (numbers > 0)
        hashes, numbers, at = hashes[useful], numbers[useful], at[useful]
        if not len(hashes):
            return
        order = np.argsort(hashes)
        if (hashes[order][1:] == hashes[order][:-1]).any():
            order = np.lexsort((numbers, at, hashes))
        hashes, numbers = hashes[order], numbers[order]
        first = np.flatnonzero(np.diff(hashes, prepend=hashes[0] - np.uint64(1)))
        self._lists.append((hashes[first], numbers[first]))
        if len(self._lists) > _SORTED:
            self._merge()

    def renumber(self, now: Mapping[int, int]) -> None:
        """Lead from users who have become another to that one; from the erased to nobody."""
        for at, (hashes, numbers) in enumerate(self._lists):
            concerned = np.isin(numbers, list(now))
            if concerned.any():
                kept = numbers.copy()
                kept[concerned] = [now[number] for number in numbers[concerned].tolist()]
                self._lists[at] = hashes[kept > 0], kept[kept > 0]
        self._lists = [pair for pair in self._lists if len(pair[0])]

    def users(self, hashes: Words) -> Ints:
        """Return the user of each hash, 0 where none is known."""
        result = np.zeros(len(hashes), np.int64)
        for known, numbers in self._lists:
            open_ = np.flatnonzero(result == 0)
            if not len(open_):
                break
            wanted = hashes[open_]
            at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            result[open_] = np.where(known[at] == wanted, numbers[at], 0)
        return result

    def _merge(self) -> None:
        """Merge short lists up to a length: merging longer ones would take as much memory again."""
        groups: list[list[tuple[Words, Ints]]] = []
        size = _LONGEST
        for one in self._lists:
            if size + len(one[0]) > _LONGEST:
                groups.append([])
                size = 0
            groups[-1].append(one)
            size += len(one[0])
        self._lists = [_merged(group) for group in groups]
        while len(self._lists) > 1 and sum(len(known) for known, _ in self._lists) > self._most:
            del self._lists[0]


def _merged(lists: Sequence[tuple[Words, Ints]]) -> tuple[Words, Ints]:
    if len(lists) == 1:
        return lists[0]
    hashes = np.concatenate([known for known, _ in lists])
    numbers = np.concatenate([found for _, found in lists])
    order = np.argsort(hashes, kind="stable")
    hashes, numbers = hashes[order], numbers[order]
    first = np.flatnonzero(np.diff(hashes, prepend=hashes[0] - np.uint64(1)))
    return hashes[first], numbers[first]
