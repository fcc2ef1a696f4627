"""Reads what lines of a price, or of a contract, came to.

The relation of lines is bound by the caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from percapita.core.tables import COSTS
from percapita.model.spec import Condition
from percapita.store import exact
from percapita.store.engine import Engine, decimal_literal, literal
from percapita.store.runs.lines import fits

_UNUSED: Final = "coalesce(CommitmentDiscountStatus, '') = 'Unused'"
_CHARGES: Final = (
    f"ChargeCategory IN ('Usage', 'Purchase') AND ChargeClass IS NULL AND NOT {_UNUSED}"
)
_DAY: Final = "CAST(ChargePeriodStart AS DATE)"


class Asked(NamedTuple):
    """Lines of one price."""

    match: Mapping[str, Condition]
    currency: str
    unit: str
    basis: str
    start: date | None
    end: date | None
    """Last day."""
    low: Decimal | None
    """A line's unit price below this is off; of at most 18 fractional digits."""
    high: Decimal | None


def charged(engine: Engine, lines: str, asked: Sequence[Asked]) -> list[tuple[Any, ...]]:
    """Return per price and month: lines, quantity, cost, and the same three of lines that are off.

    A line counts for the first price that it fits.
    """
    if not asked:
        return []
    which = " ".join(f"WHEN {_of(one)} THEN {at}" for at, one in enumerate(asked))
    cost = " ".join(f"WHEN {at} THEN {COSTS[one.basis]}" for at, one in enumerate(asked))
    low, high = (
        " ".join(f"WHEN {at} THEN {_bound(bound)}" for at, bound in enumerate(bounds))
        for bounds in ([one.low for one in asked], [one.high for one in asked])
    )
    off = " OR ".join(
        f"coalesce({test}, false)"
        for test in (
            exact.below("cost", "low", "PricingQuantity"),
            exact.above("cost", "high", "PricingQuantity"),
        )
    )
    return engine.rows(
        "SELECT position, period, count(*), sum(PricingQuantity), sum(cost),"
        " count(*) FILTER (off), coalesce(sum(PricingQuantity) FILTER (off), 0),"
        f" coalesce(sum(cost) FILTER (off), 0) FROM (SELECT *, {off} AS off FROM"
        f" (SELECT *, CASE position {low} END AS low, CASE position {high} END AS high FROM"
        f" (SELECT period, position, PricingQuantity, CASE position {cost} END AS cost FROM"
        f" (SELECT *, CASE {which} END AS position FROM {lines}"
        f" WHERE PricingQuantity > 0 AND {_CHARGES})"
        " WHERE position IS NOT NULL) WHERE cost IS NOT NULL)) GROUP BY ALL ORDER BY ALL"
    )


def _bound(price: Decimal | None) -> str:
    return "NULL" if price is None else decimal_literal(price)


def _of(one: Asked) -> str:
    tests = [f"BillingCurrency = {literal(one.currency)}", *fits(one.match)]
    if one.unit:
        tests.append(f"PricingUnit = {literal(one.unit)}")
    if one.start:
        tests.append(f"{_DAY} >= DATE '{one.start}'")
    if one.end:
        tests.append(f"{_DAY} <= DATE '{one.end}'")
    return " AND ".join(tests)


class Spent(NamedTuple):
    """What was spent under a contract."""

    lines: int
    amount: Decimal
    """In its term, up to now."""
    after: Decimal
    """After its term, up to now."""


def spent(
    engine: Engine,
    lines: str,
    match: Mapping[str, Condition],
    *,
    currency: str,
    basis: str,
    span: tuple[date, date],
    today: date,
) -> Spent:
    """Return what lines that fit came to; tax, and what a minimum adds, is left out.

    Args:
        engine: where they are.
        lines: relation.
        match: of the contract.
        currency: of the contract.
        basis: cost that counts.
        span: its first day and the day after its last.
        today: charges that start later are left out.
    """
    start, end = span
    inside = f"{_DAY} >= DATE '{start}' AND {_DAY} < DATE '{end}'"
    tests = [
        f"BillingCurrency = {literal(currency)}",
        "coalesce(ChargeCategory, '') <> 'Tax'",
        f"NOT {_UNUSED}",
        f"{_DAY} <= DATE '{today}'",
        *fits(match),
    ]
    cost = COSTS[basis]
    rows = engine.rows(
        f"SELECT count(*) FILTER ({inside}), coalesce(sum({cost}) FILTER ({inside}), 0),"
        f" coalesce(sum({cost}) FILTER ({_DAY} >= DATE '{end}'), 0)"
        f" FROM {lines} WHERE {' AND '.join(tests)}"
    )
    return Spent(*rows[0])


def through(engine: Engine, lines: str, today: date) -> date | None:
    """Return the day after the last charge that had begun, of whatever vendor.

    Charges for more than a month are paid ahead and tell nothing.
    """
    sql = (
        f"SELECT max(CAST(ChargePeriodEnd AS DATE)) FROM {lines} WHERE {_DAY} <= DATE '{today}'"
        " AND ChargePeriodEnd <= ChargePeriodStart + INTERVAL 31 DAY"
    )
    found: date | None = engine.value(sql)
    return found
