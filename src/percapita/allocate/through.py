"""Pools that serve other pools: step-down and reciprocal shares, solved exactly.

x = d + A^T x, where A holds the share of each pool in the others. The solution only makes weights:
every pool's own amount is split once, over final receivers, so sums never depend on the solver.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import NamedTuple

from percapita.allocate.book import Receiver

SCALE = 10**15
"""Final shares are floored to integers of 10^-15."""

Shares = Mapping[str, Fraction]
"""Pool to the share it takes; they sum to 1."""


def solve(passing: Mapping[str, Shares]) -> dict[str, dict[str, Fraction]] | None:
    """Return each passing pool's final share in the pools that pass nothing on.

    ``passing`` maps every pool with ``through`` to its shares in other pools; pools that are not
    in it are final. ``None`` where the pools serve only each other.
    """
    names = list(passing)
    rows = [_equation(name, names, passing) for name in names]
    solved = _eliminate(rows, len(names))
    if solved is None:
        return None
    result = dict(zip(names, solved, strict=True))
    _check(passing, result)
    return result


def _equation(
    name: str, names: list[str], passing: Mapping[str, Shares]
) -> tuple[list[Fraction], dict[str, Fraction]]:
    """Return the row of I - A and what goes straight to final pools."""
    inner = [
        Fraction(int(other == name)) - passing[name].get(other, Fraction(0)) for other in names
    ]
    outer = {pool: share for pool, share in passing[name].items() if pool not in passing}
    return inner, outer


def _eliminate(
    rows: list[tuple[list[Fraction], dict[str, Fraction]]], size: int
) -> list[dict[str, Fraction]] | None:
    """Solve by Gauss and Jordan; ``None`` where the matrix has no inverse."""
    for column in range(size):
        pivot = next((r for r in range(column, size) if rows[r][0][column]), None)
        if pivot is None:
            return None
        rows[column], rows[pivot] = rows[pivot], rows[column]
        inner, outer = rows[column]
        scale = inner[column]
        rows[column] = [v / scale for v in inner], {k: v / scale for k, v in outer.items()}
        for other in range(size):
            if other != column and rows[other][0][column]:
                rows[other] = _minus(rows[other], rows[column], rows[other][0][column])
    return [outer for _, outer in rows]


def _minus(
    row: tuple[list[Fraction], dict[str, Fraction]],
    pivot: tuple[list[Fraction], dict[str, Fraction]],
    factor: Fraction,
) -> tuple[list[Fraction], dict[str, Fraction]]:
    inner = [a - factor * b for a, b in zip(row[0], pivot[0], strict=True)]
    outer = dict(row[1])
    for pool, share in pivot[1].items():
        outer[pool] = outer.get(pool, Fraction(0)) - factor * share
    return inner, outer


def _check(passing: Mapping[str, Shares], solved: Mapping[str, Mapping[str, Fraction]]) -> None:
    """Insert the solution into the equations it came from."""
    for name, shares in passing.items():
        found: dict[str, Fraction] = {}
        for pool, share in shares.items():
            for final, part in solved.get(pool, {pool: Fraction(1)}).items():
                found[final] = found.get(final, Fraction(0)) + share * part
        wanted = {pool: share for pool, share in solved[name].items() if share}
        if {pool: share for pool, share in found.items() if share} != wanted:
            raise AssertionError(f"through: the shares of {name} do not solve their equations")


class Term(NamedTuple):
    """A part of a final share: ``share`` x the receiver's weight / ``total``."""

    share: Fraction
    weights: Mapping[Receiver, int]
    total: int


def final_weights(terms: Sequence[Term]) -> dict[Receiver, int]:
    """Return each receiver's sum over the terms in whole 10^-15, floored; zeros left out."""
    # One denominator for all: integers add and divide far faster than fractions.
    whole = lcm(*(term.share.denominator * term.total for term in terms))
    numerators: dict[Receiver, int] = {}
    for share, weights, total in terms:
        factor = SCALE * share.numerator * (whole // (share.denominator * total))
        for receiver, weight in weights.items():
            numerators[receiver] = numerators.get(receiver, 0) + factor * weight
    floored = {receiver: numerator // whole for receiver, numerator in numerators.items()}
    return {receiver: weight for receiver, weight in floored.items() if weight}
