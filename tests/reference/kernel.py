"""The split kernel as the allocation semantics write it, in integers and one float quotient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

PLACES = (12, 9, 6, 3, 0)
BIGINT = 4 * 10**18
"""Atoms of an amount and the total weight of a group stay below this."""


def split(amount: Fraction, weights: Sequence[int]) -> list[Fraction]:
    """Split an exact amount; the residual and the tail go to the first of the largest weights."""
    used = limited(weights)
    unit = next(10**places for places in PLACES if int(abs(amount) * 10**places) < BIGINT)
    whole = int(abs(amount) * unit)
    tail = abs(amount) - Fraction(whole, unit)
    parts = [Fraction(part, unit) for part in split_whole(whole, used)]
    parts[used.index(max(used))] += tail
    return [-part for part in parts] if amount < 0 else parts


def split_whole(whole: int, weights: Sequence[int]) -> list[int]:
    """Split a whole number, zero or above, into whole parts."""
    total = sum(weights)
    if total <= 0:
        raise ValueError("nothing weighs anything")
    parts = [math.floor(float(whole) * float(w) / float(total) + 0.5) for w in weights]
    parts[weights.index(max(weights))] += whole - sum(parts)
    return parts


def limited(weights: Sequence[int]) -> list[int]:
    """Divide all weights by the one power of two that brings their sum under the limit."""
    power = 1
    while sum(weights) // power >= BIGINT:
        power *= 2
    while True:
        used = [0 if w == 0 else max(1, w // power) for w in weights]
        if sum(used) < BIGINT:
            return used
        power *= 2


def whole_factors(factors: Sequence[Decimal]) -> list[int]:
    """Return integers in the same proportion as the written factors."""
    places = max(-int(factor.as_tuple().exponent) for factor in factors)
    return [int(Fraction(factor) * 10 ** max(places, 0)) for factor in factors]
