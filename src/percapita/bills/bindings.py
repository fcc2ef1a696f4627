"""What a vendor's format binds, fitted to a file that has some of its columns, in its own spelling.

A vendor's module writes cells with the names that the vendor documents. Files spell them in other
cases and with other separators, and know only the columns of their generation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from percapita.bills.columns import UnmappedError, folded, settled
from percapita.core.sources import Source
from percapita.core.tables import COSTS
from percapita.plugins import (
    Binding,
    Cell,
    Each,
    First,
    Fixed,
    Gathered,
    Inside,
    Labels,
    Like,
    Part,
    Total,
    When,
)

Name = Callable[[str], str]
"""Folds a column's name to what all its spellings share."""


def named(header: Sequence[str], name: Name = folded) -> dict[str, str]:
    """Return folded name -> column of the file, the first of several."""
    return {name(column): column for column in reversed(header)}


def vendor(
    header: Sequence[str],
    source: Source,
    columns: Mapping[str, Cell | None],
    *,
    name: Name = folded,
    values: Mapping[str, str] | None = None,
    each: Each | None = None,
    remarks: Mapping[str, str] | None = None,
) -> Binding:
    """Return a vendor's binding for one file; what the user says of the source comes first.

    Args:
        header: the file's columns.
        source: what the user says.
        columns: our column -> the vendor's, any spelling.
        name: how spellings are folded.
        values: our column -> what stands in where the file has nothing.
        each: charges inside a cell.
        remarks: our column -> what the user is told if a row fills it.

    Raises:
        InputError: the user maps to or from a column that does not exist, or no column holds an
            amount or a period.
    """
    at = named(header, name)
    own = {
        target: cell
        for target, said in columns.items()
        if (cell := fitted(said, lambda column: at.get(name(column)))) is not None
    }
    binding = settled(header, source, own, values)
    _check({*binding.columns, *binding.values}, header, source)
    there = each is not None and name(each.column) in at
    return replace(
        binding,
        each=replace(each, column=at[name(each.column)]) if each and there else None,
        remarks=remarks or {},
    )


def _check(known: Collection[str], header: Sequence[str], source: Source) -> None:
    if not set(COSTS.values()) & set(known):
        raise UnmappedError(source.name, "the amount", "cost: Amount", header)
    if not {"ChargePeriodStart", "BillingPeriodStart"} & set(known):
        raise UnmappedError(source.name, "the period", "ChargePeriodStart: Month", header)


def fitted(cell: Cell | None, at: Callable[[str], str | None]) -> Cell | None:  # noqa: PLR0911
    """Return a cell with the file's names of its columns, ``None`` if it has none of them.

    A condition on a column that is not there does not hold.
    """
    match cell:
        case str():
            return at(cell)
        case First(cells):
            kept = tuple(one for c in cells if (one := fitted(c, at)) is not None)
            return (kept[0] if len(kept) == 1 else First(kept)) if kept else None
        case When(column, _, then, otherwise) | Like(column, _, then, otherwise):
            asked = at(column)
            if asked is None:
                return fitted(otherwise, at)
            branches = fitted(then, at), fitted(otherwise, at)
            if branches == (None, None):
                return None
            return replace(cell, column=asked, then=branches[0], otherwise=branches[1])
        case Inside(column, _) | Part(column, _):
            asked = at(column)
            return None if asked is None else replace(cell, column=asked)
        case Total(plus, minus):
            kept = tuple(one for c in plus if (one := fitted(c, at)) is not None)
            less = tuple(one for c in minus if (one := fitted(c, at)) is not None)
            if len(kept) == 1 and not less:
                return kept[0]
            return Total(kept, less) if kept or less else None
        case Gathered(labels):
            found = tuple(_label(label, at) for label in labels)
            gathered = tuple(label for label in found if label is not None)
            return Gathered(gathered) if gathered else None
        case _:
            return cell


def _label(label: Labels, at: Callable[[str], str | None]) -> Labels | None:
    column = at(label.column)
    return None if column is None else replace(label, column=column)


def told(column: str, meanings: Mapping[str, str], otherwise: Cell | None = None) -> Cell | None:
    """Return the cell that says what a column's values mean, in the cases that exports use.

    Args:
        column: the vendor's.
        meanings: value -> what it means.
        otherwise: what stands for all other values.
    """
    by_meaning: dict[str, list[str]] = {}
    for value, meaning in meanings.items():
        by_meaning.setdefault(meaning, []).append(value)
    cell = otherwise
    for meaning, values in by_meaning.items():
        cell = When(column, spellings(*values), Fixed(meaning), cell)
    return cell


def spellings(*values: str) -> tuple[str, ...]:
    """Return the values as exports spell them: as documented, as camels, small, in capitals."""
    forms = ((v, v[:1].lower() + v[1:], v.lower(), v.upper()) for v in values)
    return tuple(dict.fromkeys(form for spelled in forms for form in spelled))
