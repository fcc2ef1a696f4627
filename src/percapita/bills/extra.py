"""The columns of a bill that lines have no place for, as one map per row.

A map is ten times cheaper to make from a fixed list of columns than from one that is filtered row
by row. So columns that are never empty are told from those that always are, and rows are told
apart by which of the others they fill; bills know few such patterns.
"""

from __future__ import annotations

from collections.abc import Sequence

from percapita.store.engine import Engine, literal

MAP = "MAP(VARCHAR, VARCHAR)"

_PATTERNS = 48
_TERMS = 2_000
"""Most patterns, and most cells in all of them, that are spelled out."""

Item = tuple[str, str]
"""A key, and the SQL of its value."""


def filtered(items: Sequence[Item]) -> str:
    """Return the SQL of a map of the items that are not null."""
    if not items:
        return f"MAP {{}}::{MAP}"
    listed = ", ".join(f"{{'k': {literal(name)}, 'v': {sql}}}" for name, sql in items)
    return f"map_from_entries(list_filter([{listed}], lambda e: e.v IS NOT NULL))"


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
        return f"nullif({filtered(items)}, MAP {{}})"
    counts = ", ".join(f"count({sql})" for _, sql in items)
    total, *filled = engine.rows(f"SELECT count(*), {counts} FROM ({rows})")[0]
    present = [item for item, count in zip(items, filled, strict=True) if count]
    partial = [item for item, count in zip(items, filled, strict=True) if 0 < count < total]
    if not partial:
        return _fixed(present)
    pattern = "concat(" + ", ".join(f"if({sql} IS NULL, '0', '1')" for _, sql in partial) + ")"
    found = engine.rows(f"SELECT DISTINCT {pattern} FROM ({rows}) LIMIT {_PATTERNS + 1}")
    if len(found) > _PATTERNS or len(found) * len(present) > _TERMS:
        return f"nullif({filtered(present)}, MAP {{}})"
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
