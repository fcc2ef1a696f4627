"""A project of two months: untouched, run in peace, and run again after November was restated."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crash.books import Goal, inputs, reached, restate
from invariants.folder import write


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the files of a project that nothing was done with. Copy it."""
    return write(tmp_path_factory.mktemp("fresh"), inputs())


@pytest.fixture(scope="session")
def peace(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> Goal:
    """Give the project after import and run in peace. Copy its folder."""
    return reached(shutil.copytree(fresh, tmp_path_factory.mktemp("peace") / "p"))


@pytest.fixture(scope="session")
def restated(peace: Goal, tmp_path_factory: pytest.TempPathFactory) -> Goal:
    """Give the project after November was restated and run again in peace."""
    folder = shutil.copytree(peace.folder, tmp_path_factory.mktemp("restated") / "p")
    restate(folder)
    return reached(folder, "--period", "2025-11")
