"""Bills written by a test, and what they become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bills.bill_texts import Read
from percapita.bills import Preview, preview
from percapita.core.privacy import Key
from percapita.core.sources import Source
from percapita.store import Store

NOW = datetime(2025, 12, 3, tzinfo=UTC)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return what becomes of content: of one file, or of files by name."""

    def reader(content: str | bytes | Mapping[str, str | bytes], **said: Any) -> Preview:  # noqa: ANN401
        files = content if isinstance(content, Mapping) else {"bill.csv": content}
        for name, body in files.items():
            target = tmp_path / "bills" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(body if isinstance(body, bytes) else body.encode())
        path = "bills" if isinstance(content, Mapping) else "bills/bill.csv"
        return preview(Source("bill", **{"path": path, **said}), root=tmp_path)

    return reader


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Return an empty store."""
    with Store.open(tmp_path / ".percapita", Key(b"k" * 32), now=NOW, threads=2) as opened:
        yield opened
