"""One level of subject in one split: usage of users and of tenants must not be added up."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import ibis.expr.types as ir

from percapita.allocate.drivers import Demand
from percapita.allocate.usage import Window
from percapita.core.errors import InputError
from percapita.core.tables import READINGS
from percapita.plugins import Engine, stored


class MixedLevelsError(InputError):
    """A meter is reported for two kinds of subject, and the model does not say which counts."""

    def __init__(self, meter: str, levels: list[str], window: Window) -> None:
        when = f"{window.first:%Y-%m}" if window.grain == "month" else window.first.isoformat()
        super().__init__(
            f"In {when}, {meter} is reported by {' and by '.join(levels)}: adding both up would"
            " count usage twice.",
            hint=f"Say which one counts, in every pool that splits by {meter}: level: {levels[0]}",
        )


def check_levels(engine: Engine, numbers: Mapping[Demand, int], window: Window) -> None:
    """Refuse meters of several levels in the window's readings where a pool names none.

    Raises:
        MixedLevelsError: there is such a meter.
    """
    open_meters = {wanted.meter for wanted in numbers if not wanted.level}
    levels: dict[str, list[str]] = {}
    for meter, level in sorted(engine.rows(_levels())):
        levels.setdefault(meter, []).append(level)
    for meter, found in levels.items():
        if len(found) > 1 and meter in open_meters:
            raise MixedLevelsError(meter, found, window)


@cache
def _levels() -> ir.Table:
    rows = stored(READINGS, "window_readings")
    rows = rows.filter(rows.level.notnull(), rows.subject > 0)
    return rows.select("meter", "level").distinct()
