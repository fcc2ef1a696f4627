"""What was used of a meter, day by day, for prices that go by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from percapita.core.tables import READINGS
from percapita.store.engine import literal, quote
from percapita.store.store import Store


def by_day(store: Store, meter: str, where: Mapping[str, str]) -> list[tuple[date, int]]:
    """Return the usage of a meter in its base unit by UTC day, of a month by its first day.

    Args:
        store: whose live readings are summed.
        meter: what was measured.
        where: columns of the readings, and what they must say.
    """
    readings = store.bind(READINGS, "usage_readings")
    asked = "".join(
        f" AND {quote(column)} = {literal(value)}" for column, value in sorted(where.items())
    )
    found = store.engine.rows(
        "SELECT strftime(time AT TIME ZONE 'UTC', '%Y-%m-%d') AS day, sum(quantity)"
        f" FROM {readings} WHERE meter = {literal(meter)}{asked} GROUP BY day ORDER BY day"
    )
    return [(date.fromisoformat(day), int(quantity)) for day, quantity in found]
