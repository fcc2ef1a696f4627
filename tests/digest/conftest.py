"""A store that counts what it is sent, and short ways to ask what it counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.counter import Counter


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """Give a store that counts, with the built-in meters."""
    with Counter(tmp_path / ".percapita") as made:
        yield made
