"""An amount over its months, exactly: the parts sum to the whole.

A calendar month that lies whole in the time weighs the same as any other; of one that is cut, the
days count. The whole is billed in one month; the months carry its effective cost.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import lcm
from typing import Final

from percapita.bills.written.documents import Days
from percapita.core import money
from percapita.core.periods import next_month
from percapita.core.split import split

EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)

MONTH: Final = lcm(28, 29, 30, 31)
"""Weight of a whole month: a whole number of parts for each of its days, however many it has."""

Line = dict[str, object]
"""A line's columns by their FOCUS names."""


def months(span: Days) -> Iterator[Days]:
    """Yield the days of each calendar month that a time touches, cut to the time."""
    first = span.start.replace(day=1)
    while first < span.end:
        after = next_month(first)
        yield Days(max(first, span.start), min(after, span.end))
        first = after


def later(day: date, count: int) -> date:
    """Return the same day of a later month; its last day where it has no such day."""
    index = day.year * 12 + day.month - 1 + count
    year, month = index // 12, index % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def weight(span: Days) -> int:
    """Return what a month's days weigh; a whole month weighs ``MONTH``."""
    days = calendar.monthrange(span.start.year, span.start.month)[1]
    return (span.end - span.start).days * (MONTH // days)


def parts(amount: Decimal, span: Days) -> list[tuple[Days, Decimal]]:
    """Cut an amount over the months of a time; the parts sum to it."""
    touched = list(months(span))
    return list(zip(touched, split(amount, [weight(part) for part in touched]), strict=True))


@dataclass(frozen=True, slots=True)
class Charge:
    """One thing charged for a time: it becomes one line, or one that is billed and one a month."""

    span: Days
    billed: Decimal
    columns: Mapping[str, object] = field(default_factory=dict)
    """What its lines say beside costs, quantity and dates."""
    at: date | None = None
    """A day of the month that it is billed in; the month that the time starts in unless said."""
    quantity: Decimal | None = None
    listed: Decimal | None = None
    """At the list price; ``None`` is not known."""
    category: str = "Usage"

    @property
    def billing_month(self) -> date:
        """The first day of the month that it is billed in."""
        return (self.at or self.span.start).replace(day=1)

    def lines(self) -> Iterator[Line]:
        """Yield its lines, columns by their FOCUS names."""
        touched = list(months(self.span))
        if len(touched) == 1 and self.span.start.replace(day=1) == self.billing_month:
            yield {**self._line(self.span, self.category, self.billed), "BilledCost": self.billed,
                   "ListCost": self.listed, "PricingQuantity": self.quantity}  # fmt: skip
            return
        yield self.once()
        columns = [_over(amount, self.span) for amount in (self.billed, self.quantity, self.listed)]
        for span, cost, quantity, listed in zip(touched, *columns, strict=True):
            yield {**self.part(span, cost or money.ZERO, quantity), "ListCost": listed}

    def once(self) -> Line:
        """Return the line that is billed; its effective cost stands in other lines."""
        category = "Purchase" if self.category == "Usage" else self.category
        line = {**self._line(self.span, category, money.ZERO), "BilledCost": self.billed}
        return {**line, **billing_month(self.billing_month)}

    def part(self, span: Days, effective: Decimal, quantity: Decimal | None = None) -> Line:
        """Return the line of a time that carries a part of the effective cost."""
        category = self.category if self.category in ("Tax", "Credit") else "Usage"
        return {**self._line(span, category, effective), "PricingQuantity": quantity}

    def _line(self, span: Days, category: str, effective: Decimal) -> Line:
        return {
            **self.columns,
            "ChargeCategory": category,
            **billing_month(span.start),
            "ChargePeriodStart": span.start,
            "ChargePeriodEnd": span.end,
            "BilledCost": money.ZERO,
            "EffectiveCost": effective,
            "ContractedCost": effective,
        }


def _over(amount: Decimal | None, span: Days) -> Sequence[Decimal | None]:
    if amount is None:
        return [None for _ in months(span)]
    return [part for _, part in parts(amount, span)]


def billing_month(day: date) -> Line:
    """Return the billing period that a day lies in."""
    first = day.replace(day=1)
    return {"BillingPeriodStart": first, "BillingPeriodEnd": next_month(first)}
