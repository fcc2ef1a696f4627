"""CloudMetrics as pages, once a process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from figures.folder import make_project
from figures.w1 import w1
from percapita.cli.main import run
from web.serving import Site, served


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give CloudMetrics' project, run and published."""
    return make_project(tmp_path_factory.mktemp("pages"), w1())


@pytest.fixture(scope="session")
def site(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a copy of it.

    The original is nobody's, so that tests may copy it: a process that closes a file which its own
    SQLite has open loses the locks on it.
    """
    folder = shutil.copytree(project, tmp_path_factory.mktemp("site") / "project")
    assert run(["view", "save", "Tiers", "--by", "tier", "--project", str(folder)]) == 0
    decided = ["decision", "record", "Raise Starter", "--figure", "margin_percent"]
    where = ["--where", "tier=Starter", "--period", "2025-10", "--project", str(folder)]
    assert run([*decided, *where]) == 0
    with served(folder) as found:
        yield found
