"""Which way a pool is estimated, at which price, and how wrong that way was before.

Every past day is estimated again from what was known so long before it as the bill is behind now;
what the bill then said gives one error. The errors choose the way, where the model left it open,
and make the interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal
from statistics import median
from typing import Final, Literal

from percapita.reconcile.estimate.interval import Interval, calibrate
from percapita.reconcile.estimate.price import REACH, Billed, last_known, since_jump, weights
from percapita.reconcile.estimate.season import FLAT, ratios, weekdays

Kind = Literal["meter", "time", "cost"]
PAST: Final = 63
"""Days that are estimated again."""
_EXACT: Final = Context(prec=60)
_PLACES: Final = Decimal("1e-9")
_WORTH: Final = 0.8
"""Another way than the first must be so much better to be taken."""


@dataclass(frozen=True, slots=True)
class Way:
    """What a pool's cost may move with."""

    kind: Kind
    name: str = ""
    """The meter."""
    units: Mapping[date, Decimal] | None = None
    """Units of each day; for time they are the day's hours, by weekday."""


TIME: Final = Way("time")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A pool's price, and how well it did."""

    way: Way
    price: Decimal | None
    """``None``: nothing was ever billed, so there is no estimate."""
    factors: tuple[float, ...]
    """Of time: what an hour of each weekday counts; Monday first."""
    interval: Interval
    errors: Mapping[date, float]
    """(final - estimate) / |estimate| of past days."""
    estimates: Mapping[date, Decimal]
    """What past days would have been estimated as."""

    def amount(self, units: Decimal) -> Decimal:
        """Return the money of some units."""
        return _EXACT.multiply(self.price or Decimal(0), units).quantize(_PLACES, context=_EXACT)

    def hours(self, day: date, hours: Decimal) -> Decimal:
        """Return the units of hours of a day, for the way ``time``."""
        return _EXACT.multiply(hours, _decimal(self.factors[day.weekday()]))


def fits(
    billed: Mapping[date, Decimal], ways: Sequence[Way], *, end: date, lag: int, past: int = PAST
) -> list[Fitted]:
    """Fit every way, in order.

    Args:
        billed: each day's amount as the bill says it now.
        ways: what the cost may move with.
        end: the first day that the bill does not cover.
        lag: how many days before a day the bill known then ended; at least 1.
        past: how many days are estimated again.
    """
    amounts = {day: amount for day, amount in billed.items() if day < end}
    return [_fit(amounts, way, end, max(lag, 1), past) for way in ways]


def choose(tried: Sequence[Fitted]) -> Fitted:
    """Return the first way, unless another did clearly better."""
    best = tried[0]
    for other in tried[1:]:
        if _wrong(other) < _WORTH * _wrong(best):
            best = other
    return best


def _wrong(fitted: Fitted) -> float:
    recent = [abs(error) for error in fitted.errors.values()][-28:]
    if fitted.price is None or not recent:
        return float("inf")
    return median(recent) + 1e-12


def _fit(amounts: Mapping[date, Decimal], way: Way, end: date, lag: int, past: int) -> Fitted:
    rough = {day: float(amount) for day, amount in amounts.items()}
    beside = ratios(rough) if way.kind == "time" else {}
    estimates: dict[date, Decimal] = {}
    errors: dict[date, float] = {}
    for back in range(past, 0, -1):
        day = end - timedelta(days=back)
        if day not in rough:
            continue
        known = day - timedelta(days=lag - 1)
        guess = _guess(rough, way, day, known, weekdays(beside, known) if beside else FLAT)
        if guess is not None:
            estimates[day] = _decimal(guess)
            errors[day] = _error(rough[day], guess)
    factors = weekdays(beside, end) if beside else FLAT
    days = [
        Billed(amounts[day], units)
        for day in _recent(rough, end)
        if (units := _units(way, day, factors)) is not None
    ]
    interval = calibrate(list(errors.values()))
    return Fitted(way, last_known(days), factors, interval, errors, estimates)


def _error(final: float, guess: float) -> float:
    size = abs(guess) or abs(final)
    return (final - guess) / size if size else 0.0


def _guess(
    rough: Mapping[date, float], way: Way, day: date, known: date, factors: Sequence[float]
) -> float | None:
    """Estimate one past day from the bill of the days before ``known``."""
    units = _units(way, day, factors)
    if units is None:
        return None
    days = [
        (rough[at], float(its))
        for at in _recent(rough, known)
        if (its := _units(way, at, factors)) is not None and its > 0
    ]
    if not days:
        return None
    start = since_jump(days)
    weighed = list(zip(weights(len(days) - start), days[start:], strict=True))
    price = sum(w * amount for w, (amount, _) in weighed) / sum(w * u for w, (_, u) in weighed)
    return price * float(units)


def _recent(amounts: Mapping[date, float], before: date) -> list[date]:
    """Return the last billed days before one, oldest first; gaps are looked across."""
    days = (before - timedelta(days=back) for back in range(2 * REACH, 0, -1))
    return [day for day in days if day in amounts][-REACH:]


def _units(way: Way, day: date, factors: Sequence[float]) -> Decimal | None:
    if way.kind == "time":
        return _decimal(24 * factors[day.weekday()])
    return (way.units or {}).get(day)


def _decimal(value: float) -> Decimal:
    return Decimal(f"{value:.12f}")
