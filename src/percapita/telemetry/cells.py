"""Text cells typed in the engine: SQL for instants, and why a text is none."""

from __future__ import annotations

from typing import Final

from percapita.store.engine import literal

_DAY: Final = r"\d{4}-\d{2}-\d{2}"
_CLOCK: Final = r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_OFFSET: Final = r"(Z|[+-]\d{2}(:?\d{2})?)"
_PATTERNS: Final = {
    "instant": rf"{_DAY}[T ]{_CLOCK}{_OFFSET}?",
    "loose": rf"{_DAY}[T ](\d{{2}}|{_CLOCK})\s*(UTC|{_OFFSET}( UTC)?)?",
    "day": _DAY,
    "month": r"\d{4}-\d{2}",
    "epoch": r"\d{10}(\.\d+)?|\d{13}|\d{16}|\d{19}",
}
"""Forms of a time. An instant without an offset is UTC; a number counts from 1970."""


def _is(cell: str, form: str) -> str:
    return f"regexp_full_match({cell}, {literal(_PATTERNS[form])})"


def instant(cell: str) -> str:
    """Return SQL of the instant a cell names, the first one of its day or month; null if none."""
    return (
        f"CASE WHEN {cell} IS NULL THEN NULL"
        f" WHEN {_is(cell, 'instant')} OR {_is(cell, 'day')} THEN TRY_CAST({cell} AS TIMESTAMPTZ)"
        f" WHEN {_is(cell, 'month')} THEN TRY_CAST({cell} || '-01' AS TIMESTAMPTZ)"
        f" WHEN {_is(cell, 'loose')} THEN TRY_CAST({_tidy(cell)} AS TIMESTAMPTZ)"
        f" WHEN {_is(cell, 'epoch')} THEN make_timestamptz({_microseconds(cell)}) END"
    )


def _tidy(cell: str) -> str:
    """Return SQL that writes ``2025-10-03 14 +0200 UTC`` as ``2025-10-03 14:00+0200``."""
    bare = f"regexp_replace({cell}, '\\s*UTC$', '')"
    whole = f"regexp_replace({bare}, '^(.{{10}}[T ]\\d{{2}})(\\D|$)', '\\1:00\\2')"
    # An hour that was whole already got a second ':00' before its minutes.
    whole = f"regexp_replace({whole}, '^(.{{13}}):00(:\\d{{2}})', '\\1\\2')"
    return f"regexp_replace({whole}, '\\s+([+-])', '\\1')"


def _microseconds(cell: str) -> str:
    digits = f"TRY_CAST(split_part({cell}, '.', 1) AS BIGINT)"
    return (
        f"CASE length(split_part({cell}, '.', 1)) WHEN 10 THEN {digits} * 1000000"
        f" WHEN 13 THEN {digits} * 1000 WHEN 16 THEN {digits} ELSE {digits} // 1000 END"
    )


def grain(cell: str, at_least: str = "") -> str:
    """Return SQL of how fine a cell names a time: hour, day or month.

    ``at_least`` is what the name of its column promises: midnight in a column ``day`` is a day.
    """
    finest = "'hour'"
    if at_least:
        midnight = f"date_trunc({literal(at_least)}, {instant(cell)}) = {instant(cell)}"
        finest = f"CASE WHEN {midnight} THEN {literal(at_least)} ELSE 'hour' END"
    return (
        f"CASE WHEN {_is(cell, 'day')} THEN 'day' WHEN {_is(cell, 'month')} THEN 'month'"
        f" ELSE {finest} END"
    )


def plausible(moment: str) -> str:
    """Return SQL that tells whether usage or money can be of that time: 1990 to 2100."""
    return f"({moment} >= TIMESTAMPTZ '1990-01-01' AND {moment} < TIMESTAMPTZ '2101-01-01')"


NOT_A_TIME: Final = (
    "is not a time",
    "Write 2025-10, 2025-10-03, or 2025-10-03T14:05:00+02:00 (UTC without an offset).",
)
