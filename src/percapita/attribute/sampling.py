"""What a sample says of all of it: how sure a total is, a share, a cost.

Spans of a trace are kept or dropped together, each trace with the probability its threshold says;
so a total is as unsure as its traces are few and unlike each other (Horvitz and Thompson, clustered
by trace). Everything is exact until the last root.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final, NamedTuple

WHOLE: Final = "0"
"""The threshold of what was not sampled."""
DEVIATIONS: Final = Decimal("1.6448536269514722")
"""Half-width of a 90 % interval, in standard deviations."""
CONFIDENCE: Final = 90
"""Percent of intervals that hold."""
ENOUGH: Final = 10
"""Traces, all alike, that an interval needs at least; below it is not enough data."""

_STUDENT: Final = Fraction(926, 1000)
"""(z² + 1) / 4 for the 90 % interval: the first term by which Student's law is wider."""
_RANGE: Final = 1 << 56
_DIGITS: Final = 14
_EXACT: Final = Context(prec=50)
_CENT: Final = Decimal("1e-12")


class Summed(NamedTuple):
    """Readings of one threshold, summed."""

    threshold: str | None
    """``None``: nothing says with which probability they were kept."""
    signals: int
    quantity: int
    """In base units, of all that the kept ones stand for."""
    squares: int | None
    """Sum over traces of what was kept of each, squared; ``None`` where not traced."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A total, and how sure it is."""

    signals: int = 0
    quantity: int = 0
    variance: Fraction = Fraction(0)
    unknown: int = 0
    """Of the quantity, what was kept with a probability that nothing tells."""
    sampled: int = 0
    """Of the quantity, what stands for more than was kept."""
    squares: Fraction = Fraction(0)
    """Sum over its traces of what each stands for, squared."""

    @property
    def traces(self) -> Fraction | None:
        """How many traces, all alike, would be as sure; ``None``: nothing is sampled."""
        return Fraction(self.sampled**2) / self.squares if self.squares else None

    @property
    def enough(self) -> bool:
        """Tell whether an interval around the total means anything."""
        return self.traces is None or self.traces >= ENOUGH

    def less(self, part: Measured) -> Measured:
        """Return what is left without a part."""
        return Measured(
            self.signals - part.signals,
            self.quantity - part.quantity,
            max(self.variance - part.variance, Fraction(0)),
            self.unknown - part.unknown,
            self.sampled - part.sampled,
            max(self.squares - part.squares, Fraction(0)),
        )


@dataclass(frozen=True, slots=True)
class Interval:
    """Bounds that hold with ``CONFIDENCE`` percent."""

    low: Decimal
    high: Decimal


def probability(threshold: str) -> Fraction:
    """Return with which probability a signal of this threshold was kept."""
    return Fraction(_RANGE - int(threshold.ljust(_DIGITS, "0"), 16), _RANGE)


def measured(rows: Iterable[Summed]) -> Measured:
    """Return the total of readings; variances of different samples add."""
    signals = quantity = unknown = sampled = 0
    variance, squares = Fraction(0), Fraction(0)
    for row in rows:
        signals, quantity = signals + row.signals, quantity + row.quantity
        if row.threshold is None:
            unknown += row.quantity
        elif row.threshold != WHOLE and row.squares:
            chance = probability(row.threshold)
            variance += (1 - chance) / chance**2 * row.squares
            sampled += row.quantity
            squares += row.squares / chance**2
    return Measured(signals, quantity, variance, unknown, sampled, squares)


def share(own: Measured, whole: Measured) -> tuple[Fraction, Fraction]:
    """Return a part of a total and its variance, by the delta method.

    ``whole`` holds ``own``; what others used is another sample.
    """
    if not whole.quantity:
        return Fraction(0), Fraction(0)
    mine, others = _spread(own, whole)
    return Fraction(own.quantity, whole.quantity), mine + others


def _spread(own: Measured, whole: Measured) -> tuple[Fraction, Fraction]:
    """Return how much of a share's variance is its own sample's, and how much the others'."""
    part, total = Fraction(own.quantity, whole.quantity), Fraction(whole.quantity)
    others = whole.less(own).variance
    return own.variance * ((1 - part) / total) ** 2, others * (part / total) ** 2


def around(middle: Fraction, variance: Fraction) -> Interval:
    """Return the interval around an estimate; usage is never below nothing."""
    half = _EXACT.multiply(DEVIATIONS, _EXACT.sqrt(_decimal(variance)))
    return Interval(
        max(_EXACT.subtract(_decimal(middle), half), Decimal(0)).quantize(_CENT, context=_EXACT),
        _EXACT.add(_decimal(middle), half).quantize(_CENT, context=_EXACT),
    )


class Doubt(NamedTuple):
    """What of an amount falls on somebody by a sample, and how unsure that is."""

    amount: Fraction
    mine: Fraction
    """Variance that the own sample leaves."""
    others: Fraction
    """Variance that everybody else's leaves."""
    own: Measured
    rest: Measured
    unknown: bool = False
    """Something in the split was kept with a probability that nothing tells."""

    @property
    def _decides(self) -> Measured:
        """The sample that decides how wide it is."""
        return self.own if self.mine >= self.others else self.rest

    @property
    def enough(self) -> bool:
        """Tell whether that sample is large enough to tell."""
        return self._decides.enough and not self.unknown

    @property
    def half(self) -> Decimal:
        """Half of the interval: wider than the normal law has it where traces are few (Student)."""
        half = _EXACT.multiply(DEVIATIONS, _EXACT.sqrt(_decimal(self.mine + self.others)))
        traces = self._decides.traces
        if traces is None or traces <= 1:
            return half
        return _EXACT.multiply(half, _decimal(1 + _STUDENT / (traces - 1)))

    def times(self, factor: Fraction) -> Doubt:
        """Return it where the amount is larger."""
        return self._replace(
            amount=self.amount * factor, mine=self.mine * factor**2,
            others=self.others * factor**2,
        )  # fmt: skip


def doubt(amount: Decimal, own: Measured, whole: Measured) -> Doubt:
    """Return how unsure an amount's share is.

    The amount itself is known to the last digit: only who it falls on is sampled.
    """
    money = Fraction(amount)
    if not whole.quantity:
        return Doubt(Fraction(0), Fraction(0), Fraction(0), own, whole)
    mine, others = _spread(own, whole)
    part = Fraction(own.quantity, whole.quantity)
    return Doubt(part * money, mine * money**2, others * money**2, own, whole.less(own))


def between(amount: Decimal, doubts: Iterable[Doubt]) -> Interval | None:
    """Return between what and what an amount lies; ``None``: not enough data.

    Amounts that one sample splits err together, so their widths add. What too few traces decide may
    be a tenth of the amount at most, and counts as wholly unsure.
    """
    half, vague, size = Decimal(0), Decimal(0), abs(amount)
    for one in doubts:
        if one.enough:
            half = _EXACT.add(half, one.half)
        else:
            vague = _EXACT.add(vague, _decimal(abs(one.amount)))
    half = _EXACT.add(half, vague)
    if _EXACT.multiply(vague, Decimal(10)) > size or half > size:
        return None
    low, high = (
        bound.quantize(_CENT, context=_EXACT)
        for bound in (_EXACT.subtract(amount, half), _EXACT.add(amount, half))
    )
    return Interval(low, high)


def _decimal(number: Fraction) -> Decimal:
    return _EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))
