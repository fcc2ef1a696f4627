"""What one unit of each driver cost, as a run found it."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from percapita.store.engine import Engine


class Rate(NamedTuple):
    """A pool, or a cell of it, over the bound months."""

    pool: str
    cell: str | None
    """JSON list; ``None`` is the whole pool."""
    meter: str
    amount: Decimal
    """What was split."""
    total: int
    """Of the driver, in base units."""


def rates(engine: Engine, basis: str) -> list[Rate]:
    """Return the sums of the bound ``rates``, dearest first."""
    rows = engine.rows(
        "SELECT pool, cell, meter, sum(amount), CAST(sum(total) AS VARCHAR) FROM rates"
        " WHERE basis = ? GROUP BY pool, cell, meter ORDER BY sum(amount) DESC, pool, cell, meter",
        [basis],
    )
    return [Rate(pool, cell, meter, amount, int(n)) for pool, cell, meter, amount, n in rows]
