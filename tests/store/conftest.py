"""A store in a temporary folder, and short ways to write rows into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from percapita.core.sources import Mode, Source
from percapita.core.tables import LINES, SEGMENTS
from percapita.store import FileStat, Store
from store.store_rows import KEY, NOW, Deliver, relation


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return where the store lies."""
    return tmp_path / ".percapita"


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    """Give an open store."""
    with Store.open(root, KEY, now=NOW, who="tester") as opened:
        yield opened


@pytest.fixture
def deliver(store: Store) -> Deliver:
    """Give a function that imports bill lines by period and returns the import's id."""

    def run(
        content: str,
        periods: dict[str, list[dict[str, Any]]],
        *,
        source: str = "bill",
        mode: Mode = "overwrite",
        keys: tuple[str, ...] = (),
    ) -> str:
        delivered = Source(source, "bill.csv", kind="bill", mode=mode, keys=keys)
        files = [FileStat("bill.csv", len(content), content)]
        with store.begin_import(delivered, files) as tx:
            for period, rows in periods.items():
                tx.write(LINES, relation(LINES, rows), period=period)
            tx.commit()
        return tx.id

    return run


@pytest.fixture
def deliver_segments(store: Store) -> Deliver:
    """Give a function that imports attributes of subjects."""

    def run(content: str, values: dict[int, str], source: str = "users") -> str:
        rows = [{"subject": s, "attribute": "plan", "value": v} for s, v in values.items()]
        files = [FileStat("users.csv", len(content), content)]
        with store.begin_import(Source(source, "users.csv", kind="segments"), files) as tx:
            tx.write(SEGMENTS, relation(SEGMENTS, rows))
            tx.commit()
        return tx.id

    return run
