"""What a month will come to: what is billed of it, and the rest at the pace of the last weeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from percapita.core.money import ZERO, percent, stored, total
from percapita.core.periods import month_label, next_month

PACE: Final = 28
"""Days that the pace is taken from: each weekday has the mean of its four last ones."""
FEWEST: Final = 7
"""Days below which all of them make one mean."""
TESTED: Final = 6
"""Earlier months that a forecast is tried on, at most; two at least for an interval."""
_SILENT: Final = timedelta(days=31)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Series:
    """What one source billed under a budget."""

    days: Mapping[date, Decimal]
    """Charges of a day at most, by their local day."""
    through: date | None
    """Day after the last one that the source has billed whole; ``None``: no such charges."""
    months: Mapping[str, Decimal]
    """Longer charges for usage by their billing month: fees that come again."""
    covered: date | None
    """Day after the last one that a longer charge covers."""


class Outlook(NamedTuple):
    """A month's forecast; money is in the model's currency."""

    billed: Decimal
    to_come: Decimal
    through: date | None
    """Day before which everything is billed; ``None``: nothing is."""
    low: Decimal | None
    high: Decimal | None
    """Where the forecast may end, by its misses of earlier months."""
    missed: Decimal | None
    """Largest miss of an earlier month at the same day, in percent of what it came to."""
    tested: int
    """Earlier months that it was tried on."""

    @property
    def forecast(self) -> Decimal:
        """What the month will come to."""
        return total([self.billed, self.to_come])


def outlook(series: Sequence[Series], month: date, actual: Decimal) -> Outlook:
    """Return the forecast of the month that starts on a day; ``actual`` is what is billed of it."""
    end = next_month(month)
    to_come = stored(_decimal(_to_come(series, month)))
    open_days = [one for one in _running(series, month) if one.through]
    through = min((one.through for one in open_days if one.through), default=None)
    if through is None and not to_come:
        through = end if actual else None
    shift = (through - month).days if through else 0
    tests = list(_tests(series, month, shift)) if to_come else []
    low = high = None
    if len(tests) > 1:
        ratios = [Fraction(1), *(ratio for ratio, _ in tests)]
        low, high = (
            total([actual, stored(_decimal(Fraction(to_come) * edge))])
            for edge in (min(ratios), max(ratios))
        )
    missed = max((abs(miss) for _, miss in tests), default=None)
    shown = min(through, end) if through and through > month else None
    return Outlook(actual, to_come, shown, low, high, missed, len(tests))


def _running(series: Sequence[Series], month: date) -> list[Series]:
    """Return the sources that still bill: one that fell silent long before others has ended."""
    lasts = [_last(one) for one in series]
    newest = min(month, max(lasts, default=month))
    return [one for one, last in zip(series, lasts, strict=True) if last >= newest - _SILENT]


def _last(one: Series) -> date:
    return max((day for day in (one.through, one.covered) if day), default=date.min)


def _to_come(series: Sequence[Series], month: date) -> Fraction:
    """Return what is missing of a month: the days that are open, and fees that come again."""
    found = Fraction(0)
    end, label = next_month(month), month_label(month)
    for one in _running(series, month):
        if one.through is not None and one.through < end:
            found += _days_to_come(one, max(one.through, month), one.through, end, known=True)
        elif one.through is not None:
            continue
        earlier = [name for name in one.months if name < label]
        if earlier and label not in one.months and (one.covered is None or one.covered < end):
            found += Fraction(one.months[max(earlier)])
    return found


def _days_to_come(one: Series, first: date, through: date, end: date, *, known: bool) -> Fraction:
    """Return the usual amounts of the days from ``first`` on, less what is billed of them."""
    begun = min((day for day in one.days if day < through), default=through)
    span = min(PACE, (through - begun).days)
    if span <= 0:
        return Fraction(0)
    recent = [through - _DAY * back for back in range(1, span + 1)]
    found, day = Fraction(0), first
    while day < end:
        alike = [at for at in recent if span < FEWEST or at.weekday() == day.weekday()]
        usual = sum((Fraction(one.days.get(at, ZERO)) for at in alike), Fraction(0)) / len(alike)
        had = Fraction(one.days.get(day, ZERO)) if known else Fraction(0)
        # A day that is half billed brings the other half, not the whole once more.
        found += max(usual - had, Fraction(0)) if usual > 0 else usual
        day += _DAY
    return found


def _tests(series: Sequence[Series], month: date, shift: int) -> list[tuple[Fraction, Decimal]]:
    """Forecast earlier months from the same day: (final / forecast of the rest, percent missed)."""
    found: list[tuple[Fraction, Decimal]] = []
    first = month
    for _ in range(TESTED):
        first = (first - _DAY).replace(day=1)
        end, cut = next_month(first), first + _DAY * shift
        dated = [one for one in series if one.through and one.days]
        begun = min((min(one.days) for one in dated), default=first)
        done = all(one.through and one.through >= end for one in dated)
        if not dated or not done or cut >= end or begun > cut - _DAY * FEWEST:
            break
        rest = sum(
            (_days_to_come(one, max(cut, first), cut, end, known=False) for one in dated),
            Fraction(0),
        )
        final = sum((_between(one, max(cut, first), end) for one in dated), Fraction(0))
        whole = sum((_between(one, first, end) for one in dated), Fraction(0))
        miss = percent(_decimal(rest - final), _decimal(whole))
        if rest > 0 and miss is not None:
            found.append((final / rest, miss))
    return found


def _between(one: Series, first: date, end: date) -> Fraction:
    return sum((Fraction(v) for day, v in one.days.items() if first <= day < end), Fraction(0))


def _decimal(value: Fraction) -> Decimal:
    """Return a fraction to 30 digits: enough to round to 18 places afterwards."""
    scale = 10**30
    return Decimal(round(value * scale)).scaleb(-30)
