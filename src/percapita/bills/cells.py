"""A cell of a line as text: the column that fills it, or what is made of several columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from percapita.bills.files.literals import flat, loads, written
from percapita.plugins import Cell, First, Fixed, Gathered, Inside, Labels, Like, Part, Total, When
from percapita.store.engine import literal

TERM: Final = "\x1f"
"""Leads each term of a total, before its sign, and each column of gathered tags, before the rule
for its keys. No file writes it into a cell."""
PART: Final = "\x1d"
RULE: Final = "\x1e"
"""Between the parts of a rule for keys, and after it."""
_NUMBER: Final = r"\s*:\s*(-?[0-9][0-9.eE+-]*)"
_ALONE: Final = literal(f"^{TERM}\\+([^{TERM}]*)$")


def text(cell: Cell | None, at: Mapping[str, str]) -> str:  # noqa: C901, PLR0911 one a kind
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
        case Like(column, pattern, then, otherwise):
            met = f"regexp_full_match({text(column, at)}, {literal(pattern)})"
            return f"if(coalesce({met}, false), {text(then, at)}, {text(otherwise, at)})"
        case Part(column, pattern):
            return f"nullif(trim(regexp_extract({text(column, at)}, {literal(pattern)}, 1)), '')"
        case Gathered(labels):
            parts = [f"{literal(_rule(one))} || {text(one.column, at)}" for one in labels]
            return f"nullif(concat({', '.join(parts)}), '')"
        case Inside(column, key):
            return _extracted(text(column, at), key)
        case Total(plus, minus):
            terms = [f"{literal(TERM + '+')} || {text(one, at)}" for one in plus]
            terms += [f"{literal(TERM + '-')} || {text(one, at)}" for one in minus]
            # A single term is a plain amount, which the engine reads by itself.
            return f"nullif(regexp_replace(concat({', '.join(terms)}), {_ALONE}, '\\1'), '')"


def _extracted(column: str, key: str) -> str:
    """Return the SQL of a key's text; the engine reads numbers as doubles, so those are sought."""
    json = f"TRY_CAST({column} AS JSON)"
    found = f"json_extract_string({json}, {_path(key)})"
    name = re.escape(written(key)).replace('\\"', '"')
    digits = f"regexp_extract({column}, {literal(name + _NUMBER)}, 1)"
    same = f"TRY_CAST({digits} AS DOUBLE) = TRY_CAST({found} AS DOUBLE)"
    double = f"json_type({json}, {_path(key)}) = 'DOUBLE'"
    return f"nullif(trim(if({double} AND {same}, {digits}, {found})), '')"


def value(cell: Cell | None, record: Mapping[str, str]) -> str:  # noqa: C901, PLR0911 one a kind
    """Return a cell's text in one record, empty where ``text`` is null."""
    match cell:
        case None:
            return ""
        case str():
            return record.get(cell, "").strip()
        case First(cells):
            return next(filter(None, (value(one, record) for one in cells)), "")
        case Fixed(fixed):
            return fixed
        case When(column, values, then, otherwise):
            asked = value(column, record)
            fits = asked in values if values else asked != ""
            return value(then if fits else otherwise, record)
        case Like(column, pattern, then, otherwise):
            fits = bool(re.fullmatch(pattern, value(column, record)))
            return value(then if fits else otherwise, record)
        case Part(column, pattern):
            found = re.search(pattern, value(column, record))
            return (found[1] or "").strip() if found else ""
        case Gathered(labels):
            parts = [(_rule(one), value(one.column, record)) for one in labels]
            return "".join(rule + one for rule, one in parts if one)
        case Inside(column, key):
            return _inside(record.get(column, ""), key)
        case Total(plus, minus):
            terms = [("+", value(one, record)) for one in plus]
            terms += [("-", value(one, record)) for one in minus]
            return "".join(f"{TERM}{sign}{one}" for sign, one in terms if one)


def _inside(text: str, key: str) -> str:
    try:
        found = loads(text)
    except ValueError:
        return ""
    return "".join(t for name, t in flat({key: found.get(key)}) if name == key).strip()


def _rule(labels: Labels) -> str:
    return TERM + PART.join((*labels.without, labels.before)) + RULE


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
        case Like(_, _, then, otherwise):
            yield from columns_of(then)
            yield from columns_of(otherwise)
        case Inside(column, _) | Part(column, _):
            yield column
        case Gathered(labels):
            yield from (one.column for one in labels)
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
        case Gathered(labels):
            return frozenset(one.column for one in labels)
        case _:
            return frozenset()
