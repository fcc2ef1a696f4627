"""Prices that were agreed or published against prices that the bill charged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from percapita.core import money
from percapita.measure.signals import Finding
from percapita.model.spec import Basis, Condition

_EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)
_SHORT: Final = Context(prec=6, rounding=ROUND_HALF_EVEN)
_HUNDRED: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Tier:
    """A price up to a quantity of one month; the last tier has no end."""

    price: Decimal
    to: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a unit should cost, of lines that fit, in some time."""

    name: str
    match: Mapping[str, Condition]
    tiers: tuple[Tier, ...]
    """One is a flat price. The quantity of a month goes through them."""
    currency: str
    unit: str = ""
    """``PricingUnit`` of the lines; empty is any."""
    per: Decimal = Decimal(1)
    """Units that a price is for."""
    basis: Basis = "effective"
    tolerance: Decimal = Decimal(1)
    """Percent."""
    start: date | None = None
    end: date | None = None
    """Last day."""
    checked: date | None = None
    """Day the price was last looked up."""
    origin: str = ""
    """Where it comes from."""
    above: bool = False
    """Only what is dearer is of interest."""

    @property
    def flat(self) -> Decimal | None:
        """The price of a single unit; ``None`` where it depends on the quantity."""
        return None if len(self.tiers) > 1 else _EXACT.divide(self.tiers[0].price, self.per)

    def cost(self, quantity: Decimal) -> Decimal:
        """Return what a month's quantity should cost."""
        result, below = money.ZERO, money.ZERO
        for tier in self.tiers:
            to = quantity if tier.to is None else min(tier.to, quantity)
            if to > below:
                held = _EXACT.subtract(to, below)
                result = _EXACT.add(result, _EXACT.multiply(held, tier.price))
                below = to
        return money.stored(_EXACT.divide(result, self.per))


class Charged(NamedTuple):
    """What the lines of one price and month came to."""

    at: int
    """Number of the price."""
    period: str
    lines: int
    quantity: Decimal
    cost: Decimal
    off_lines: int
    """Of a flat price: lines whose own price is off by more than the tolerance."""
    off_quantity: Decimal
    off_cost: Decimal


@dataclass(frozen=True, slots=True)
class Judged:
    """Expected against found, of one price and month."""

    price: Price
    period: str
    lines: int
    quantity: Decimal
    expected: Decimal
    """Cost of the quantity at the book's price."""
    cost: Decimal
    off_lines: int
    at_stake: Decimal
    """Found less expected, of what is off; above zero was paid too much."""

    @property
    def expected_price(self) -> Decimal | None:
        """Per unit of the price."""
        return money.quotient(_EXACT.multiply(self.expected, self.price.per), self.quantity)

    @property
    def found_price(self) -> Decimal | None:
        """Likewise."""
        return money.quotient(_EXACT.multiply(self.cost, self.price.per), self.quantity)

    @property
    def percent(self) -> Decimal | None:
        """How far the found price is from the expected one."""
        return money.percent(_EXACT.subtract(self.cost, self.expected), self.expected)

    @property
    def differs(self) -> bool:
        """Tell whether anything is off."""
        return self.off_lines > 0


def judge(prices: Sequence[Price], charged: Iterable[Charged]) -> list[Judged]:
    """Return expected against found, in the order of the book and of time."""
    return [_judged(prices[one.at], one) for one in sorted(charged, key=lambda one: one[:2])]


def _judged(price: Price, one: Charged) -> Judged:
    expected = price.cost(one.quantity)
    off, stake = one.off_lines, money.ZERO
    if price.flat is not None:
        stake = _EXACT.subtract(one.off_cost, price.cost(one.off_quantity))
    elif _is_off(price, expected, one.cost):
        off, stake = one.lines, _EXACT.subtract(one.cost, expected)
    return Judged(price, one.period, one.lines, one.quantity, expected, one.cost, off, stake)


def _is_off(price: Price, expected: Decimal, cost: Decimal) -> bool:
    difference = _EXACT.subtract(cost, expected)
    allowed = _EXACT.divide(_EXACT.multiply(expected, price.tolerance), _HUNDRED)
    return difference > allowed or (not price.above and -difference > allowed)


@dataclass(slots=True)
class _Off:
    lines: int = 0
    of: int = 0
    stake: Decimal = money.ZERO
    periods: list[str] = field(default_factory=list)
    found: list[Decimal] = field(default_factory=list)


def in_currency(finding: Finding, own: str, currency: str) -> Finding:
    """Return a finding whose amount is in one currency, or stands in its message in its own."""
    if own == currency or finding.amount is None:
        return finding
    message = f"{finding.message} At stake: {finding.amount:,.2f} {own}."
    return finding._replace(amount=None, message=message)


def differing(judged: Iterable[Judged], currency: str) -> list[Finding]:
    """Prices of the book that the bill does not keep, each once over its months."""
    found = []
    for price, off in gathered(judged):
        advice = _ADVICE_MORE if off.stake > 0 else _ADVICE_LESS
        finding = Finding(
            "price-differs", "warning", price.name, _said(price, off), off.stake, advice, ""
        )
        found.append(in_currency(finding, price.currency, currency))
    return found


_ADVICE_MORE: Final = (
    "percapita pricebook shows each month. Ask the vendor for the difference, or correct the book."
)
_ADVICE_LESS: Final = "percapita pricebook shows each month. Correct the book if the price is new."


def gathered(judged: Iterable[Judged]) -> list[tuple[Price, _Off]]:
    """Return the prices that are off, with their months together."""
    by_price: dict[int, tuple[Price, _Off]] = {}
    for one in judged:
        if one.differs:
            _, off = by_price.setdefault(id(one.price), (one.price, _Off()))
            off.lines += one.off_lines
            off.of += one.lines
            off.stake = _EXACT.add(off.stake, one.at_stake)
            off.periods.append(one.period)
            if one.found_price is not None:
                off.found.append(one.found_price)
    return list(by_price.values())


def _said(price: Price, off: _Off) -> str:
    low, high = _short(min(off.found)), _short(max(off.found))
    found = low if low == high else f"{low} to {high}"
    when = off.periods[0] if len(off.periods) == 1 else f"{off.periods[0]} to {off.periods[-1]}"
    agreed = "what its tiers come to"
    if price.flat is not None:
        agreed = f"{money.text(price.tiers[0].price)} {price.currency} per {_unit(price)}"
    return (
        f"{off.lines:,} of {counted(off.of)} in {when} are off by more than"
        f" {price.tolerance.normalize():f} %: {found} on average instead of {agreed}."
    )


def counted(lines: int) -> str:
    """Return a number of lines in words."""
    return "1 line" if lines == 1 else f"{lines:,} lines"


def _short(price: Decimal) -> str:
    return money.text(_SHORT.plus(price)) or ""


def _unit(price: Price) -> str:
    number = "" if price.per == 1 else f"{price.per.normalize():f} "
    return f"{number}{price.unit or ('unit' if price.per == 1 else 'units')}"


def stale(prices: Iterable[Price], today: date, after: int) -> list[Finding]:
    """Prices that hold today and were last looked up too long ago."""
    found = []
    for price in prices:
        last = price.checked or price.start
        if last is None or (price.end is not None and price.end < today):
            continue
        if today - last > timedelta(days=after):
            advice = f"Look it up{f' at {price.origin}' if price.origin else ''}, and write the day"
            found.append(
                Finding("price-stale", "info", price.name,
                        f"The price is of {last}, {(today - last).days} days ago.", None,
                        f"{advice} under checked.", "")
            )  # fmt: skip
    return found
