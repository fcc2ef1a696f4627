"""The reference of the split kernel: an exact amount over integer weights, in plain Python.

The one float of the house is the quotient here. Whatever it misses, the integer residual puts
right, so the parts always sum to the amount. ``allocate/kernel.py`` is the same act as an engine
expression, ``store/read/focus.py`` as fixed SQL: both take the quotient from here and are proven
equal to this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import NamedTuple, Protocol, Self, TypeVar

ATOM_PLACES = (12, 9, 6, 3, 0)
"""Fractional digits of the atom, finest first."""

LIMIT = 4 * 10**18
"""Atoms of an amount, and the weights of a group, stay below this: both fit a BIGINT."""

_EXACT = Context(prec=120)


class Atoms(NamedTuple):
    """An amount as whole atoms of 10^-places, and what lies below one atom."""

    places: int
    whole: int
    tail: Decimal


class Double(Protocol):
    """An IEEE double: a float, or the expression of one in an engine."""

    def __add__(self, other: float, /) -> Self:
        """Return the sum."""

    def __mul__(self, other: Self, /) -> Self:
        """Return the product."""

    def __truediv__(self, other: Self, /) -> Self:
        """Return the quotient."""


D = TypeVar("D", bound=Double)


def quotient(count: D, weight: D, total: D) -> D:
    """Return a weight's part of ``count`` atoms and a half; its floor is the rounded part.

    The order of operations is fixed: every engine gets the same double.
    """
    return count * weight / total + 0.5


def rounded(count: int, weight: int, total: int) -> int:
    """Return a weight's part of ``count`` atoms, 0 or more, before the residual."""
    return math.floor(quotient(float(count), float(weight), float(total)))


def atoms(amount: Decimal) -> Atoms:
    """Cut ``amount`` toward zero to whole atoms of the finest size that fits a BIGINT."""
    for places in ATOM_PLACES:
        count = int(_EXACT.scaleb(amount, places))
        if abs(count) < LIMIT:
            tail = _EXACT.subtract(amount, _EXACT.scaleb(Decimal(count), -places))
            return Atoms(places, count, tail)
    raise ValueError(f"{amount} is too large to split")


def shift_of(total: int) -> int:
    """Return the power of two that brings a group's total weight under the limit; 0 as a rule."""
    shift = 0
    while total >> shift >= LIMIT:
        shift += 1
    return shift


def shifted(weight: int, shift: int) -> int:
    """Divide a weight by 2^shift: floor, but a weight above zero stays at least 1."""
    return max(weight >> shift, 1) if weight else 0


def scaled(weights: Sequence[int]) -> tuple[list[int], int]:
    """Return the weights as the kernel takes them and the shift that was needed (0 as a rule)."""
    shift = shift_of(sum(weights))
    while True:
        result = [shifted(weight, shift) for weight in weights]
        if sum(result) < LIMIT:
            return result, shift
        shift += 1


def split(amount: Decimal, weights: Sequence[int]) -> list[Decimal]:
    """Split ``amount`` over integer ``weights``: the parts, in order, sum to it exactly.

    The residual and the tail go to the largest weight; among equals, to the first: callers order
    subjects by number.

    Raises:
        ValueError: there is no weight above zero.
    """
    used, _ = scaled(weights)
    whole = sum(used)
    if whole <= 0:
        raise ValueError("a split needs a weight above zero")
    cut = atoms(amount)
    magnitude = abs(cut.whole)
    parts = [rounded(magnitude, w, whole) for w in used]
    holder = used.index(max(used))
    parts[holder] += magnitude - sum(parts)
    sign = -1 if cut.whole < 0 else 1
    result = [_EXACT.scaleb(Decimal(sign * part), -cut.places) for part in parts]
    result[holder] = _EXACT.add(result[holder], cut.tail)
    return result
