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
"""Seconds without anything to count, after which all files are merged that can be."""


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
        idle = time.monotonic() - busy > _IDLE
        digest.tend(datetime.now(UTC), idle=idle)
        if not more:
            _pause(digest, stop, began + _PAUSE, idle=idle)
    digest.close()


def _pause(digest: Digest, stop: threading.Event, until: float, *, idle: bool) -> None:
    """Wait for the next turn; what can be merged in steps is merged meanwhile."""
    while not stop.is_set() and time.monotonic() < until:
        if not digest.merge(datetime.now(UTC), idle=idle):
            break
    stop.wait(max(until - time.monotonic(), 0.05))
