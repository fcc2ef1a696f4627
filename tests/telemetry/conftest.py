"""Tables written by a test, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from percapita.core.privacy import Key
from percapita.store import Store
from telemetry.signal_tables import Taker


@pytest.fixture
def take(tmp_path: Path) -> Iterator[Taker]:
    """Give a store, and tables to take into it."""
    now = datetime(2025, 12, 3, tzinfo=UTC)
    with Store.open(tmp_path / ".percapita", Key(b"k" * 32), now=now, threads=2) as store:
        yield Taker(tmp_path, store)
