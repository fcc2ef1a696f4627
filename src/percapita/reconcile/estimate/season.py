"""What a weekday usually costs beside the others, where the history shows that it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from statistics import median
from typing import Final

_WEEK: Final = 7
_AROUND: Final = range(-3, 4)
_WEEKS: Final = 8
_ENOUGH: Final = 21
"""Days with a whole week around them, before a season is believed."""
_SHOWN: Final = 0.5
"""Part of the variance that weekdays must explain."""
_LEAST: Final = 0.0004
"""Variance below which days do not differ: two per cent, squared."""

FLAT: Final = (1.0,) * _WEEK


def ratios(amounts: Mapping[date, float]) -> dict[date, float]:
    """Return how much each day cost beside the week around it; days without a whole week have none.

    Args:
        amounts: by billed day.
    """
    made = {}
    for day, amount in amounts.items():
        around = [amounts.get(day + timedelta(days=d)) for d in _AROUND]
        known = [its for its in around if its is not None]
        if len(known) == _WEEK and (mean := sum(known) / _WEEK) > 0:
            made[day] = amount / mean
    return made


def weekdays(beside: Mapping[date, float], before: date) -> tuple[float, ...]:
    """Return a factor for each weekday, Monday first; all 1 where no season is shown.

    Args:
        beside: what ``ratios`` returned.
        before: only what was known before this day is looked at.
    """
    found: list[list[float]] = [[] for _ in range(_WEEK)]
    for back in range(_WEEK // 2 + 1, _WEEKS * _WEEK):
        day = before - timedelta(days=back)
        if day in beside:
            found[day.weekday()].append(beside[day])
    every = [ratio for its in found for ratio in its]
    if len(every) < _ENOUGH or not all(found):
        return FLAT
    factors = [median(its) for its in found]
    between, whole = _variance(factors), _variance(every)
    if whole < _LEAST or between < _SHOWN * whole or min(factors) <= 0:
        return FLAT
    mean = sum(factors) / _WEEK
    return tuple(factor / mean for factor in factors)


def _variance(values: Sequence[float]) -> float:
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / len(values)
