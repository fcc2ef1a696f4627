"""How far an estimate usually lies from the bill: a 90 % interval that corrects itself.

The interval is conformal: quantiles of past errors, the newest weigh most. Each end keeps a level
of its own that is moved with every bill: up where too many fell outside, down where too few did,
so the interval holds its promise also while prices and usage drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

NOMINAL: Final = Decimal("0.90")
COLD: Final = 20
"""Errors that are needed before the interval is called calibrated."""
_TAIL: Final = 0.05
_STEP: Final = 0.02
_LOWEST, _HIGHEST = 0.002, 0.25
_DECAY: Final = 0.5 ** (1 / 40)
"""An error counts half as much forty bills later."""
_UNKNOWN: Final = 0.5
"""Half-width, of the estimate, while nothing is known; it shrinks with every error seen."""


class Interval(NamedTuple):
    """A 90 % interval around an estimate, as parts of it."""

    low: float
    high: float
    errors: int
    """How many past errors it was made from."""

    @property
    def cold(self) -> bool:
        """Too little is known: it is wide on purpose."""
        return self.errors < COLD

    def around(self, amount: Decimal) -> tuple[Decimal, Decimal]:
        """Return both ends for an amount, which may be negative."""
        size = abs(amount)
        return amount + _part(size, self.low), amount + _part(size, self.high)


def _part(size: Decimal, relative: float) -> Decimal:
    return (size * Decimal(f"{relative:.9f}")).quantize(Decimal("1e-9"))


def calibrate(errors: Sequence[float]) -> Interval:
    """Return the interval that past errors lead to.

    Args:
        errors: (final - estimate) / |estimate| of past days, oldest first.
    """
    if len(errors) < COLD:
        return _cold(errors)
    low = high = _TAIL
    for at in range(COLD, len(errors)):
        below, above = _ends(errors[:at], low, high)
        low = _moved(low, outside=errors[at] < below)
        high = _moved(high, outside=errors[at] > above)
    return Interval(*_ends(errors, low, high), len(errors))


def _moved(level: float, *, outside: bool) -> float:
    return min(max(level + _STEP * (_TAIL - outside), _LOWEST), _HIGHEST)


def _ends(errors: Sequence[float], low: float, high: float) -> tuple[float, float]:
    """Return the quantiles of weighted errors; beyond the outermost one lies some room."""
    count = len(errors)
    ranked = sorted((error, _DECAY ** (count - at)) for at, error in enumerate(errors))
    # What comes next weighs as much as the newest: it may lie beyond all that was seen.
    whole = sum(weight for _, weight in ranked) + 1.0
    return _quantile(ranked, low * whole), -_quantile(
        [(-error, weight) for error, weight in reversed(ranked)], high * whole
    )


def _quantile(ranked: Sequence[tuple[float, float]], wanted: float) -> float:
    """Return the error up to which ``wanted`` weight lies, that of the next error included."""
    passed = 1.0
    if wanted < passed:
        first, last = ranked[0][0], ranked[-1][0]
        return first - 0.1 * (last - first)
    for error, weight in ranked:
        passed += weight
        if passed >= wanted:
            return error
    return ranked[-1][0]


def _cold(errors: Sequence[float]) -> Interval:
    room = _UNKNOWN / (1 + len(errors))
    return Interval(
        max(min(errors, default=0.0) - room, -1.0), max(errors, default=0.0) + room, len(errors)
    )


NOTHING_KNOWN: Final = calibrate(())
"""The interval of a pool that was never billed."""
