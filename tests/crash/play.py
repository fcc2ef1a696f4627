"""What a user types, in a process that a test can kill: import, then run and publish."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from percapita.cli import main
from percapita.store.crash import ENVIRONMENT

NOW = "2025-12-03T00:00:00Z"


def play(project: str, *options: str) -> int:
    """Type ``percapita import`` and ``percapita run``; return the first code that is not 0."""
    code = main.run(["import", "--project", project])
    return code or main.run(["run", "--project", project, *options])


def start(project: Path, *options: str, crash_at: str = "") -> subprocess.Popen[bytes]:
    """Start ``play`` in a process of its own."""
    environment = {**os.environ, "PERCAPITA_NOW": NOW, ENVIRONMENT: crash_at}
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-W", "error", __file__, str(project), *options],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(play(*sys.argv[1:]))
