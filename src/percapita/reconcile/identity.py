"""The identity of every reconciliation, by billing period and pool.

bill_total = allocated + idle + anonymous + bots + erased + excluded + unallocated + rounding. The
left side is summed from the lines as imported, the right side from the run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final

from percapita.core.errors import ProofError
from percapita.core.money import ZERO, text, total
from percapita.core.subjects import CLASS_OF_KIND, CLASSES
from percapita.store.read.bill import Billed, Put

_EXACT: Final = Context(prec=120)
ALLOCATED: Final = "allocated"


@dataclass(slots=True)
class Identity:
    """One bill total and the classes it falls into."""

    bill_total: Decimal = ZERO
    classes: dict[str, Decimal] = field(
        default_factory=lambda: dict.fromkeys((ALLOCATED, *CLASSES), ZERO)
    )

    @property
    def difference(self) -> Decimal:
        """What the classes miss of the bill; zero in every proven run."""
        return _EXACT.subtract(self.bill_total, total(list(self.classes.values())))

    def bill(self, amount: Decimal) -> None:
        """Add to the bill's side."""
        self.bill_total = _EXACT.add(self.bill_total, amount)

    def put(self, kind: str, amount: Decimal) -> None:
        """Add what receivers of a kind got."""
        name = CLASS_OF_KIND.get(kind, ALLOCATED)
        self.classes[name] = _EXACT.add(self.classes[name], amount)


@dataclass(slots=True)
class Period:
    """A billing period, whole and by pool."""

    whole: Identity = field(default_factory=Identity)
    pools: dict[str, Identity] = field(default_factory=dict)


class BillMissedError(ProofError):
    """A run does not add up to the bill it read."""

    def __init__(self, where: str, difference: Decimal) -> None:
        super().__init__(
            f"The figures of {where} miss the bill by {text(difference)}.",
            hint="This is a fault of percapita: please report it. percapita run makes them anew.",
        )


def identities(
    periods: Iterable[str],
    billed: Iterable[Billed],
    currency: str,
    entered: Iterable[tuple[str, str, Decimal]],
    put: Iterable[Put],
) -> dict[str, Period]:
    """Return the identity of each billing period and of each pool in it.

    Args:
        periods: the billing periods that have figures.
        billed: sums of the lines, all periods and currencies.
        currency: the model's; other currencies are not in the figures.
        entered: billing period, pool and sum of the line parts.
        put: what the run put where.
    """
    result = {period: Period() for period in periods}
    for bill in billed:
        if bill.period in result and bill.currency == currency:
            result[bill.period].whole.bill(bill.amount)
    for period, pool, amount in entered:
        if period in result:
            result[period].pools.setdefault(pool, Identity()).bill(amount)
    for item in put:
        if item.period in result:
            found = result[item.period]
            found.whole.put(item.kind, item.amount)
            found.pools.setdefault(item.pool, Identity()).put(item.kind, item.amount)
    return result


def summed(periods: Mapping[str, Period]) -> Period:
    """Return all billing periods together."""
    result = Period()
    for period in periods.values():
        _add(result.whole, period.whole)
        for pool, identity in period.pools.items():
            _add(result.pools.setdefault(pool, Identity()), identity)
    return result


def _add(into: Identity, other: Identity) -> None:
    into.bill(other.bill_total)
    for name, amount in other.classes.items():
        into.classes[name] = _EXACT.add(into.classes[name], amount)


def prove_identities(periods: Mapping[str, Period]) -> None:
    """Stop where a billing period or a pool does not close.

    Raises:
        BillMissedError: it does not.
    """
    for label, period in periods.items():
        if period.whole.difference:
            raise BillMissedError(label, period.whole.difference)
        for pool, identity in period.pools.items():
            if identity.difference:
                raise BillMissedError(f"pool {pool} in {label}", identity.difference)
