"""The words of the cost model: columns, levels, spellings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, get_args

from percapita.core.subjects import KINDS, SESSION, TENANT, USER
from percapita.core.tables import LINE_TEXTS
from percapita.model.spec import CostClass, Signal

ACTIVE: Final = "active"
"""The driver that weighs every active subject of the primary unit alike."""

ANY_READING: Final = "any reading"

SUBJECTS: Final = (USER, SESSION, TENANT)
"""Levels of subject that every project has; segments are further ones."""

SUBJECT_KINDS: Final = KINDS

READING_COLUMNS: Final = {
    "service": "ServiceName",
    "resource": "ResourceId",
    "region": "RegionId",
    "cluster": "tags.cluster",
    "namespace": "tags.namespace",
    "feature": "tags.feature",
    "operation": "tags.operation",
}
"""Columns of a reading, and the column of a line that holds the same thing unless said."""

DIMENSIONS: Final = ("feature", "operation", "region")

LINE_COLUMNS: Final = ("source", *LINE_TEXTS)
"""Columns of a line that a model can name; ``tags.KEY`` and ``x_NAME`` come on top."""

TAG: Final = "tags."
EXTRA: Final = "x_"


def extra_keys(columns: Iterable[str]) -> list[str]:
    """Return the keys of ``Extra`` that hold these columns, of keys alike but for case the first.

    A column ``x_NAME`` is a bill's own of that name, or of the name without ``x_``.
    """
    asked = [name for name in columns if name.startswith(EXTRA)]
    keys = [key for name in asked for key in (name, name.removeprefix(EXTRA))]
    return list({key.casefold(): key for key in reversed(keys)}.values())[::-1]


CLASSES: Final = get_args(CostClass)
CLASS_SPELLINGS: Final = {
    "R&D": "research and development",
    "COGS": "cost of revenue",
    "S&M": "sales and marketing",
    "G&A": "general and administrative",
}

SIGNAL_WORDS: Final[Mapping[Signal, tuple[str, ...]]] = {
    "spans": ("name", "kind", "status", "service", "scope"),
    "metrics": ("name", "service", "scope"),
    "logs": ("event", "severity", "service", "scope"),
}
"""What a condition can ask of a signal beside its attributes."""

SIGNAL_VALUES: Final = {
    "kind": ("server", "client", "producer", "consumer", "internal"),
    "status": ("ok", "error", "unset"),
    "severity": ("trace", "debug", "info", "warn", "error", "fatal"),
}
"""The values of those words that have few."""

OFF: Final = "off"
"""Instead of a meter: the built-in one of that name is not read."""

IMPLICIT: Final = ("unallocated", "rounding", "credits")
"""Pools that every model has without naming them."""

COMPONENT_LIMIT: Final = 24
"""Pools that may serve each other in one loop: their shares are solved exactly."""


def line_column(reading: str) -> str:
    """Return the line column that a cell column or segment is compared with unless said."""
    return READING_COLUMNS.get(reading, f"{TAG}{reading}")


def wildcard(pattern: str) -> str:
    """Return a pattern with ``*`` and ``?`` as a regular expression over the whole value."""
    body = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return f"^(?s:{body})$"
