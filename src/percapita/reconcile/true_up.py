"""The bill against what was estimated before it: the variance of each day, by causes that sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal
from typing import Final, NamedTuple

from percapita.core.money import ZERO, total
from percapita.store.runs.estimates import Estimate, TrueUp

CAUSES: Final = ("usage", "commitments", "late lines", "price")
_EXACT: Final = Context(prec=60)
_PLACES: Final = Decimal("1e-9")


class Causes(NamedTuple):
    """Why a bill differs from its estimate; the parts sum to the variance."""

    usage: Decimal
    """Readings that came in after the estimate, at the price that it was made with."""
    commitments: Decimal
    """Credits and commitments other than they were in proportion."""
    late: Decimal
    """What later bills said beside the first: late and restated lines."""
    price: Decimal
    """The rest: what a unit cost, or what no meter tells."""


@dataclass(frozen=True, slots=True)
class Variance:
    """One pool, source and day: estimated, then billed."""

    estimate: Estimate
    final: Decimal
    bills: int
    """How many times a bill said something new of the day."""
    causes: Causes

    @property
    def variance(self) -> Decimal:
        """The bill beyond the estimate."""
        return self.final - self.estimate.amount

    @property
    def held(self) -> bool:
        """The interval held the bill."""
        return self.estimate.low <= self.final <= self.estimate.high


def variances(estimates: Iterable[Estimate], bills: Iterable[TrueUp]) -> list[Variance]:
    """Return the variance of every estimate that a bill has come for."""
    said: dict[tuple[object, ...], list[TrueUp]] = {}
    for bill in bills:
        said.setdefault(bill[:4], []).append(bill)
    return [_variance(one, said[one[:4]]) for one in estimates if one[:4] in said]


def _variance(estimate: Estimate, bills: Sequence[TrueUp]) -> Variance:
    first, last = bills[0], bills[-1]
    usage = ZERO
    if None not in (estimate.units, estimate.price, last.units):
        more = (last.units or ZERO) - (estimate.units or ZERO)
        usage = _EXACT.multiply(more, estimate.price or ZERO).quantize(_PLACES, context=_EXACT)
    commitments = first.apart - estimate.apart
    late = last.final - first.final
    price = last.final - estimate.amount - usage - commitments - late
    return Variance(estimate, last.final, len(bills), Causes(usage, commitments, late, price))


@dataclass(frozen=True, slots=True)
class PoolVariance:
    """All estimated days of a pool."""

    pool: str
    days: int
    held: int
    """Days whose bill lay within the interval."""
    estimate: Decimal
    final: Decimal
    causes: Causes


def by_pool(found: Sequence[Variance]) -> list[PoolVariance]:
    """Return the sums of each pool."""
    pools: dict[str, list[Variance]] = {}
    for one in found:
        pools.setdefault(one.estimate.pool, []).append(one)
    return [_pool(name, pools[name]) for name in sorted(pools)]


def _pool(name: str, its: Sequence[Variance]) -> PoolVariance:
    return PoolVariance(
        name, len(its), sum(one.held for one in its),
        total([one.estimate.amount for one in its]), total([one.final for one in its]),
        summed(one.causes for one in its),
    )  # fmt: skip


def summed(causes: Iterable[Causes]) -> Causes:
    """Return the sum of causes."""
    columns = list(zip(*causes, strict=True))
    return Causes(*(total(list(column)) for column in columns)) if columns else Causes(*[ZERO] * 4)


def waiting(estimates: Iterable[Estimate], bills: Iterable[TrueUp]) -> Mapping[date, Decimal]:
    """Return what was estimated of days that no bill has come for."""
    billed = {bill[:4] for bill in bills}
    found: dict[date, Decimal] = {}
    for one in estimates:
        if one[:4] not in billed:
            found[one.day] = found.get(one.day, ZERO) + one.amount
    return found
