"""What a user types, in a process that a test can kill: import, then run and publish."""

from __future__ import annotations

from multiprocessing.context import ForkServerProcess
from pathlib import Path

import killable
from percapita.cli import main

NOW = "2025-12-03T00:00:00Z"


def play(project: str, *options: str) -> int:
    """Type ``percapita import`` and ``percapita run``; return the first code that is not 0."""
    code = main.run(["import", "--project", project])
    return code or main.run(["run", "--project", project, *options])


def start(project: Path, *options: str, crash_at: str = "") -> ForkServerProcess:
    """Start ``play`` in a process of its own."""
    return killable.start(play, str(project), *options, crash_at=crash_at, PERCAPITA_NOW=NOW)
