"""What tests of several areas share: an example that was run, once a process."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import servers
from percapita.cli import main
from servers import postgres as postgres_server

# Many tests start a process: what the first one compiled, the others find, wherever else Python was
# told to keep no bytecode.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A test proves a fact, not a speed: on a busy machine an example takes as long as it takes.
settings.register_profile("percapita", deadline=None)
settings.load_profile("percapita")


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of examples/segments with a published run; nobody may change it."""
    source = Path(__file__).parents[1] / "examples" / "segments"
    target = tmp_path_factory.mktemp("example") / "segments"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".percapita", "percapita.key"))
    with contextlib.redirect_stdout(io.StringIO()):
        assert main.run(["run", "--project", str(target)]) == 0
    return target


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgres_server.Postgres]:
    """Run a PostgreSQL, once a process; each test asks it for a database of its own."""
    if postgres_server.programs() is None:
        servers.missing("PostgreSQL")
    with postgres_server.served() as server:
        yield server
