"""Explain both ways: a receiver's amount down to bill lines, a bill line up to its receivers.

Nothing is stored per line. A line's part of a receiver's amount is the difference of the split of
the group's running total (its parts in the order start, LineId) with and without the line. So the
parts over the lines sum to the receiver's amount, and the parts over the receivers sum to the
line: both margins close to the last digit. Where an amount is handed from group to group, the
part that goes on is taken the same way from the giving group's running total.

Amounts are whole numbers of 10^-18 here ("grains"), so that sums are exact and fast.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from typing import NamedTuple

from percapita.core.errors import ProofError
from percapita.core.money import PLACES
from percapita.core.periods import Span
from percapita.core.split import ATOM_PLACES, LIMIT, rounded

LISTED = 128
"""Parts of each group that a run lists as its heaviest, if they are all of their line."""
_EXACT = Context(prec=120)
_ATOMS = tuple(10 ** (PLACES - places) for places in ATOM_PLACES)
"""Grains in one atom, finest atom first."""


class Part(NamedTuple):
    """A stored line part, and the group it enters."""

    group: int
    start: datetime
    line: str
    follows: str
    """LineId of the charge a credit follows, else empty."""
    amount: Decimal


class Flow(NamedTuple):
    """A stored hand-over from one group to the next."""

    source: int
    target: int
    position: int
    weight: int | None
    """``None`` where all goes on."""


class Act(NamedTuple):
    """How a group was split, as ``groups`` says it."""

    total: int
    """W, flows included; 0 where all goes on."""
    holder: int | None
    """Subject that holds the residual; ``None`` where a flow does."""


class Item(NamedTuple):
    """What one line part brought into one group. Items sort in the order they are counted up."""

    outside: bool
    """It lies outside the window that is asked about: counted up last, so that what is inside is
    split by itself."""
    start: datetime
    line: str
    follows: str
    source: int
    """The group that handed it on; -1 where the part entered here."""
    grains: int


class Receiver(NamedTuple):
    """A ledger row of one group, without the group."""

    subject: int
    slice: int
    feature: str
    operation: str
    region: str
    weight: int
    amount: Decimal


class LinePart(NamedTuple):
    """What one line gave one side of one group."""

    group: int
    item: Item
    grains: int


def grains(amount: Decimal) -> int:
    """Return an amount as whole numbers of 10^-18."""
    return int(_EXACT.scaleb(amount, PLACES))


def money(count: int) -> Decimal:
    """Return grains as an amount."""
    return _EXACT.scaleb(Decimal(count), -PLACES)


@dataclass(frozen=True, slots=True)
class Side:
    """Some receivers of a group against all the others, as a function of what is split."""

    weights: Mapping[int, int]
    """Weight to how many rows have it: of these receivers or, if they hold the residual, of the
    others."""
    total: int
    """W of the group."""
    holds: bool = False
    """The residual is among these receivers: they have what the others leave."""

    def of(self, amount: int) -> int:
        """Return what this side has of ``amount`` grains."""
        size = abs(amount)
        for atom in _ATOMS:
            count = size // atom
            if count < LIMIT:
                break
        else:
            raise ValueError(f"{amount} is too large to split")
        parts: int = atom * sum(
            rows * rounded(count, weight, self.total) for weight, rows in self.weights.items()
        )
        parts = -parts if amount < 0 else parts
        return amount - parts if self.holds else parts


ALL = Side({}, 1, holds=True)
"""The side of a group's only receiver."""


def side(mine: Mapping[int, int], others: Mapping[int, int], total: int, *, holds: bool) -> Side:
    """Return the side of the rows ``mine``; the others are needed only where they hold."""
    return Side(dict(others) if holds else dict(mine), total, holds)


def holder(rows: Sequence[Receiver], subject: int | None, total: int, amount: Decimal) -> int:
    """Return which of a group's rows holds the residual.

    It is the row of the named subject with the largest weight. Where a subject has several equal
    rows, the stored amounts tell; where they do not, any one will do and the first is taken.
    """
    named = [i for i, row in enumerate(rows) if subject is None or row.subject == subject]
    heaviest = max(rows[i].weight for i in named)
    tied = sorted((i for i in named if rows[i].weight == heaviest), key=lambda i: _order(rows[i]))
    if len(tied) > 1:
        rounded = Side({heaviest: 1}, total).of(grains(amount))
        odd = [i for i in tied if grains(rows[i].amount) != rounded]
        return (odd or tied)[0]
    return tied[0]


def _order(row: Receiver) -> tuple[int, int, str, str, str]:
    return (row.subject, row.slice, row.feature, row.operation, row.region)


def upstream(groups: Collection[int], flows: Iterable[Flow]) -> set[int]:
    """Return the groups and all that hand to them, however far up."""
    return _reach(groups, ((flow.target, flow.source) for flow in flows))


def downstream(groups: Collection[int], flows: Iterable[Flow]) -> set[int]:
    """Return the groups and all that they hand to, however far down."""
    return _reach(groups, ((flow.source, flow.target) for flow in flows))


def _reach(groups: Collection[int], steps: Iterable[tuple[int, int]]) -> set[int]:
    following: dict[int, list[int]] = defaultdict(list)
    for here, there in steps:
        following[here].append(there)
    seen, open_groups = set(groups), list(groups)
    while open_groups:
        for group in following[open_groups.pop()]:
            if group not in seen:
                seen.add(group)
                open_groups.append(group)
    return seen


def items(
    parts: Iterable[Part],
    flows: Sequence[Flow],
    acts: Mapping[int, Act],
    window: Span | None = None,
) -> dict[int, list[Item]]:
    """Return what each group was given, in the order it is counted up.

    ``parts``, ``flows`` and ``acts`` must hold everything upstream of the groups looked at, and of
    a group that is cut all its flows.
    """
    found: dict[int, list[Item]] = defaultdict(list)
    for part in parts:
        outside = window is not None and not window.contains(part.start)
        found[part.group].append(
            Item(outside, part.start, part.line, part.follows, -1, grains(part.amount))
        )
    outward: dict[int, list[Flow]] = defaultdict(list)
    for flow in flows:
        outward[flow.source].append(flow)
    for group in _givers_first(outward, flows):
        found[group].sort()
        _hand_on(found, outward[group], acts[group])
    for rows in found.values():
        rows.sort()
    return dict(found)


def _givers_first(outward: Mapping[int, list[Flow]], flows: Sequence[Flow]) -> Iterator[int]:
    waiting = Counter(flow.target for flow in flows)
    ready = sorted(group for group in outward if not waiting[group])
    while ready:
        group = ready.pop()
        yield group
        for flow in outward.get(group, ()):
            waiting[flow.target] -= 1
            if not waiting[flow.target] and flow.target in outward:
                ready.append(flow.target)


def _hand_on(found: dict[int, list[Item]], flows: Sequence[Flow], act: Act) -> None:
    ordered = sorted(flows, key=lambda flow: flow.position)
    weights = [1 if flow.weight is None else flow.weight for flow in ordered]
    total = act.total or sum(weights)
    kept = Counter([total - sum(weights)] if total > sum(weights) else [])
    top = weights.index(max(weights)) if act.holder is None else -1
    for index, flow in enumerate(ordered):
        others = kept + Counter(w for i, w in enumerate(weights) if i != index)
        share = side({weights[index]: 1}, others, total, holds=index == top)
        for item, amount in _differences(found[flow.source], share):
            if amount:
                found[flow.target].append(item._replace(source=flow.source, grains=amount))


def _differences(given: Iterable[Item], share: Side) -> Iterator[tuple[Item, int]]:
    total = before = 0
    for item in given:
        total += item.grains
        after = share.of(total)
        yield item, after - before
        before = after


def line_parts(
    group: int, given: Sequence[Item], share: Side, lines: Collection[str] | None = None
) -> list[LinePart]:
    """Return what each line part gave one side of a group; ``lines`` narrows it to these.

    Items outside the window are left out.
    """
    inside = [item for item in given if not item.outside]
    if lines is None:
        return [LinePart(group, item, amount) for item, amount in _differences(inside, share)]
    found = []
    total = 0
    for item in inside:
        if item.line in lines:
            part = share.of(total + item.grains) - share.of(total)
            found.append(LinePart(group, item, part))
        total += item.grains
    return found


def heaviest(
    given: Mapping[int, Sequence[Item]], shares: Mapping[int, tuple[int, int]], count: int
) -> list[str]:
    """Return the lines that matter most over several groups, by their share before rounding.

    ``shares`` is each group's own weight and W.
    """
    sizes: Counter[str] = Counter()
    for group, (weight, total) in shares.items():
        for item in given.get(group, ()):
            if not item.outside:
                sizes[item.line] += item.grains * weight // total
    ranked = sorted(sizes, key=lambda line: (-abs(sizes[line]), line))
    return ranked[:count]


def receivers(
    line: str, given: Sequence[Item], weights: Sequence[int], total: int, holding: int
) -> list[int]:
    """Return how many grains of a line each taker of a group got, in the order of the weights.

    ``weights`` are those of the group's flows and ledger rows; ``holding`` is the index of the one
    with the residual. The parts sum to what the line brought.
    """
    spans = []
    running = 0
    for item in given:
        if item.line == line and not item.outside:
            spans.append((running, running + item.grains))
        running += item.grains
    by_weight: dict[int, int] = {}
    for weight in set(weights):
        share = Side({weight: 1}, total)
        by_weight[weight] = sum(share.of(after) - share.of(before) for before, after in spans)
    result = [by_weight[weight] for weight in weights]
    brought = sum(after - before for before, after in spans)
    result[holding] += brought - sum(result)
    return result


def prove(group: int, amount: Decimal, found: int) -> None:
    """Stop where the parts of a group do not sum to the stored amount.

    Raises:
        ProofError: they do not.
    """
    if found != grains(amount):
        raise ProofError(
            f"The parts of group {group} sum to {money(found)}, the ledger says {amount}.",
            hint="The run is damaged: run percapita run again, and report this if it stays.",
        )
