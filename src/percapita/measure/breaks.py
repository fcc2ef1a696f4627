"""What broke from one time to the next: silence of a meter, a rate that jumped, a sample that errs.

Every function takes small sums and returns findings, each with its evidence and money.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from statistics import median
from typing import Final, NamedTuple

from percapita.core import money
from percapita.measure.signals import Finding

RATE_RISE: Final = Decimal(5)
"""Percent that a unit price rises by before it is a finding."""
STEADY: Final = Decimal(20)
"""Percent that usage may move by and still count as constant."""
QUIET: Final = 10
"""A day is silent that has less than one part in this many of a like day."""
_LIKE_DAYS: Final = 4
"""Weeks that the same weekday is looked at for."""
_LEAST_DAYS: Final = 5
"""Days that must be known before silence means anything."""
_ASTRAY: Final = Decimal(5)
"""Percent that a sample may differ from the total before it is a finding, whatever its interval."""


class Rate(NamedTuple):
    """What one price of a vendor's service came to in one month."""

    period: str
    service: str
    price: str
    """SKU, or what else tells prices apart."""
    unit: str
    quantity: Decimal
    amount: Decimal


class Silence(NamedTuple):
    """Days of a meter that have next to nothing."""

    meter: str
    service: str
    """Empty for the meter as a whole."""
    first: date
    last: date
    before: int
    """What a like day had, in base units."""


class Estimated(NamedTuple):
    """What a sample adds up to, and what an unsampled meter knows."""

    meter: str
    service: str
    estimate: Decimal
    half: Decimal
    """Of its interval."""
    total: Decimal
    by: str


def rate_jumps(rates: Iterable[Rate]) -> list[Finding]:
    """F7: a unit price rose in the newest month while usage was about the same."""
    by_price: dict[tuple[str, str, str], dict[str, Rate]] = {}
    for rate in rates:
        if rate.quantity > 0 and rate.amount > 0:
            found = by_price.setdefault((rate.service, rate.price, rate.unit), {})
            found[rate.period] = rate
    newest = max((max(months) for months in by_price.values()), default="")
    jumps: dict[str, list[tuple[Decimal, str]]] = {}
    for (service, price, unit), months in by_price.items():
        earlier = [period for period in months if period < newest]
        if newest not in months or not earlier:
            continue
        jump = _jump(months[max(earlier)], months[newest], price, unit)
        if jump is not None:
            jumps.setdefault(service, []).append(jump)
    return [_rate_finding(service, sorted(found, reverse=True)) for service, found in jumps.items()]


def _jump(old: Rate, new: Rate, price: str, unit: str) -> tuple[Decimal, str] | None:
    """Return what a price rose by in money, and in words; ``None``: it did not, or usage moved."""
    before = money.quotient(old.amount, old.quantity)
    now = money.quotient(new.amount, new.quantity)
    if before is None or now is None or before <= 0:
        return None
    rise, moved = (now / before - 1) * 100, (new.quantity / old.quantity - 1) * 100
    if rise < RATE_RISE or abs(moved) > STEADY:
        return None
    said = (
        f"{price or 'its price'} is {now:.4g} per {unit or 'unit'} in {new.period}, {before:.4g} in"
        f" {old.period}: {rise:+.1f} %, at {moved:+.1f} % usage"
    )
    return (now - before) * new.quantity, said


def _rate_finding(service: str, jumps: Sequence[tuple[Decimal, str]]) -> Finding:
    more = f" {len(jumps) - 1:,} more prices of it rose." if len(jumps) > 1 else ""
    return Finding(
        "F7", "warning", service, f"{jumps[0][1]}.{more}",
        money.total([amount.quantize(Decimal("0.01")) for amount, _ in jumps]),
        "Ask the vendor, or find the discount that ended: percapita pricebook and contracts.",
        "",
    )  # fmt: skip


def silences(days: Mapping[tuple[str, str], Mapping[date, int]], last: date) -> list[Silence]:
    """Return the silent days of each (meter, service) up to and with a day, run by run."""
    found = []
    for (meter, service), used in sorted(days.items()):
        quiet = list(_quiet(used, last))
        for _, run in groupby(enumerate(quiet), lambda one: one[1][0] - timedelta(days=one[0])):
            spell = [one for _, one in run]
            found.append(Silence(meter, service, spell[0][0], spell[-1][0], spell[0][1]))
    whole = {(s.meter, s.first, s.last) for s in found if not s.service}
    return [s for s in found if not s.service or (s.meter, s.first, s.last) not in whole]


def _quiet(used: Mapping[date, int], last: date) -> Iterator[tuple[date, int]]:
    """Yield days with next to nothing, each with what a like day before had."""
    known = {day: quantity for day, quantity in used.items() if quantity > 0}
    if len(known) < _LEAST_DAYS:
        return
    day = min(known) + timedelta(days=_LEAST_DAYS)
    while day <= last:
        weeks = [day - timedelta(weeks=back) for back in range(1, _LIKE_DAYS + 1)]
        like = [known[one] for one in weeks if one in known]
        if len(like) < 2:  # noqa: PLR2004 one day alone is no pattern
            like = [quantity for one, quantity in known.items() if one < day]
        usual = int(median(like)) if like else 0
        if used.get(day, 0) * QUIET < usual:
            yield day, usual
        day += timedelta(days=1)


def gaps(found: Iterable[Silence], cost: Mapping[str, Mapping[date, Decimal]]) -> list[Finding]:
    """F9: a meter fell silent while what it splits went on costing.

    ``cost`` has meter and day to the money of the pools that the meter splits.
    """
    result = []
    for one in found:
        days = [one.first + timedelta(days=at) for at in range((one.last - one.first).days + 1)]
        amounts = [cost.get(one.meter, {}).get(day, Decimal(0)) for day in days]
        spent = money.total(amounts)
        if spent <= 0:
            continue
        until = f" to {one.last}" if one.last > one.first else ""
        whose = f" of {one.service}" if one.service else ""
        result.append(
            Finding(
                "F9",
                "warning",
                f"{one.meter}{whose}",
                f"Next to nothing on {one.first}{until}; a like day had {one.before:,} base units."
                " Silence is not zero use: what it splits went on costing.",
                spent,
                "Find out what stopped sending, import what is missing, and run again.",
                "",
            )
        )
    return result


def astray(found: Iterable[Estimated]) -> list[Finding]:
    """F2: a sample adds up to something else than the unsampled meter of the same service."""
    result = []
    for one in found:
        off = one.estimate - one.total
        percent = money.percent(off, one.total)
        if percent is None or abs(percent) < _ASTRAY or abs(off) <= 2 * one.half:
            continue
        result.append(
            Finding(
                "F2",
                "warning",
                f"{one.meter} of {one.service}",
                f"The sample adds up to {one.estimate:,.0f} ± {one.half:,.0f}, {one.by} counted"
                f" {one.total:,.0f}: {percent:+.1f} %, more than chance explains.",
                None,
                "See whether the sampler says with which probability it keeps, and whether some"
                " hop drops spans.",
                "",
            )
        )
    return result
