"""A cell of a line as text: the column that fills it, or what is made of several columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from percapita.plugins import Cell, First, Fixed, Inside, Total, When
from percapita.store.engine import literal

TERM: Final = "\x1f"
"""Leads each term of a total, before its sign. No file writes it into a cell."""
_ALONE: Final = literal(f"^{TERM}\\+([^{TERM}]*)$")


def text(cell: Cell | None, at: Mapping[str, str]) -> str:  # noqa: PLR0911 one a kind
    """Return the SQL of a cell's text, null where it is empty.

    Args:
        cell: what fills it; ``None`` is always empty.
        at: the file's column -> the layout's.
    """
    match cell:
        case None:
            return "NULL::VARCHAR"
        case str():
            return f"nullif(trim({at[cell]}), '')" if cell in at else "NULL::VARCHAR"
        case First(cells):
            return f"coalesce({', '.join(text(one, at) for one in cells)})"
        case Fixed(fixed):
            return literal(fixed)
        case When(column, values, then, otherwise):
            asked = text(column, at)
            listed = ", ".join(map(literal, values))
            met = f"{asked} IN ({listed})" if values else f"{asked} IS NOT NULL"
            return f"if({met}, {text(then, at)}, {text(otherwise, at)})"
        case Inside(column, key):
            json = f"TRY_CAST({text(column, at)} AS JSON)"
            return f"nullif(trim(json_extract_string({json}, {_path(key)})), '')"
        case Total(plus, minus):
            terms = [f"{literal(TERM + '+')} || {text(one, at)}" for one in plus]
            terms += [f"{literal(TERM + '-')} || {text(one, at)}" for one in minus]
            # A single term is a plain amount, which the engine reads by itself.
            return f"nullif(regexp_replace(concat({', '.join(terms)}), {_ALONE}, '\\1'), '')"


def _path(key: str) -> str:
    quoted = key.replace('"', '\\"')
    return literal(f'$."{quoted}"')


def columns_of(cell: Cell | None) -> Iterator[str]:
    """Yield the columns whose text a cell may hold, in the order they are tried."""
    match cell:
        case str():
            yield cell
        case First(cells):
            for one in cells:
                yield from columns_of(one)
        case When(_, _, then, otherwise):
            yield from columns_of(then)
            yield from columns_of(otherwise)
        case Inside(column, _):
            yield column
        case Total(plus, minus):
            for one in (*plus, *minus):
                yield from columns_of(one)


def spent(cell: Cell) -> frozenset[str]:
    """Return the columns that stand whole in the cell and need not be kept beside it."""
    match cell:
        case str():
            return frozenset({cell})
        case First(cells):
            return frozenset(one for one in cells if isinstance(one, str))
        case _:
            return frozenset()
