"""The lines that matter most of a figure, where its groups hand nothing on to each other.

A bill has millions of lines and a reader sees a few. The engine finds which they are, and what
was counted up before each of them; their amounts are worked out exactly, as ``allocate/explain``
does it for all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from percapita.allocate import explain
from percapita.allocate.explain import Item, LinePart, Side
from percapita.store.engine import Engine
from percapita.store.read import run as read_run

_SPARE: Final = 64
"""Lines ranked exactly beside those that are shown: the engine ranks by a rounded share."""


def heaviest(
    engine: Engine, basis: str, sides: Mapping[int, Side], shares: Mapping[int, tuple[int, int]],
    count: int,
) -> tuple[list[LinePart], int]:  # fmt: skip
    """Return the parts of the heaviest lines, and how many lines there are in all.

    Args:
        engine: one run's tables are bound to it.
        basis: billed, effective, contracted or list.
        sides: of each group, the receivers that are asked about.
        shares: each group's own weight and W.
        count: how many lines to return.
    """
    known, near = read_run.heavy_lines(engine, basis, shares, count + _SPARE)
    given: dict[int, list[Item]] = defaultdict(list)
    for group, start, line, follows, amount in read_run.parts_of_lines(engine, basis, near):
        given[group].append(Item(False, start, line, follows, -1, explain.grains(amount)))
    chosen = explain.heaviest(given, shares, count)
    return list(_parts(engine, basis, sides, chosen)), known


def _parts(
    engine: Engine, basis: str, sides: Mapping[int, Side], lines: Sequence[str]
) -> Iterator[LinePart]:
    for group, start, line, follows, amount, before in read_run.counted_up(
        engine, basis, list(sides), lines
    ):
        item = Item(False, start, line, follows, -1, explain.grains(amount))
        had, side = explain.grains(before), sides[group]
        yield LinePart(group, item, side.of(had + item.grains) - side.of(had))
