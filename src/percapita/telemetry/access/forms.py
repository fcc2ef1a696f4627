"""What every access log is turned into: the same few fields, as SQL over the cells of its lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from percapita.store.engine import literal

FIELDS: Final[tuple[str, ...]] = (
    "client",
    "user",
    "target",
    "status",
    "out",
    "in",
    "took",
    "cache",
    "agent",
    "host",
)
"""``out`` and ``in`` are bytes, ``took`` is seconds, ``target`` is a path or URL with its query."""


@dataclass(frozen=True, slots=True)
class Form:
    """How one kind of log writes its fields."""

    name: str
    stamp: str
    """SQL of a text that tells the hour of a line."""
    fields: Mapping[str, str]
    """Field -> SQL of its text; those that a log does not have are left out."""
    zone: str = "''"
    """SQL of its offset, empty for UTC."""
    fine: str = ""
    """Like ``stamp``, to the minute: for offsets that are no whole hours."""
    instant: Callable[[str, str], str] = lambda stamp, zone: f"TRY_CAST({stamp} AS TIMESTAMPTZ)"  # noqa: ARG005
    """SQL of the instant that ``stamp`` and ``zone`` mean."""
    others: Callable[[str], str | None] = lambda name: None  # noqa: ARG005
    """SQL of a field that only this kind of log knows: ``header.X``, ``cookie.uid``."""
    micro: bool = False
    """``took`` is microseconds."""
    hits: frozenset[str] = field(default_factory=frozenset)
    misses: frozenset[str] = field(default_factory=frozenset)

    def expression(self, name: str) -> str | None:
        """Return SQL of a field's text, ``None`` where the log does not have it."""
        if name in self.fields:
            return self.fields[name]
        if name.startswith("query.") and "target" in self.fields:
            key = name.removeprefix("query.")
            return f"regexp_extract({self.fields['target']}, {literal(f'[?&]{key}=([^&# ]*)')}, 1)"
        return self.others(name)


def cookie(text: str, name: str) -> str:
    """Return SQL of one cookie in a text of all."""
    return f"regexp_extract({text}, {literal(f'(?:^|;) *{name}=([^;]*)')}, 1)"


def number(text: str) -> str:
    """Return SQL of a count of bytes; ``-`` is none."""
    return f"TRY_CAST({text} AS BIGINT)"


def micros(text: str, *, micro: bool) -> str:
    """Return SQL of microseconds; below zero is unknown."""
    if micro:
        return f"greatest(TRY_CAST({text} AS BIGINT), 0)"
    return f"greatest(CAST(TRY_CAST({text} AS DECIMAL(18,6)) * 1000000 AS BIGINT), 0)"


def broken(text: str, value: str) -> str:
    """Return SQL that tells whether a text should be a number and is none."""
    # The texts are looked at where there is no number, not in every line.
    return (
        f"CASE WHEN {value} IS NULL THEN trim(coalesce({text}, '')) NOT IN ('', '-') ELSE false END"
    )
