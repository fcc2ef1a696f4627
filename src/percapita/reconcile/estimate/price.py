"""The last known price: money per unit of what a pool is priced by, from days that are billed.

A unit is whatever the pool's cost moves with: a reading of a meter, an hour that passed, a dollar
that other pools cost. Statistics are floats; the price that money is made with is a ``Decimal``.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from itertools import pairwise
from math import log
from statistics import median
from typing import Final, NamedTuple

REACH: Final = 14
"""Billed days that a price is taken from, at most."""
_HALF_LIFE: Final = 2.0
_WEIGHTS: Final = tuple(round(10**6 * 2 ** (-age / _HALF_LIFE)) for age in range(REACH))
_ENOUGH: Final = 5
"""Changes from one day to the next that are needed to tell a jump from what is usual."""
_SIGMAS: Final = 5.0
_LEAST_JUMP: Final = 0.01
_EXACT: Final = Context(prec=60)


class Billed(NamedTuple):
    """One day of a pool's bill: its amount and the units it was for."""

    amount: Decimal
    units: Decimal


def since_jump(days: Sequence[tuple[float, float]]) -> int:
    """Return where the days begin whose price holds on: after the last jump, at most ``REACH``.

    Args:
        days: amount and units of billed days, oldest first.

    A price jumps where it leaves the median of the days before by more than what it usually moves.
    """
    first = max(0, len(days) - REACH)
    prices = [amount / units for amount, units in days[first:]]
    if len(prices) <= _ENOUGH or min(prices) <= 0:
        return first
    steps = [abs(log(b / a)) for a, b in pairwise(prices)]
    usual = max(_SIGMAS * 1.4826 * median(steps), _LEAST_JUMP)
    start = 0
    for at in range(1, len(prices)):
        before = median(prices[start:at])
        if abs(log(prices[at] / before)) > usual:
            start = at
    return first + start


def weights(count: int) -> tuple[int, ...]:
    """Return the weights of the last ``count`` days, oldest first; they halve every two days."""
    return _WEIGHTS[:count][::-1]


def last_known(days: Sequence[Billed]) -> Decimal | None:
    """Return the price that the billed days lead to; ``None`` where none had units.

    Args:
        days: oldest first; days without units say nothing of a price.
    """
    told = [day for day in days if day.units > 0]
    if not told:
        return None
    start = since_jump([(float(day.amount), float(day.units)) for day in told])
    amount = units = Decimal(0)
    for weight, day in zip(weights(len(told) - start), told[start:], strict=True):
        amount = _EXACT.add(amount, _EXACT.multiply(day.amount, weight))
        units = _EXACT.add(units, _EXACT.multiply(day.units, weight))
    return _EXACT.divide(amount, units)
