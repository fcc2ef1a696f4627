"""Every list that the API gives: those that come in pages, and what bounds each of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "cost": ("rows",),
    "line": ("receivers",),
    "statements": ("rows",),
    "history": ("versions",),
    "decisions": ("decisions",),
    "data": ("sources", "broken_rows"),
    "views": ("views",),
    "audit": ("entries",),
}
"""Page -> its lists that come in pages; where there are several, ``list`` says which."""

_GLANCE: Final = {
    **dict.fromkeys(
        ("windows", "trend", "scopes", "cohorts", "changes", "marks", "events", "findings"),
        "what one screen shows",
    ),
    "rows": "one a value of the segment; `cost` gives them in pages",
    "by_month": "the rows, month by month",
    "adjustments": "one a month and closing that it restated",
}
WHOLE: Final[Mapping[str, Mapping[str, str]]] = {
    "cost": {
        "adjustments": "one a month and closing that it restated",
        "facets": "one a name that was asked for, of eight values each",
    },
    "explain": {
        "pools": "those of the cost model",
        "lines": "as many as `lines` says, the dearest; `other_lines` sums the rest",
    },
    "line": {
        "parts": "one a group of the line",
        "groups": "one a step from the line to receivers",
    },
    "statements": {"adjustments": "one a month and closing that it restated"},
    "history": {"moves": "those into the versions of the page"},
    "overview": _GLANCE,
    "report": _GLANCE,
    "pricing": {
        "tiers": "one a value of the segment",
        "drivers": "one a pool, cell and meter of the cost model",
    },
    "oncall": dict.fromkeys(
        ("rows", "classes", "pools", "attribution", "sampling", "services", "hours", "events",
         "endpoints"), "what one screen shows of the last day",
    ),
    "debug": dict.fromkeys(
        ("sampling", "endpoints", "calls", "traces", "storage", "third_party", "deliveries"),
        "what one screen shows of a month, the heaviest first",
    ),
    "traces": {
        "traces": "as many as `top` says of the recent ones that are kept; `total` counts them",
        "services": "those of the traces that are kept",
    },
    "trace": {"rows": "the spans of one trace"},
    "roles": {"questions": "those of the role"},
    "resources": {
        "mapped": "the rows of the resource map",
        "missing": "one a type of resource on the bill",
    },
    "reconcile": {
        "pools": "those of the cost model",
        "periods": "months",
        "adjustments": "one a month and closing that it restated",
        "conversions": "one a month and currency",
    },
    "figures": {"metrics": "those that have a name"},
    "data": {
        **dict.fromkeys(("readiness", "adviser", "practice"), "one a rule"),
        "dearest": "the ten dearest resources",
        "untagged": "the hundred dearest without a tag; `untagged_rest` sums the rest",
        "quarantine": "one a source and kind of fault",
        "findings": "one a rule and what it is about",
        "model": "one a place in the model file",
    },
    "live": dict.fromkeys(
        ("rows", "classes", "pools", "attribution", "sampling"),
        "one a value of the cut, pool or meter: the estimate of one moment stays together",
    ),
    "model": {
        "units": "those of the cost model",
        "segments": "those of the cost model",
        "pools": "those of the cost model",
    },
}  # fmt: skip
"""Page -> its lists that come whole, and what bounds each."""
