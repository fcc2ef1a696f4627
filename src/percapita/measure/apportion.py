"""A group's receivers crossed with what its amount is made of: days, services, accounts.

The ledger says what each receiver got of a group, the parts say what the group's amount consists
of. The cells between are differences of the split of the running total, value by value in a fixed
order, and the last value takes what remains: so both margins are exact.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from decimal import Context, Decimal
from typing import Final, Generic, NamedTuple, TypeVar

from percapita.core.errors import ProofError
from percapita.core.money import ZERO, text, total
from percapita.core.split import split

_EXACT: Final = Context(prec=120)
_NANO: Final = 9

Who = TypeVar("Who", bound=Hashable)
Value = tuple[str | None, ...]
"""What a part of a group's amount is: the values of the columns asked for."""
Composition = Mapping[Value, Decimal]


class Entered(NamedTuple):
    """What entered a group by line parts of one value."""

    group: int
    value: Value
    amount: Decimal


class Handed(NamedTuple):
    """What one group handed to another."""

    source: int
    target: int
    position: int
    weight: int | None
    """``None`` where all goes on."""
    amount: Decimal


class Got(NamedTuple, Generic[Who]):
    """What one receiver got from one group."""

    group: int
    who: Who
    weight: int
    amount: Decimal


class Cell(NamedTuple, Generic[Who]):
    """What one receiver got of one value in one group."""

    group: int
    who: Who
    value: Value
    amount: Decimal


class _Taker(NamedTuple, Generic[Who]):
    """One of those a group's amount goes to: the next group, or a receiver."""

    target: int | None
    who: Who | None
    weight: int | None
    amount: Decimal


class UnevenGroupError(ProofError):
    """A group's parts do not sum to what it gave."""

    def __init__(self, group: int, entered: Decimal, gone: Decimal) -> None:
        super().__init__(
            f"Group {group} got {text(entered)} and gave {text(gone)}.",
            hint="The run is damaged: run percapita run again, and report this if it stays.",
        )


def cross(
    values: Sequence[Decimal], weights: Sequence[int | None], gone: Sequence[Decimal]
) -> list[list[Decimal]]:
    """Return rows of cells, one row a value: rows sum to ``values``, columns to ``gone``.

    ``weights`` are the takers' of the split that made ``gone``.
    """
    if len(values) == 1:
        return [list(gone)]
    if len(gone) == 1:
        return [[value] for value in values]
    usable = _usable(weights, gone)
    before = [ZERO] * len(gone)
    running = ZERO
    rows = []
    for value in values[:-1]:
        running = _EXACT.add(running, value)
        after = split(running, usable)
        rows.append([_EXACT.subtract(now, was) for now, was in zip(after, before, strict=True)])
        before = after
    rows.append([_EXACT.subtract(all_, was) for all_, was in zip(gone, before, strict=True)])
    return rows


def _usable(weights: Sequence[int | None], gone: Sequence[Decimal]) -> list[int]:
    """Return the weights; where some are missing or all are zero, the amounts weigh instead."""
    known = [weight for weight in weights if weight is not None]
    if len(known) == len(weights) and sum(known) > 0:
        return known
    by_amount = [int(_EXACT.scaleb(amount.copy_abs(), _NANO)) for amount in gone]
    return by_amount if sum(by_amount) > 0 else [1] * len(gone)


def cells(
    entered: Iterable[Entered], handed: Sequence[Handed], got: Iterable[Got[Who]]
) -> Iterator[Cell[Who]]:
    """Yield what each receiver got of each value, group by group.

    ``entered`` and ``handed`` must hold everything upstream of the groups in ``got``.

    Raises:
        UnevenGroupError: a group's composition does not sum to what it gave.
    """
    made: dict[int, dict[Value, Decimal]] = defaultdict(dict)
    for item in entered:
        _add(made[item.group], item.value, item.amount)
    takers: dict[int, list[_Taker[Who]]] = defaultdict(list)
    for flow in sorted(handed, key=lambda flow: (flow.source, flow.position, flow.target)):
        takers[flow.source].append(_Taker(flow.target, None, flow.weight, flow.amount))
    for row in got:
        takers[row.group].append(_Taker(None, row.who, row.weight, row.amount))
    for group in _givers_first(takers, handed):
        yield from _pass_on(group, made, takers[group])
        made.pop(group, None)


def _pass_on(
    group: int, made: dict[int, dict[Value, Decimal]], takers: Sequence[_Taker[Who]]
) -> Iterator[Cell[Who]]:
    values = sorted(made[group], key=_order)
    amounts = [made[group][value] for value in values]
    gone = [taker.amount for taker in takers]
    if total(amounts) != total(gone):
        raise UnevenGroupError(group, total(amounts), total(gone))
    if not values:
        return
    rows = cross(amounts, [taker.weight for taker in takers], gone)
    for value, row in zip(values, rows, strict=True):
        for taker, amount in zip(takers, row, strict=True):
            if taker.target is not None:
                _add(made[taker.target], value, amount)
            elif taker.who is not None:
                yield Cell(group, taker.who, value, amount)


def _add(into: dict[Value, Decimal], value: Value, amount: Decimal) -> None:
    into[value] = _EXACT.add(into.get(value, ZERO), amount)


def _order(value: Value) -> tuple[tuple[bool, str], ...]:
    return tuple((part is None, part or "") for part in value)


def _givers_first(groups: Iterable[int], handed: Sequence[Handed]) -> Iterator[int]:
    waiting = Counter(flow.target for flow in handed)
    following: dict[int, list[int]] = defaultdict(list)
    for flow in handed:
        following[flow.source].append(flow.target)
    ready = [group for group in dict.fromkeys(groups) if not waiting[group]]
    while ready:
        group = ready.pop()
        yield group
        for target in following[group]:
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
