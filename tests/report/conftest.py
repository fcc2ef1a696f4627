"""Statements over hand-made runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from figures.asking import Asking, asking
from figures.shop import november, october
from figures.w1 import w1
from figures.world import open_store
from percapita.store import Store


@pytest.fixture(scope="session")
def w1_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store with CloudMetrics' October."""
    with open_store(tmp_path_factory.mktemp("w1")) as store:
        w1().write(store)
        yield store


@pytest.fixture(scope="session")
def shop_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store with the shop's October and November."""
    with open_store(tmp_path_factory.mktemp("shop")) as store:
        october().write(store)
        november().write(store)
        yield store


@pytest.fixture
def cloudmetrics(w1_store: Store) -> Asking:
    """Ask CloudMetrics."""
    return asking(w1_store)


@pytest.fixture
def shop(shop_store: Store) -> Asking:
    """Ask the shop."""
    return asking(shop_store)
