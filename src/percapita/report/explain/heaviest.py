"""The lines that matter most of a figure, where its groups hand nothing on to each other.

A bill has millions of lines and a reader sees a few. A run lists the heaviest parts of each group;
where that is not enough to be sure, all parts are looked through.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from percapita.allocate import explain
from percapita.allocate.explain import LISTED, Item
from percapita.core.errors import ProofError
from percapita.store.engine import Engine
from percapita.store.read import heaviest as read
from percapita.store.read.heaviest import Entered

_SPARE: Final = 64
"""Lines ranked exactly beside those that are shown: the engine ranks by a rounded share."""


def heaviest(
    engine: Engine, basis: str, amounts: Mapping[int, Decimal],
    shares: Mapping[int, tuple[int, int]], count: int,
) -> tuple[list[tuple[Entered, Decimal]], int]:  # fmt: skip
    """Return the parts of the heaviest lines, and how many lines there are in all.

    Each part comes with what was counted up in its group before it.

    Args:
        engine: one run's tables are bound to it.
        basis: billed, effective, contracted or list.
        amounts: of each group.
        shares: each group's own weight and W.
        count: how many lines to return.

    Raises:
        ProofError: what entered a group is not its amount.
    """
    relation, unlisted = _relation(engine, basis, amounts, count)
    known, near = read.heavy_lines(engine, relation, basis, shares, count + _SPARE)
    parts = [p for p in read.parts_of_lines(engine, relation, basis, near) if p.group in shares]
    given: dict[int, list[Item]] = defaultdict(list)
    for p in parts:
        given[p.group].append(Item(False, p.start, p.line, p.follows, -1, explain.grains(p.amount)))
    chosen = set(explain.heaviest(given, shares, count))
    return read.before(engine, basis, [p for p in parts if p.line in chosen]), known + unlisted


def _relation(
    engine: Engine, basis: str, amounts: Mapping[int, Decimal], count: int
) -> tuple[str, int]:
    """Return where the heaviest lines stand, and how many lines stand there no more."""
    held = read.held(engine, basis)
    listed = all(
        (number in held and held[number].complete and held[number].amount == amount)
        for number, amount in amounts.items()
    )
    if listed and count <= LISTED:
        return read.LISTED, sum(held[number].parts for number in amounts)
    entered = read.entered(engine, basis, amounts)
    for number, amount in amounts.items():
        found = entered.get(number, Decimal(0))
        if found != amount:
            raise ProofError(
                f"What entered group {number} sums to {found}, the run says {amount}.",
                hint="The run is damaged: run percapita run again, and report this if it stays.",
            )
    return read.PARTS, 0
