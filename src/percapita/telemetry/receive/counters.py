"""What the receivers count of themselves. No id of anybody is in it."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

_MARKS: Final = 4096
_BETWEEN: Final = 0.25
"""Seconds between marks of when a position was reached: as exact as the lag is."""

Labels = tuple[tuple[str, str], ...]


class Counters:
    """Plain counters, and how old the oldest entry is that the store has not committed."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.requests: Counter[tuple[str, str]] = Counter()
        """(signal, protocol) -> requests that were acknowledged."""
        self.items: Counter[str] = Counter()
        """Signal -> spans, metric points or log records that were acknowledged."""
        self.bytes: Counter[str] = Counter()
        """Signal -> bytes, unpacked, that were acknowledged."""
        self.refused: Counter[tuple[str, str]] = Counter()
        """(reason, protocol) -> requests that were refused."""
        self.refused_items: Counter[str] = Counter()
        """Signal -> items left out of good requests."""
        self.position = 0
        """Of the newest entry that was acknowledged."""
        self._marks: deque[tuple[int, float]] = deque()

    def taken(self, signal: str, protocol: str, items: int, size: int, position: int) -> None:
        """Count a request that was made durable."""
        self.requests[signal, protocol] += 1
        self.items[signal] += items
        self.bytes[signal] += size
        self.position = max(self.position, position)
        now = self._clock()
        if not self._marks or now - self._marks[-1][1] > _BETWEEN:
            if len(self._marks) == _MARKS:
                # The oldest stays: it is what the lag is counted from.
                self._marks = deque(list(self._marks)[::2])
            self._marks.append((position, now))

    def lag(self, committed: int) -> float:
        """Return for how many seconds the oldest entry has waited that is not committed."""
        while self._marks and self._marks[0][0] <= committed:
            self._marks.popleft()
        return self._clock() - self._marks[0][1] if self._marks else 0.0
