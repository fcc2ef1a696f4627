"""What tests of several areas share: an example that was run, once a process."""

from __future__ import annotations

import contextlib
import io
import shutil
from pathlib import Path

import pytest

from percapita.cli import main


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of examples/segments with a published run; nobody may change it."""
    source = Path(__file__).parents[1] / "examples" / "segments"
    target = tmp_path_factory.mktemp("example") / "segments"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".percapita", "percapita.key"))
    with contextlib.redirect_stdout(io.StringIO()):
        assert main.run(["run", "--project", str(target)]) == 0
    return target
