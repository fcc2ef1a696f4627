"""What was earned in a period: spans pro-rated by days, exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from percapita.core.money import ZERO, total
from percapita.core.periods import month_label
from percapita.core.split import split
from percapita.measure.question import Dimension, Question
from percapita.measure.units import Days

_EXACT: Final = Context(prec=120)

Key = tuple[str | None, ...]
"""Values of the question's ``unit_dimensions``."""


class Paid(NamedTuple):
    """A number of equal payments by payers that a question cannot tell apart."""

    values: Mapping[Dimension, str | None]
    """Of the receiver's dimensions."""
    start: date
    end: date
    """Exclusive."""
    amount: Decimal
    """Of one payment, for its whole span."""
    times: int
    day: date | None
    """The one day of the span that these values hold for; ``None``: they hold for all of it."""


class Earned(NamedTuple):
    """Revenue of the rows and of all."""

    rows: Mapping[Key, Decimal]
    total: Decimal


def earned(paid: Iterable[Paid], question: Question, days: Days) -> Earned:
    """Return the revenue of the days, by what units are told apart by."""
    rows: dict[Key, Decimal] = {}
    receivers = [at for at in question.dimensions if at.of_receiver]
    timed = any(at.place == "time" for at in question.dimensions)
    for item in paid:
        if not question.wants(item.values, receivers):
            continue
        for day, amount in _amounts(item, days, daily=timed):
            when = {"day": day.isoformat(), "month": month_label(day)}
            if any(at.place == "time" and when[at.source] != v for at, v in question.where):
                continue
            key = tuple(
                when[at.source] if at.place == "time" else item.values[at]
                for at in question.unit_dimensions
            )
            added = _EXACT.multiply(amount, Decimal(item.times))
            rows[key] = _EXACT.add(rows.get(key, ZERO), added)
    return Earned(rows, total(list(rows.values())))


def _amounts(item: Paid, days: Days, *, daily: bool) -> Iterable[tuple[date, Decimal]]:
    """Yield what one payment brings in the days: day by day, or in one sum."""
    first, last = max(item.start, days.first), min(item.end, days.last)
    if item.day is not None:
        first, last = max(first, item.day), min(last, item.day + timedelta(days=1))
    if first >= last:
        return
    parts = by_day(item.amount, (item.end - item.start).days)
    offset = (first - item.start).days
    wanted = parts[offset : offset + (last - first).days]
    if not daily:
        whole = len(wanted) == len(parts)
        yield first, item.amount if whole else total(list(wanted))
        return
    for at, amount in enumerate(wanted):
        yield first + timedelta(days=at), amount


@lru_cache(maxsize=4096)
def by_day(amount: Decimal, days: int) -> tuple[Decimal, ...]:
    """Split a payment evenly over the days of its span."""
    return tuple(split(amount, [1] * days))
