"""What the live estimate says at one moment: the words that pages, commands and the API read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Context, Decimal

from percapita.core.money import ZERO, quotient
from percapita.reconcile.estimate.spending import Money

_EXACT = Context(prec=40)
STATUS = "estimate"
"""What every figure here is, until the bill comes."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one value of the question costs."""

    key: str | None
    today: Money
    hour: Money
    """Of the last sixty minutes."""
    active: int | None = None
    """Active in the trailing 24 hours."""

    @property
    def per_dau(self) -> Money | None:
        """Spend of the last 60 minutes x 24 / active in the trailing 24 hours."""
        if not self.active:
            return None
        low, amount, high = (
            quotient(at * 24, self.active) or ZERO
            for at in (self.hour.low, self.hour.amount, self.hour.high)
        )
        return Money(amount, low, high)


@dataclass(frozen=True, slots=True)
class PoolNow:
    """What one pool costs, and how that is known."""

    pool: str
    way: str
    """meter, time or cost."""
    meter: str
    price: Decimal | None
    """Of one unit: of the meter's base unit, of an hour, of a unit of other cost."""
    today: Money
    hour: Money
    billed: Decimal
    """Of today, what the bill says already."""
    through: date | None
    """The last day that every bill of the pool covers."""
    errors: int
    """Past days that the interval is calibrated on."""
    cold: bool
    silent: Decimal
    """Hours of today in which the meter said nothing."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A meter that says nothing though pools are priced by it."""

    meter: str
    pools: tuple[str, ...]
    since: datetime | None
    """``None``: it was never heard."""
    hours: Decimal
    """Of today; what they cost is taken as usual."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """How much of a meter's usage today names a subject."""

    meter: str
    quantity: int
    attributed: int


@dataclass(frozen=True, slots=True)
class Sampled:
    """How a meter's signals of today were sampled."""

    meter: str
    signals: int
    sampled: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Live:
    """The estimate at one moment."""

    as_of: datetime
    day: date
    zone: str
    currency: str
    basis: str
    unit: str
    run: str
    model: str
    by: str
    total: Row
    quarter: Money
    """Rate an hour by the last fifteen minutes."""
    rows: Sequence[Row]
    beside: Sequence[Row]
    """Cost of nobody in particular: idle, anonymous, bots …"""
    pools: Sequence[PoolNow]
    unbilled_since: date | None
    unbilled: Money
    """Of all whole days that some bill does not cover yet, and of today."""
    bills: Mapping[str, date]
    """Source to the last day that its bill covers."""
    telemetry: datetime | None
    """When readings last came in."""
    missing: Sequence[Missing] = ()
    attribution: Sequence[Attribution] = ()
    sampling: Sequence[Sampled] = ()
    notes: Sequence[str] = ()


def together(parts: Sequence[Money]) -> Money:
    """Return the sum of amounts that err independently: their half-widths add as squares."""
    amount = sum((part.amount for part in parts), ZERO)
    low = _root([part.amount - part.low for part in parts])
    high = _root([part.high - part.amount for part in parts])
    return Money(amount, amount - low, amount + high)


def _root(widths: Sequence[Decimal]) -> Decimal:
    squares = sum((_EXACT.multiply(width, width) for width in widths), ZERO)
    return _EXACT.sqrt(squares).quantize(Decimal("1e-9"), context=_EXACT)


def share(whole: Money, part: Decimal) -> Money:
    """Return a part of an amount, with the same relative interval."""
    if not whole.amount:
        return Money(part, part, part)
    factor = _EXACT.divide(part, whole.amount)
    low, high = (
        _EXACT.multiply(end, factor).quantize(Decimal("1e-9"), context=_EXACT)
        for end in (whole.low, whole.high)
    )
    return Money(part, min(low, high, part), max(low, high, part))


def widened(part: Money, whole: Money, half: Decimal) -> Money:
    """Return a part of an amount whose share is unsure by so much: both errors add as squares.

    Nobody has less than nothing, or more than all.
    """
    if not half:
        return part
    width = _EXACT.multiply(abs(whole.amount), half)
    low = part.amount - _root([part.amount - part.low, width])
    high = part.amount + _root([part.high - part.amount, width])
    if whole.amount < 0:
        return Money(part.amount, max(low, min(whole.low, part.low)), min(high, ZERO))
    return Money(part.amount, max(low, ZERO), min(high, max(whole.high, part.high)))
