"""Serves a project as ``percapita serve`` does, with limits and a counting program of the tests."""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from percapita.project import Project
from percapita.telemetry.receive.intake import Limits
from percapita.web.server import Opened, Serving, serve


def main() -> None:
    """Serve; print the ports as ``percapita serve --format json`` does."""
    folder, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
    limits: dict[str, Any] = asked.pop("limits", {})
    largest = asked.pop("largest_file", 0)
    counter = Path(__file__).with_name("counter.py")
    command = asked.pop("command", [sys.executable, str(counter), str(folder)])
    if tls := asked.pop("tls", None):
        asked["tls"] = (Path(tls[0]), Path(tls[1]))
    logging.basicConfig(level=logging.WARNING)
    serve(
        Project.open(folder),
        Serving(**asked, limits=Limits(**limits), command=tuple(command)),
        lambda opened: _say(opened, largest),
    )


def _say(opened: Opened, largest: int) -> None:
    if largest:
        # A disk that takes no more, as far as this process can see.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    print(json.dumps({"process": os.getpid(), **opened._asdict()}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
