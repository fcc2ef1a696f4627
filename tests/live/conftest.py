"""The company, run once, and copies of it to play with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from live.company import NOW, made


@pytest.fixture(scope="session")
def october(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the company's project, October run and published. Change nothing in it."""
    return made(tmp_path_factory.mktemp("live") / "company")


@pytest.fixture
def company(october: Path, tmp_path: Path) -> Path:
    """Give a copy of the company's project."""
    shutil.copytree(october, tmp_path / "company")
    return tmp_path / "company"


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERCAPITA_NOW", NOW)
