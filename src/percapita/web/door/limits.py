"""How often anybody may ask: buckets that fill steadily and are emptied by requests."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from typing import Final

_KEPT: Final = 20_000
"""Readers that are remembered; the one not heard of for longest is forgotten first."""


class Limit:
    """So many at once, and so many a second after that, for each reader."""

    def __init__(self, at_once: int, a_second: float) -> None:
        self._at_once = at_once
        self._a_second = a_second
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> int:
        """Count a request; return the seconds after which it may come again, 0 if it is in time."""
        now = time.monotonic()
        left, since = self._left.pop(who, (float(self._at_once), now))
        left = min(float(self._at_once), left + (now - since) * self._a_second)
        short = 1 - left
        self._left[who] = (left if short > 0 else left - 1, now)
        if len(self._left) > _KEPT:
            self._left.popitem(last=False)
        return math.ceil(short / self._a_second) if short > 0 else 0
