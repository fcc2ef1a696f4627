"""How calls to others did, as readings have it: by service and peer, every one counted.

The view ``readings`` is bound by the caller.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from percapita.store.engine import Engine
from percapita.store.read.usage import Bounds

CELLS: Final = ("service", "resource", "cluster", "namespace", "feature", "operation", "region")
"""What conditions of a driver may ask of a reading."""


class Called(NamedTuple):
    """Calls to one peer from one place; ``operation`` is the peer."""

    service: str | None
    resource: str | None
    cluster: str | None
    namespace: str | None
    feature: str | None
    operation: str | None
    region: str | None
    calls: int
    failed: int
    microseconds: int


def called(engine: Engine, bounds: Bounds) -> list[Called]:
    """Return the calls of a period."""
    sums = ", ".join(
        f"coalesce(sum(quantity) FILTER (meter = 'external.{meter}'), 0)"
        for meter in ("calls", "errors", "time")
    )
    rows = engine.rows(
        f"SELECT {', '.join(CELLS)}, {sums} FROM readings"
        " WHERE meter IN ('external.calls', 'external.errors', 'external.time')"
        f" AND {bounds.sql} GROUP BY {', '.join(CELLS)} ORDER BY ALL"
    )
    return [Called(*row[:-3], *map(int, row[-3:])) for row in rows]
