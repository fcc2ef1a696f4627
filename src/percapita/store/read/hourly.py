"""What each meter was used for hour by hour, kept apart by what a cost model may ask for.

The view ``readings`` is bound by the caller. What is known by the day only has no hour.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from percapita.store.engine import Engine


class Hourly(NamedTuple):
    """Usage of one meter in one hour and place."""

    time: datetime
    meter: str
    place: tuple[str | None, ...]
    """In the order of the columns that were asked for."""
    quantity: int


def hourly(
    engine: Engine, meters: Collection[str], columns: Collection[str], first: datetime,
    last: datetime,
) -> list[Hourly]:  # fmt: skip
    """Return the sums of the hours from ``first`` up to ``last``, by these columns."""
    kept = "".join(f", {column}" for column in columns)
    rows = engine.rows(
        f"SELECT time, meter, sum(quantity)::HUGEINT::VARCHAR{kept} FROM readings"
        " WHERE grain = 'hour' AND time >= ? AND time < ?"
        " AND meter IN (SELECT unnest(?)) GROUP BY ALL ORDER BY ALL",
        [first, last, sorted(meters)],
    )
    return [Hourly(time, meter, tuple(place), int(n)) for time, meter, n, *place in rows]
