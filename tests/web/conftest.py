"""CloudMetrics as pages, once a process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from figures.folder import make_project
from figures.w1 import w1
from web.serving import Site, served


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give CloudMetrics' project, run and published."""
    return make_project(tmp_path_factory.mktemp("pages"), w1())


@pytest.fixture(scope="session")
def site(project: Path) -> Iterator[Site]:
    """Serve it."""
    with served(project) as found:
        yield found
