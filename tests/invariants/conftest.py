"""The shop, run once for all tests that only read it or run it aside."""

from __future__ import annotations

from pathlib import Path

import pytest

from invariants.folder import Said, call, write
from invariants.shop import monthly, shop


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """Give the shop's project, October run for effective and billed cost, and what run said."""
    folder = write(tmp_path_factory.mktemp("october"), monthly(shop()))
    options = ("--basis", "billed", "--format", "json")
    return folder, call("run", *options, "--project", folder)


@pytest.fixture(scope="session")
def october(first_run: tuple[Path, Said]) -> Path:
    """Give the shop's project, run as r000001. Publish nothing else in it."""
    return first_run[0]
