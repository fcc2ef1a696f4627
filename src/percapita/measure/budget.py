"""Budgets against what was billed and what will be: where each stands, and why it is off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from percapita.core.money import ZERO, percent, stored, text, total
from percapita.measure.outlook import Outlook
from percapita.measure.signals import Finding
from percapita.model.spec import Condition

_EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)

RESTATED, CURRENCY = "restatements", "currency"
USAGE: Final = "usage"
KINDS: Final = ("credits", "tax", "corrections", "purchases", "unused commitments")
"""Kinds of charge that a budget may plan apart; all others are usage."""
VOLUME, MIX, RATE, SPEND = "volume", "mix", "rate", "spend"
CAUSES: Final = (RESTATED, CURRENCY, *KINDS, VOLUME, MIX, RATE, SPEND)
"""In the order they are told; the last two are what is left, with and without planned units."""


class Planned(NamedTuple):
    """Units that a segment's value is planned to have, and what each may cost."""

    units: Mapping[str, int]
    """By month."""
    per_unit: Decimal


@dataclass(frozen=True, slots=True)
class Budget:
    """What some cost may come to, month by month."""

    name: str
    amounts: Mapping[str, Decimal]
    """By month, what is planned apart included."""
    match: Mapping[str, Condition] = field(default_factory=dict)
    pools: tuple[str, ...] = ()
    units: Mapping[str, int] = field(default_factory=dict)
    by: str = ""
    plan: Mapping[str, Planned] = field(default_factory=dict)
    """By value of the segment ``by``."""
    expects: Mapping[str, Decimal] = field(default_factory=dict)
    """Of each month's amount, by kind of charge."""
    rates: Mapping[str, Decimal] = field(default_factory=dict)
    """What currencies were taken to be worth."""
    warn: Decimal = Decimal(90)
    """Percent from which a budget is nearly used up."""
    owner: str = ""

    def units_of(self, month: str) -> int | None:
        """Return the units planned for a month, of all values together."""
        if self.plan:
            known = [one.units[month] for one in self.plan.values() if month in one.units]
            return sum(known) if known else None
        return self.units.get(month)


class Charged(NamedTuple):
    """What lines of one kind, currency and rate came to."""

    kind: str
    currency: str
    """Their own, empty if it is the model's."""
    rate: Decimal | None
    amount: Decimal


class Counted(NamedTuple):
    """Units of a month: of all together, and by value of the segment that was asked for."""

    total: int
    by: Mapping[str | None, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget in one month."""

    budget: Budget
    month: str
    planned: Decimal
    outlook: Outlook
    complete: bool
    """Everything of the month is billed."""
    causes: Mapping[str, Decimal]
    """They sum to actual less planned; empty while the month is not complete."""
    units: int | None = None

    @property
    def actual(self) -> Decimal:
        """What is billed, with what was booked for closed months."""
        return self.outlook.billed

    @property
    def variance(self) -> Decimal:
        """Forecast less planned; the actual is the forecast of a complete month."""
        return _EXACT.subtract(self.outlook.forecast, self.planned)

    @property
    def used(self) -> Decimal | None:
        """Percent of the budget that is spent."""
        return percent(self.actual, self.planned)

    @property
    def status(self) -> str:
        """Over, will be over, nearly used, or within."""
        if self.actual > self.planned:
            return "over"
        if self.outlook.forecast > self.planned:
            return "will be over"
        near = not self.complete and (self.used or ZERO) >= self.budget.warn
        return "nearly used" if near else "within"


def causes(
    budget: Budget, month: str, charged: Sequence[Charged], restated: Decimal,
    counted: Counted | None,
) -> dict[str, Decimal]:  # fmt: skip
    """Tell why a complete month is not what was planned: each difference once, they sum exactly."""
    planned = budget.amounts[month]
    actual = total([restated, *(one.amount for one in charged)])
    found: dict[str, Decimal] = {RESTATED: restated}
    found[CURRENCY] = total([one.amount - _as_planned(budget, one) for one in charged])
    for kind, amount in budget.expects.items():
        mine = [_as_planned(budget, one) for one in charged if one.kind == kind]
        found[kind] = total([*mine, -amount])
    if counted is not None and budget.units_of(month):
        found |= _units(budget, month, counted)
    rest = total([actual, -planned, *(-amount for amount in found.values())])
    found[RATE if VOLUME in found else SPEND] = rest
    return {name: found[name] for name in CAUSES if found.get(name)}


def _as_planned(budget: Budget, one: Charged) -> Decimal:
    """Return an amount at the rate that the budget took."""
    planned = budget.rates.get(one.currency)
    if planned is None or not one.rate:
        return one.amount
    return stored(_EXACT.divide(_EXACT.multiply(one.amount, planned), one.rate))


def _units(budget: Budget, month: str, counted: Counted) -> dict[str, Decimal]:
    """Return what more units, and others than planned, do at the planned cost of each."""
    usual = _EXACT.subtract(budget.amounts[month], total(list(budget.expects.values())))
    units = budget.units_of(month) or 0
    volume = stored(
        _EXACT.divide(_EXACT.multiply(usual, Decimal(counted.total - units)), Decimal(units))
    )
    if not budget.plan:
        return {VOLUME: volume}
    due = total(
        [
            _EXACT.multiply(Decimal(count), budget.plan[value].per_unit)
            for value, count in counted.by.items()
            if value is not None and value in budget.plan
        ]
    )
    others = counted.total - sum(n for v, n in counted.by.items() if v in budget.plan)
    # Units of a value that was not planned cost what the average of the plan does.
    due = _EXACT.add(due, _EXACT.divide(_EXACT.multiply(usual, Decimal(others)), Decimal(units)))
    return {VOLUME: volume, MIX: stored(total([due, -usual, -volume]))}


def findings(standings: Iterable[Standing], currency: str) -> list[Finding]:
    """Return the budgets that are used up, will be, or nearly are."""
    return [made for at in standings if (made := _finding(at, currency))]


def _finding(at: Standing, currency: str) -> Finding | None:
    planned = f"{text(at.planned)} {currency} of {at.month}"
    if at.status == "within":
        return None
    advice = "Find what grew: percapita budget, then percapita cost --by pool,day."
    if at.causes:
        name, amount = max(at.causes.items(), key=lambda item: item[1])
        advice = f"The largest cause is {name}, {text(amount)} {currency}."
    where, stake, owner = at.budget.name, at.variance, at.budget.owner
    if at.status == "over":
        message = f"More than the {planned} are billed."
        return Finding("budget-over", "warning", where, message, stake, advice, owner)
    if at.status == "will be over":
        message = f"At the pace of the last weeks it will exceed the {planned}."
        return Finding("budget-forecast", "warning", where, message, stake, advice, owner)
    message = f"{_short(at.used)} % of the {planned} are used."
    return Finding("budget-near", "info", where, message, stake, advice, owner)


def _short(value: Decimal | None) -> str:
    return "0" if value is None else f"{value.quantize(Decimal('0.1'))}"
