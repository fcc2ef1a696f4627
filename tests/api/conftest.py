"""A shop with users, and CloudMetrics, as projects to open from Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import percapita
from figures.folder import make_project
from figures.shop import november, october
from figures.w1 import w1
from percapita.api import Book
from percapita.project import Project
from web.serving import Site, served


@pytest.fixture(scope="session")
def cloudmetrics(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give CloudMetrics' project, run and published."""
    return make_project(tmp_path_factory.mktemp("cloudmetrics"), w1())


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the shop's project, run and published."""
    folder = make_project(tmp_path_factory.mktemp("shop"), october())
    with Project.open(folder).store(threads=1) as store:
        november().write(store)
    return folder


@pytest.fixture
def book(project: Path) -> Iterator[Book]:
    """Open the shop from Python."""
    with percapita.open(project) as found:
        yield found


@pytest.fixture(scope="session")
def site(project: Path) -> Iterator[Site]:
    """Serve the shop's pages."""
    with served(project) as found:
        yield found
