"""What a quantity costs: by a price, by tiers, out of a prepaid pack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from percapita.bills.written.documents import Days
from percapita.bills.written.invoice.grammar import STEPS, Every, Item, Tier
from percapita.bills.written.schedules import EXACT, later
from percapita.core import money


class Priced(NamedTuple):
    """A quantity at one price."""

    quantity: Decimal | None
    amount: Decimal
    tier: int = 0
    """Number of its tier, 0 where there are none."""


class Drawn(NamedTuple):
    """What a month takes out of a pack, and what it uses beyond."""

    month: date
    inside: Decimal
    beyond: Decimal


def intervals(span: Days, every: Every) -> Iterator[Days]:
    """Yield the times that are charged; the last may be short."""
    step = STEPS.get(every)
    if step is None:
        yield span
        return
    count = 0
    while (start := later(span.start, count)) < span.end:
        count += step
        yield Days(start, min(later(span.start, count), span.end))


def rounded(amount: Decimal, decimals: int | None) -> Decimal:
    """Round half up to so many places; ``None`` keeps every digit."""
    if decimals is None:
        return amount
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, EXACT)


class Rounding:
    """Rounds amounts of a kind so that they sum to their rounded sum."""

    def __init__(self, decimals: int | None) -> None:
        self._decimals = decimals
        self._sums: dict[object, Decimal] = {}

    def next(self, kind: object, amount: Decimal) -> Decimal:
        """Return what the amount adds to the rounded sum of its kind."""
        before = self._sums.get(kind, money.ZERO)
        after = self._sums[kind] = EXACT.add(before, amount)
        return EXACT.subtract(rounded(after, self._decimals), rounded(before, self._decimals))


def cost(quantity: Decimal, price: Decimal, per: Decimal) -> Decimal:
    """Return quantity x price / per."""
    return EXACT.divide(EXACT.multiply(quantity, price), per)


def priced(item: Item, quantity: Decimal | None) -> list[Priced]:
    """Return what an item costs one time, a row per price."""
    if item.amount is not None:
        return [Priced(quantity, item.amount)]
    used = money.ZERO if quantity is None else quantity
    if item.price is not None:
        return [Priced(used, cost(used, item.price, item.per))]
    found = _volume(item, used) if item.pricing == "volume" else _graduated(item, used)
    return found or [Priced(used, money.ZERO, 1)]


def _volume(item: Item, used: Decimal) -> list[Priced]:
    number, tier = next(
        (number, tier)
        for number, tier in enumerate(item.tiers, 1)
        if tier.to is None or used <= tier.to
    )
    return [Priced(used, cost(used, tier.price, item.per), number)]


def _graduated(item: Item, used: Decimal) -> list[Priced]:
    found = []
    below = money.ZERO
    for number, tier in enumerate(item.tiers, 1):
        held = EXACT.subtract(_least(used, tier), below)
        if held > 0:
            found.append(Priced(held, cost(held, tier.price, item.per), number))
        below = used if tier.to is None else tier.to
    return found


def _least(used: Decimal, tier: Tier) -> Decimal:
    return used if tier.to is None else min(used, tier.to)


def drawn(pack: Decimal, used: Sequence[tuple[date, Decimal]]) -> list[Drawn]:
    """Return what each month takes out of a pack, first to last."""
    left, found = pack, []
    for month, quantity in used:
        inside = min(quantity, left)
        left = EXACT.subtract(left, inside)
        found.append(Drawn(month, inside, EXACT.subtract(quantity, inside)))
    return found


def whole(quantities: Sequence[Decimal]) -> list[int]:
    """Return quantities as whole numbers in the same proportion."""
    places = max((-int(q.as_tuple().exponent) for q in quantities), default=0)
    return [int(EXACT.scaleb(q, max(places, 0))) for q in quantities]
