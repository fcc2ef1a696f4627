"""Writes tables, takes them in, and reads back what was stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from percapita import telemetry
from percapita.core.sources import Source, Taken
from percapita.core.tables import COUNTS, READINGS, REVENUE, SEGMENTS, Table
from percapita.store import Store
from percapita.store.delivery import Quarantined

TABLES: Mapping[str, Table] = {
    "readings": READINGS,
    "counts": COUNTS,
    "segments": SEGMENTS,
    "revenue": REVENUE,
}


@dataclass
class Taker:
    """Calling it takes a table in."""

    root: Path
    store: Store

    def __call__(
        self,
        content: str | bytes,
        *,
        file: str = "table.csv",
        again: bool = False,
        segments: Collection[str] = (),
        **said: Any,  # noqa: ANN401
    ) -> Taken:
        """Write the file and take it in as the source ``signals``."""
        body = content if isinstance(content, bytes) else content.encode()
        (self.root / file).parent.mkdir(parents=True, exist_ok=True)
        (self.root / file).write_bytes(body)
        source = Source(**{"name": "signals", "path": file, **said})
        return telemetry.take(
            self.store, source, root=self.root, model_segments=segments, again=again
        )

    def rows(self, kind: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return stored columns, times as text, in the order of all of them."""
        view = self.store.bind(TABLES[kind])
        listed = ", ".join(f'CAST("{name}" AS VARCHAR)' for name in columns)
        return sorted(self.store.engine.rows(f"SELECT {listed} FROM {view}"), key=str)

    def refused(self) -> list[Quarantined]:
        """Return the rows set aside."""
        return self.store.quarantined(source="signals")

    def number(self, kind: str, name: str) -> str:
        """Return a subject's number as stored."""
        return str(self.store.door.find(kind, name))
