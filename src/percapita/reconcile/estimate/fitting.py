"""Which way a pool is estimated, at which price, and how wrong that way was before.

Every past day is estimated again from what was known so long before it as the bill is behind now;
what the bill then said gives one error. The errors choose the way, where the model left it open,
and make the interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Context, Decimal
from statistics import median
from typing import Final, Literal, NamedTuple

from percapita.reconcile.estimate.interval import NOTHING_KNOWN, Interval, calibrate
from percapita.reconcile.estimate.price import REACH, Billed, last_known, since_jump, weights
from percapita.reconcile.estimate.season import FLAT, ratios, weekdays

Kind = Literal["meter", "time", "cost"]
PAST: Final = 63
"""Days that are estimated again."""
_MONTHS: Final = 370
"""How far back months are, where bills come by the month."""
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
    guessed: Mapping[date, Decimal] | None = None
    """Units of a day as they were known before its bill, where that differs."""


TIME: Final = Way("time")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A pool's price, and how well it did."""

    way: Way
    price: Decimal | None
    """``None``: nothing was ever billed, so there is no estimate."""
    factors: tuple[float, ...]
    """Of time: what an hour of each weekday counts; Monday first."""
    errors: Mapping[date, float]
    """(final - estimate) / |estimate| of past days."""
    estimates: Mapping[date, Decimal]
    """What past days were estimated as, or would have been."""
    interval: Interval = NOTHING_KNOWN

    def amount(self, units: Decimal) -> Decimal:
        """Return the money of some units."""
        return _EXACT.multiply(self.price or Decimal(0), units).quantize(_PLACES, context=_EXACT)

    def hours(self, day: date, hours: Decimal) -> Decimal:
        """Return the units of hours of a day, for the way ``time``."""
        return _EXACT.multiply(hours, _decimal(self.factors[day.weekday()]))


def fits(
    billed: Mapping[date, Decimal], ways: Sequence[Way], *, end: date, lag: int,
    monthly: bool = False,
) -> list[Fitted]:  # fmt: skip
    """Fit every way, in order; none has an interval yet.

    Args:
        billed: each day's amount as the bill says it now.
        ways: what the cost may move with.
        end: the first day that the bill does not cover.
        lag: how many days before a day the bill known then ended; at least 1.
        monthly: bills come by the month, so only the same days of past months tell.
    """
    amounts = {day: amount for day, amount in billed.items() if day < end}
    return [_fit(amounts, way, _Past(end, max(lag, 1), monthly)) for way in ways]


def choose(tried: Sequence[Fitted]) -> Fitted:
    """Return the first way, unless another did clearly better."""
    best = tried[0]
    for other in tried[1:]:
        if _wrong(other) < _WORTH * _wrong(best):
            best = other
    return best


def calibrated(
    fitted: Fitted, billed: Mapping[date, Decimal], made: Mapping[date, Decimal]
) -> Fitted:
    """Return a pool's price with its interval.

    Args:
        fitted: the way that was chosen.
        billed: each day's amount as the bill says it now.
        made: estimates of past days that were truly made: they tell more than what can be worked
            out later, when bills have been corrected.
    """
    told = {day: its for day, its in made.items() if day in billed}
    estimates = {**fitted.estimates, **told}
    errors = dict(fitted.errors)
    for day, its in told.items():
        errors[day] = _error(float(billed[day]), float(its))
    ordered = [errors[day] for day in sorted(errors)][-PAST:]
    return replace(fitted, errors=errors, estimates=estimates, interval=calibrate(ordered))


def _wrong(fitted: Fitted) -> float:
    recent = [abs(error) for error in fitted.errors.values()][-28:]
    if fitted.price is None or not recent:
        return float("inf")
    return median(recent) + 1e-12


class _Past(NamedTuple):
    """Which past days are estimated again, and what was known before each."""

    end: date
    lag: int
    monthly: bool

    def days(self) -> Iterator[tuple[date, date]]:
        """Yield days, and the first day that was not billed when each was estimated."""
        for back in range(_MONTHS if self.monthly else PAST, 0, -1):
            day = self.end - timedelta(days=back)
            if not self.monthly:
                yield day, day - timedelta(days=self.lag - 1)
            elif day.day == min(self.lag, 28):
                yield day, day.replace(day=1)


def _fit(amounts: Mapping[date, Decimal], way: Way, past: _Past) -> Fitted:
    rough = {day: float(amount) for day, amount in amounts.items()}
    beside = ratios(rough) if way.kind == "time" else {}
    estimates: dict[date, Decimal] = {}
    errors: dict[date, float] = {}
    for day, known in past.days():
        if day not in rough:
            continue
        guess = _guess(rough, way, day, known, weekdays(beside, known) if beside else FLAT)
        if guess is not None:
            estimates[day] = _decimal(guess)
            errors[day] = _error(rough[day], guess)
    factors = weekdays(beside, past.end) if beside else FLAT
    days = [
        Billed(amounts[day], units)
        for day in _recent(rough, past.end)
        if (units := _units(way, day, factors)) is not None
    ]
    return Fitted(way, last_known(days), factors, errors, estimates)


def _error(final: float, guess: float) -> float:
    size = abs(guess) or abs(final)
    return (final - guess) / size if size else 0.0


def _guess(
    rough: Mapping[date, float], way: Way, day: date, known: date, factors: Sequence[float]
) -> float | None:
    """Estimate one past day from the bill of the days before ``known``."""
    units = _units(way, day, factors) if way.guessed is None else way.guessed.get(day)
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
