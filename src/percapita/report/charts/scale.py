"""From amounts to pixels: ticks at round numbers, and a linear scale between two of them.

Positions are floats; amounts stay decimals until they become a position.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from percapita.report import numbers

_STEPS: Final = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_THOUSAND, _MILLION, _BILLION = Decimal(1_000), Decimal(1_000_000), Decimal(1_000_000_000)


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear scale: ``low`` is drawn at ``start``, ``high`` at ``end``."""

    low: Decimal
    high: Decimal
    start: float
    end: float
    ticks: tuple[Decimal, ...]

    def at(self, value: Decimal) -> float:
        """Return where a value is drawn."""
        share = float((value - self.low) / (self.high - self.low))
        return self.start + share * (self.end - self.start)


def scale(values: Iterable[Decimal], start: float, end: float, *, about: int = 4) -> Scale:
    """Return a scale that holds zero and all values, with about so many steps."""
    found = [Decimal(0), *values]
    low, high = min(found), max(found)
    if low == high:
        high = low + 1
    step = _step((high - low) / about)
    low = (low / step).to_integral_value(ROUND_FLOOR) * step
    high = (high / step).to_integral_value(ROUND_CEILING) * step
    count = int((high - low) / step)
    return Scale(low, high, start, end, tuple(low + step * n for n in range(count + 1)))


def _step(rough: Decimal) -> Decimal:
    power = Decimal(1).scaleb(rough.adjusted())
    return next(power * step for step in _STEPS if power * step >= rough)


def short(value: Decimal, among: Sequence[Decimal] = ()) -> str:
    """Write a tick: ``25k``, ``1.2M``, ``0.05``; as many digits as tell it from its neighbours."""
    size = max((abs(one) for one in (value, *among)), default=abs(value))
    unit, mark = next(
        ((u, m) for u, m in ((_BILLION, "B"), (_MILLION, "M"), (_THOUSAND, "k")) if size >= u * 2),
        (Decimal(1), ""),
    )
    shown = [(one / unit).normalize() for one in (value, *among)]
    places = max((max(0, -_exponent(one)) for one in shown), default=0)
    return f"{numbers.amount(value / unit, min(places, 6))}{mark if value else ''}"


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
