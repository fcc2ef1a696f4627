"""What a process that serves a store leaves in its lock, for commands that look for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SERVE: Final = "serve.lock"
"""In a store: held by the process that serves it."""
ESTIMATES: Final = "estimates"
"""What that lock calls the socket where commands may ask for the live estimate."""


def announced(lock: Path) -> Mapping[str, object]:
    """Return what the last holder of a lock wrote of itself, whether it holds it still or not."""
    try:
        found = json.loads(lock.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
