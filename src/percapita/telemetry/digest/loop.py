"""Turn after turn, until told to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from percapita.telemetry.digest.turns import Digest

_PAUSE: Final = 1.5
"""Seconds from one turn to the next while all that came was read: each commit costs its share."""
_IDLE: Final = 60.0
"""Seconds without anything to count, after which small files are merged."""


def run(digest: Digest, stop: threading.Event, say: Callable[[], None]) -> None:
    """Count until the event is set; ``say`` is called at the start and after each commit."""
    say()
    busy = time.monotonic()
    while not stop.is_set():
        began = time.monotonic()
        before = digest.commits
        more = digest.turn(datetime.now(UTC))
        if digest.commits != before:
            say()
            busy = time.monotonic()
        digest.tend(datetime.now(UTC), idle=time.monotonic() - busy > _IDLE)
        if not more:
            stop.wait(max(_PAUSE - (time.monotonic() - began), 0.05))
