"""Every table of percapita: its columns, their types and meaning, its key, and its one writer.

Stages meet in these tables and nowhere else. The stored schemas, the documentation and the checks
of every written file are made from these pages.
"""

from __future__ import annotations

from typing import Final

from percapita.core.tables.inputs import (
    CLAIMS,
    COSTS,
    COUNTS,
    EVENT_KINDS,
    EVENTS,
    LINE_NUMBERS,
    LINE_TEXTS,
    LINES,
    ORIGINALS,
    READINGS,
    REVENUE,
    SEGMENTS,
    key_column,
)
from percapita.core.tables.outputs import (
    ACTIVITY,
    CONVERSIONS,
    FINDINGS,
    FLOWS,
    GROUPS,
    HEAVIEST,
    INTERVALS,
    LEDGER,
    PARTS,
    PRESENCE,
    RATES,
    ROLLUP,
    SLICES,
    TAG_RULES,
    USED,
)
from percapita.core.tables.shape import MONEY, WIDE, Column, Table

__all__ = [
    "ACTIVITY",
    "CLAIMS",
    "CONVERSIONS",
    "COSTS",
    "COUNTS",
    "EVENTS",
    "EVENT_KINDS",
    "FINDINGS",
    "FLOWS",
    "GROUPS",
    "HEAVIEST",
    "INPUTS",
    "INTERVALS",
    "LEDGER",
    "LINES",
    "LINE_NUMBERS",
    "LINE_TEXTS",
    "MONEY",
    "ORIGINALS",
    "OUTPUTS",
    "PARTS",
    "PRESENCE",
    "RATES",
    "READINGS",
    "REVENUE",
    "ROLLUP",
    "SEGMENTS",
    "SLICES",
    "TABLES",
    "TAG_RULES",
    "USED",
    "WIDE",
    "Column",
    "Table",
    "key_column",
]

INPUTS: Final = (LINES, READINGS, CLAIMS, COUNTS, SEGMENTS, REVENUE, EVENTS)
"""Written by import."""
OUTPUTS: Final = (
    CONVERSIONS, TAG_RULES, PARTS, HEAVIEST, GROUPS, FLOWS, LEDGER, SLICES, ACTIVITY, PRESENCE, ROLLUP, RATES, FINDINGS,
)  # fmt: skip
"""Written by run."""
TABLES: Final = {table.name: table for table in (*INPUTS, *OUTPUTS)}
