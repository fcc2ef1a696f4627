"""Which column of a file is which of ours: by name, and by what the user says of the source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from percapita.core.errors import InputError, nearest
from percapita.core.sources import Source
from percapita.core.tables import COSTS, LINE_NUMBERS, LINE_TEXTS
from percapita.plugins import Binding, Cell

DATES = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
TARGETS = (*DATES, *COSTS.values(), *LINE_TEXTS, *LINE_NUMBERS, "Tags")
"""Columns of ``lines`` that a file fills."""

TAG = "tags."
CUSTOM = "x_"
COST = "cost"
"""Stands for billed and effective cost at once, in bills that know only one amount."""

_NOT_LETTERS = re.compile(r"[^a-z0-9]")


class UnknownTargetError(InputError):
    """The user maps to a column that lines do not have."""

    def __init__(self, source: str, name: str) -> None:
        super().__init__(
            f"Source {source!r} maps to {name!r}, which is no column of a line.",
            hint=f"{nearest(name, (*TARGETS, COST))} Tags are tags.KEY, your own columns x_NAME.",
        )


class MissingColumnError(InputError):
    """The user maps from a column that the file does not have."""

    def __init__(self, source: str, ours: str, theirs: str, header: Sequence[str]) -> None:
        super().__init__(
            f"Source {source!r} reads {ours} from column {theirs!r}, which its file does not have.",
            hint=nearest(theirs, header),
        )


class UnmappedError(InputError):
    """A file without what a line can't do without."""

    def __init__(self, source: str, what: str, example: str, header: Sequence[str]) -> None:
        super().__init__(
            f"Nothing says which column of source {source!r} holds {what}.",
            hint=f"Say it in percapita.yaml, such as columns: {{{example}}}."
            f" The file has {', '.join(header[:20])}.",
        )


class TwiceError(InputError):
    """Two columns of a file are the same column of ours."""

    def __init__(self, source: str, ours: str, first: str, second: str) -> None:
        super().__init__(
            f"The file of source {source!r} has {ours} twice: {first!r} and {second!r}.",
            hint=f"Say which one counts: columns: {{{ours}: {first}}}.",
        )


def folded(name: str) -> str:
    """Return a name without case, blanks and underscores; ``x_`` names stay apart from others."""
    return _NOT_LETTERS.sub("", name.lower())


def by_name(header: Sequence[str], source: str, said: Mapping[str, str]) -> dict[str, str]:
    """Return target -> file column for every column that carries a target's own name.

    Raises:
        TwiceError: a name is there twice and the user does not say which one counts.
    """
    ours = {folded(name): name for name in TARGETS}
    found: dict[str, str] = {}
    for column in header:
        target = ours.get(folded(column))
        if target is None or target in said:
            continue
        if target in found:
            raise TwiceError(source, target, found[target], column)
        found[target] = column
    return found


def bound(
    header: Sequence[str],
    source: Source,
    *,
    also: Mapping[str, Sequence[str]] | None = None,
    mandatory: tuple[str, ...] = (),
) -> Binding:
    """Bind a header: what the user says first, then columns by their own name, then ``also``.

    Args:
        header: the file's columns.
        source: what the user says.
        also: target -> other names of it, used where the target's own is not in the file.
        mandatory: targets that the format says are never null.

    Raises:
        InputError: the user maps to or from a column that does not exist.
        UnmappedError: no column holds an amount, or none a period.
    """
    said = _said(header, source)
    columns = by_name(header, source.name, said)
    columns.update(said)
    theirs = {folded(column): column for column in reversed(header)}
    for target, others in (also or {}).items():
        older = next((theirs[folded(o)] for o in others if folded(o) in theirs), None)
        if target not in columns and older is not None:
            columns[target] = older
    for name in source.values:
        _check_target(source, name)
    known = {*columns, *source.values}
    if not known & set(COSTS.values()):
        raise UnmappedError(source.name, "the amount", "cost: Amount", header)
    if not known & {"ChargePeriodStart", "BillingPeriodStart"}:
        raise UnmappedError(source.name, "the period", "ChargePeriodStart: Month", header)
    return Binding(columns, dict(source.values), mandatory)


def settled(
    header: Sequence[str],
    source: Source,
    columns: Mapping[str, Cell],
    values: Mapping[str, str] | None = None,
    *,
    mandatory: tuple[str, ...] = (),
) -> Binding:
    """Bind what a format knows of its columns; what the user says comes first.

    Raises:
        InputError: the user maps to or from a column that does not exist.
    """
    for name in source.values:
        _check_target(source, name)
    said = _said(header, source)
    return Binding({**columns, **said}, {**(values or {}), **source.values}, mandatory)


def _said(header: Sequence[str], source: Source) -> dict[str, str]:
    theirs = {folded(column): column for column in reversed(header)}
    said: dict[str, str] = {}
    for ours, name in source.columns.items():
        _check_target(source, ours)
        column = name if name in header else theirs.get(folded(name))
        if column is None:
            raise MissingColumnError(source.name, ours, name, header)
        said[ours] = column
    if COST in said:
        amount = said.pop(COST)
        said.setdefault("BilledCost", amount)
        said.setdefault("EffectiveCost", amount)
    return said


def _check_target(source: Source, name: str) -> None:
    if name not in TARGETS and name != COST and not name.startswith((TAG, CUSTOM)):
        raise UnknownTargetError(source.name, name)
