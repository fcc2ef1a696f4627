"""Keys and values that a row has besides a line's own columns: those of ``Extra``, and of tags.

A map is ten times cheaper to make from a fixed list of columns than from one that is filtered row
by row. So columns that are never empty are told from those that always are, and rows are told
apart by which of the others they fill; bills know few such patterns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from percapita.store.engine import Engine, literal
from percapita.store.files.extra import EMPTY, MAP, filtered

_MOST = 2_000
"""Keys that get columns of their own; bills written as JSON may have any number of keys."""
_PATTERNS = 48
_TERMS = 2_000
"""Most patterns, and most cells in all of them, that are spelled out."""

Item = tuple[str, str]
"""A key, and the SQL of its value."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Keys to the SQL of their values."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Those that get columns of their own, in order of the key."""
    odd: Mapping[str, str] = field(default_factory=dict)
    """Those that can't: another key differs from them only in case, or there are too many."""

    @property
    def map(self) -> str:
        """SQL of a map of the odd ones; null where a row has none."""
        if not self.odd:
            return f"NULL::{MAP}"
        return f"nullif({filtered(sorted(self.odd.items()))}, {EMPTY})"


def rest(engine: Engine, rows: str, items: Mapping[str, str]) -> Rest:
    """Sort the keys that any of the rows fills.

    Args:
        engine: where the rows are.
        rows: SQL of them.
        items: key to the SQL of its value.
    """
    if not items:
        return Rest()
    counts = ", ".join(f"count({sql})" for sql in items.values())
    filled = engine.rows(f"SELECT {counts} FROM ({rows})")[0]
    used = sorted(key for key, count in zip(items, filled, strict=True) if count)
    taken: set[str] = set()
    columns: dict[str, str] = {}
    odd: dict[str, str] = {}
    for key in used:
        free = key.casefold() not in taken and len(taken) < _MOST
        (columns if free else odd)[key] = items[key]
        taken.add(key.casefold())
    return Rest(columns, odd)


def spelled(engine: Engine, rows: str, items: Sequence[Item]) -> str:
    """Return the SQL of a map of the items that are not null; null where none is.

    Args:
        engine: where the rows are.
        rows: SQL of the rows that the map is for.
        items: in the order the map lists them.
    """
    if not items:
        return f"NULL::{MAP}"
    if len({name.casefold() for name, _ in items}) < len(items):
        return f"nullif({filtered(items)}, {EMPTY})"
    counts = ", ".join(f"count({sql})" for _, sql in items)
    total, *filled = engine.rows(f"SELECT count(*), {counts} FROM ({rows})")[0]
    present = [item for item, count in zip(items, filled, strict=True) if count]
    partial = [item for item, count in zip(items, filled, strict=True) if 0 < count < total]
    if not partial:
        return _fixed(present)
    pattern = "concat(" + ", ".join(f"if({sql} IS NULL, '0', '1')" for _, sql in partial) + ")"
    found = engine.rows(f"SELECT DISTINCT {pattern} FROM ({rows}) LIMIT {_PATTERNS + 1}")
    if len(found) > _PATTERNS or len(found) * len(present) > _TERMS:
        return f"nullif({filtered(present)}, {EMPTY})"
    cases = "".join(
        f" WHEN {literal(bits)} THEN {_fixed(_chosen(present, partial, bits))}"
        for (bits,) in sorted(found)
    )
    return f"CASE {pattern}{cases} END"


def _chosen(present: Sequence[Item], partial: Sequence[Item], bits: str) -> list[Item]:
    empty = {item[0] for item, bit in zip(partial, bits, strict=True) if bit == "0"}
    return [item for item in present if item[0] not in empty]


def _fixed(items: Sequence[Item]) -> str:
    if not items:
        return f"NULL::{MAP}"
    return "{" + ", ".join(f"{literal(name)}: {sql}" for name, sql in items) + f"}}::{MAP}"
