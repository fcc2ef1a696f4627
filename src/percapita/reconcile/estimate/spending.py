"""The money of any span that no bill covers yet, pool by pool, with its interval.

Capacity and billable meters are priced first; nothing here knows who used what. What the bill
covers already is taken from it, and a fee that was billed ahead is not estimated again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Context, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from percapita.core.money import ZERO
from percapita.core.periods import Span, days
from percapita.model.spec import Model
from percapita.reconcile.estimate.fitting import Fitted, Way, calibrated, choose, fits
from percapita.reconcile.estimate.interval import Interval, calibrate
from percapita.reconcile.estimate.meters import Meter, hours_of
from percapita.reconcile.estimate.ways import Key, Terms, Wanted, key, ways

_EXACT = Context(prec=60)
_PLACES = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class Series:
    """What one source billed of one pool."""

    pool: str
    source: str
    billed: Mapping[date, Decimal]
    """Every local day that the bill covers, those without a charge as zero."""
    end: date
    """The first day that is not billed."""
    apart: Mapping[date, Decimal] = field(default_factory=dict)
    """Of what is billed, credits and commitments."""
    monthly: bool = False
    """Bills come by the month."""
    made: Mapping[date, Decimal] = field(default_factory=dict)
    """What days were estimated as when they ended."""


class Money(NamedTuple):
    """An estimated amount and the ends of its 90 % interval."""

    amount: Decimal
    low: Decimal
    high: Decimal

    def plus(self, other: Money) -> Money:
        """Return the sum; the ends are added, as if both erred the same way."""
        return Money(*(a + b for a, b in zip(self, other, strict=True)))


NOTHING = Money(ZERO, ZERO, ZERO)


@dataclass(frozen=True, slots=True)
class Priced:
    """A series with its way and price."""

    series: Series
    fitted: Fitted
    level: Fitted
    """What time alone would cost: stands in where the meter says nothing."""
    terms: Terms = ()


class Spent(NamedTuple):
    """What a pool costs in a span."""

    money: Money
    billed: Decimal
    """Of it, what the bill says already."""
    silent: Decimal
    """Hours in which its meter said nothing: taken as usual, never as zero."""
    units: Decimal | None
    """Of the meter, where the pool is priced by one."""


@dataclass(slots=True)
class Spending:
    """Prices every series once; then any span can be asked for."""

    model: Model
    series: Sequence[Series]
    meters: Mapping[Key, Meter]
    """What each meter that some pool may be priced by said so far."""
    tz: ZoneInfo
    today: date
    priced: list[Priced] = field(default_factory=list)
    whole: Interval = field(init=False)
    """Of the sum of all pools: they do not all err the same way."""

    def __post_init__(self) -> None:
        """Fit every series; those in proportion to cost come last, the others are their units."""
        for at in self.series:
            first = ways(self.model, at.pool)[0].kind
            if first != "cost":
                self.priced.append(self._priced(at, Way("cost")))
        others = Way("cost", units=self._billed_cost(), guessed=self._guessed_cost())
        for at in self.series:
            if ways(self.model, at.pool)[0].kind == "cost":
                self.priced.append(self._priced(at, others))
        self.whole = _whole(self.priced)

    def _priced(self, series: Series, others: Way) -> Priced:
        wanted = ways(self.model, series.pool)
        if series.monthly and len(wanted) > 1 and wanted[0].kind == "meter":
            # Bills by the month say nothing of what a day's usage costs.
            wanted = wanted[1:]
        made = [self._way(one, others) for one in wanted]
        tried = fits(
            series.billed,
            [*made, *([] if any(way.kind == "time" for way in made) else [Way("time")])],
            end=series.end,
            lag=(self.today - series.end).days + 1,
            monthly=series.monthly and wanted[0].kind != "cost",
        )
        best = choose(tried[: len(made)])
        level = next(fitted for fitted in tried if fitted.way.kind == "time")
        if best.price is None:
            best = level
        best = calibrated(best, series.billed, series.made)
        terms = wanted[0].terms if best.way.kind == "meter" else ()
        return Priced(series, best, level, terms)

    def _way(self, wanted: Wanted, others: Way) -> Way:
        if wanted.kind == "meter":
            name = ", ".join(driver.meter for driver, _ in wanted.terms)
            return Way("meter", name, self.meters[key(wanted.terms)].by_day())
        return others if wanted.kind == "cost" else Way(wanted.kind)

    def _billed_cost(self) -> dict[date, Decimal]:
        """Return what the pools that are priced so far were billed on days that all cover."""
        begun = [priced.series for priced in self.priced if priced.series.billed]
        if not begun:
            return {}
        found: dict[date, Decimal] = {}
        for series in begun:
            for day, amount in series.billed.items():
                found[day] = found.get(day, ZERO) + amount
        through = max(series.end for series in begun)
        late = [series for series in begun if series.end < through]
        for series in late:
            # A source that is behind is taken to go on as it last was.
            last = series.billed.get(max(series.billed), ZERO)
            for day in found:
                if day >= series.end:
                    found[day] += last
        return found

    def _guessed_cost(self) -> dict[date, Decimal]:
        """Return what those pools were estimated to cost on days that each was estimated."""
        told = [one.fitted.estimates for one in self.priced if not one.series.monthly]
        common = set.intersection(*map(set, told)) if told else set()
        monthly = [one.series.billed for one in self.priced if one.series.monthly]
        return {
            day: sum((its[day] for its in told), ZERO)
            + sum((its.get(day, ZERO) for its in monthly), ZERO)
            for day in common
        }

    def by_terms(self, terms: Terms) -> Meter:
        """Return a meter that some pool may be priced by."""
        return self.meters[key(terms)]

    def meter(self, priced: Priced) -> Meter:
        """Return the meter that a series is priced by."""
        return self.meters[key(priced.terms)]

    def over(self, span: Span, now: datetime) -> dict[str, Spent]:
        """Return what every pool costs in a span; nothing is counted after ``now``."""
        result: dict[str, Spent] = {}
        for priced, spent in self.each(span, now):
            before = result.get(priced.series.pool)
            result[priced.series.pool] = spent if before is None else _joined(before, spent)
        return result

    def each(self, span: Span, now: datetime) -> Iterator[tuple[Priced, Spent]]:
        """Yield what each source bills of each pool in a span."""
        cost = ZERO
        for priced in self.priced:
            units = cost if priced.fitted.way.kind == "cost" else None
            spent = self._spent(priced, span, now, units)
            if ways(self.model, priced.series.pool)[0].kind != "cost":
                cost += spent.money.amount
            yield priced, spent

    def _spent(self, priced: Priced, span: Span, now: datetime, cost: Decimal | None) -> Spent:
        billed, open_span = self._split(priced, span, now)
        if open_span is None:
            return Spent(Money(billed, billed, billed), billed, ZERO, None)
        fitted, silent, units = priced.fitted, ZERO, None
        if fitted.way.kind == "meter":
            read = self.meter(priced).over(open_span)
            units, silent = read.units, read.silent
            amount = fitted.amount(units) + self._level(priced.level, open_span, silent)
        elif fitted.way.kind == "cost" and cost is not None:
            amount = fitted.amount(cost)
        else:
            amount = self._level(priced.level, open_span, hours_of(open_span))
        low, high = fitted.interval.around(amount)
        return Spent(Money(billed + amount, billed + low, billed + high), billed, silent, units)

    def _split(self, priced: Priced, span: Span, now: datetime) -> tuple[Decimal, Span | None]:
        """Return what the bill says of a span, and the rest of it."""
        series, billed, start = priced.series, ZERO, span.start
        for day, whole in days(span, self.tz):
            if day >= series.end:
                break
            inside = whole.overlap(Span(span.start, min(span.end, now)))
            if inside is not None:
                billed += self._part_of(priced, series.billed.get(day, ZERO), inside, whole)
            start = whole.end
        end = min(span.end, now)
        return billed, Span(max(start, span.start), end) if start < end else None

    def _part_of(self, priced: Priced, amount: Decimal, inside: Span, whole: Span) -> Decimal:
        """Return what falls on a part of a billed day: by its meter if that tells, else by time."""
        if inside == whole or priced.fitted.way.kind != "meter":
            return _share(amount, inside, whole)
        meter = self.meter(priced)
        day = meter.over(whole)
        if day.silent or not day.units:
            return _share(amount, inside, whole)
        part = _EXACT.multiply(amount, meter.over(inside).units)
        return _EXACT.divide(part, day.units).quantize(_PLACES, context=_EXACT)

    def _level(self, level: Fitted, span: Span, hours: Decimal) -> Decimal:
        """Return what hours of a span cost by time alone."""
        if not hours:
            return ZERO
        part = _EXACT.divide(hours, hours_of(span))
        units = ZERO
        for day, whole in days(span, self.tz):
            inside = whole.overlap(span)
            if inside is not None:
                units += level.hours(day, _EXACT.multiply(hours_of(inside), part))
        return level.amount(units)


def _share(amount: Decimal, inside: Span, whole: Span) -> Decimal:
    if inside == whole:
        return amount
    part = _EXACT.multiply(amount, Decimal(inside.microseconds))
    return _EXACT.divide(part, Decimal(whole.microseconds)).quantize(_PLACES, context=_EXACT)


def _joined(one: Spent, other: Spent) -> Spent:
    units = one.units if other.units is None else other.units
    return Spent(
        one.money.plus(other.money), one.billed + other.billed,
        max(one.silent, other.silent), units,
    )  # fmt: skip


def _whole(priced: Sequence[Priced]) -> Interval:
    """Calibrate the sum of all series on the days that each of them was estimated again."""
    told = [one for one in priced if one.fitted.errors and not one.series.monthly]
    common = set.intersection(*(set(one.fitted.errors) for one in told)) if told else set()
    errors = []
    for day in sorted(common):
        guess = sum((one.fitted.estimates[day] for one in told), ZERO)
        final = sum((one.series.billed[day] for one in told), ZERO)
        if guess:
            errors.append(float((final - guess) / abs(guess)))
    return calibrate(errors)
