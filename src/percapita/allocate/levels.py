"""One level of subject in one split: usage of users and of tenants must not be added up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from itertools import combinations
from typing import Final

import ibis.expr.types as ir

from percapita.allocate.drivers import Demand
from percapita.allocate.usage import Window
from percapita.core.errors import InputError
from percapita.core.subjects import SESSION, USER
from percapita.core.tables import READINGS
from percapita.plugins import Engine, named

DELIVERIES: Final = {"import": "string", "source": "string", "apart": "bool"}
"""Which source a reading came by, and whether each signal of it is counted for one subject only:
its user, else its session, else its tenant. Made by the pipeline as ``deliveries``."""

_APART: Final = {USER, SESSION}
"""Levels that are never the same usage twice: a session is named where its user is not known."""


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
    found: dict[str, dict[tuple[str, bool], set[str]]] = {}
    for meter, level, source, apart in engine.rows(_levels()):
        found.setdefault(meter, {}).setdefault((source, bool(apart)), set()).add(level)
    for meter, sources in sorted(found.items()):
        if meter in open_meters and _twice(sources):
            raise MixedLevelsError(meter, sorted(set().union(*sources.values())), window)


def _twice(sources: Mapping[tuple[str, bool], Collection[str]]) -> bool:
    """Tell whether the same usage may be there at two levels."""
    for (_, apart), levels in sources.items():
        if not apart and len(levels) > 1 and not _APART.issuperset(levels):
            return True
    return any(set(a).isdisjoint(b) for a, b in combinations(sources.values(), 2))


@cache
def _levels() -> ir.Table:
    columns = {column.name: column.type for column in READINGS.columns}
    rows = named("window_readings", {**columns, "import": "string"})
    rows = rows.filter(rows.level.notnull(), rows.subject > 0)
    rows = rows.select("meter", "level", "import").distinct()
    by = named("deliveries", DELIVERIES)
    joined = rows.left_join(by, rows["import"] == by["import"])
    return joined.select("meter", "level", "source", "apart").distinct()
