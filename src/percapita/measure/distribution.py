"""How cost is spread over subjects, not only its mean: percentiles, Gini, the share of the top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Final, NamedTuple

from percapita.core.money import PLACES, ZERO, percent, quotient, total

_EXACT: Final = Context(prec=120)

PERCENTILES: Final = (1, 5, 10, 25, 50, 75, 90, 95, 99)
TOPS: Final = (1, 5, 10)
"""Percents of subjects whose share of the cost is told."""


class Spent(NamedTuple):
    """What one subject cost, and on how many days it was active."""

    subject: int
    amount: Decimal
    active: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """Cost over the subjects that have any; quotients are ``None`` where they are undefined."""

    subjects: int
    total: Decimal
    mean: Decimal | None
    usage_weighted_mean: Decimal | None
    """What a subject cost that was met on a random active day."""
    least: Decimal | None
    most: Decimal | None
    percentiles: dict[int, Decimal]
    """Percent -> the amount that at least so many subjects do not exceed (nearest rank)."""
    gini: Decimal | None
    """0: all alike. Above 1 only where some amounts are negative."""
    top_shares: dict[int, Decimal | None]
    """Percent of subjects, rounded up -> percent of the cost they hold."""
    top: tuple[Spent, ...]
    dormant: int
    """Subjects with cost but no activity."""
    dormant_cost: Decimal
    active_without_cost: int


def distribution(spent: Sequence[Spent], *, top: int, active: int) -> Distribution:
    """Describe the cost of subjects.

    Args:
        spent: one record a subject that has cost.
        top: how many of the dearest subjects are listed.
        active: how many subjects were active at all.
    """
    rising = sorted(spent, key=lambda item: (item.amount, -item.subject))
    amounts = [item.amount for item in rising]
    whole = total(amounts)
    dormant = [item.amount for item in rising if not item.active]
    return Distribution(
        subjects=len(rising),
        total=whole,
        mean=quotient(whole, len(rising)),
        usage_weighted_mean=_usage_weighted(rising),
        least=amounts[0] if amounts else None,
        most=amounts[-1] if amounts else None,
        percentiles={p: amounts[_rank(p, len(amounts))] for p in PERCENTILES} if amounts else {},
        gini=gini(amounts),
        top_shares={p: _share_of_top(amounts, p, whole) for p in TOPS},
        top=tuple(reversed(rising[-top:] if top else [])),
        dormant=len(dormant),
        dormant_cost=total(dormant),
        active_without_cost=max(active - (len(rising) - len(dormant)), 0),
    )


def _rank(percentile: int, count: int) -> int:
    """Return the index of the nearest rank."""
    return max(-(-percentile * count // 100), 1) - 1


def _share_of_top(rising: Sequence[Decimal], percentile: int, whole: Decimal) -> Decimal | None:
    count = -(-percentile * len(rising) // 100)
    return percent(total(list(rising[len(rising) - count :])), whole) if rising else None


def _usage_weighted(spent: Sequence[Spent]) -> Decimal | None:
    weighted = ZERO
    for item in spent:
        weighted = _EXACT.add(weighted, _EXACT.multiply(item.amount, Decimal(item.active)))
    return quotient(weighted, sum(item.active for item in spent))


def gini(rising: Sequence[Decimal]) -> Decimal | None:
    """Return the Gini coefficient of amounts in rising order, from exact integers."""
    grains = [int(_EXACT.scaleb(amount, PLACES)) for amount in rising]
    whole, count = sum(grains), len(grains)
    if whole <= 0:
        return None
    ranked = sum(rank * grain for rank, grain in enumerate(grains, start=1))
    return quotient(Decimal(2 * ranked - (count + 1) * whole), count * whole)
