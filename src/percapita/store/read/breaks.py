"""The fixed SQL of what broke: daily sums of meters, daily cost of pools, monthly unit prices.

The views ``readings lines parts groups`` are asked for under their own names.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from percapita.store.engine import Engine, literal

_UNIT = "coalesce(nullif(PricingUnit, ''), ConsumedUnit)"
_PRICE = "coalesce(nullif(SkuId, ''), nullif(SkuPriceId, ''), nullif(ChargeDescription, ''))"
"""What tells prices of a service apart; a price id is new with each price, so it comes second."""
_QUANTITY = (
    "CASE WHEN nullif(PricingUnit, '') IS NULL THEN ConsumedQuantity ELSE PricingQuantity END"
)


def days(
    engine: Engine, meters: Sequence[str], zone: str
) -> list[tuple[str, str | None, date, int]]:
    """Return (meter, service, local day, quantity); month totals know no day."""
    named = ", ".join(map(literal, meters)) or "NULL"
    return engine.rows(
        "SELECT meter, service, CASE WHEN grain = 'hour' THEN CAST(time AT TIME ZONE"
        f" {literal(zone)} AS DATE) ELSE CAST(time AT TIME ZONE 'UTC' AS DATE) END AS day,"
        f" CAST(sum(quantity) AS BIGINT) FROM readings WHERE meter IN ({named})"
        " AND grain <> 'month' GROUP BY ALL ORDER BY ALL"
    )


def cost(engine: Engine, basis: str, zone: str) -> list[tuple[str, date, Decimal]]:
    """Return (pool, local day, amount)."""
    return engine.rows(
        f"SELECT g.pool, CAST(p.start AT TIME ZONE {literal(zone)} AS DATE) AS day, sum(p.amount)"
        " FROM parts p JOIN groups g ON g.period = p.period AND g.basis = p.basis"
        ' AND g."group" = p."group" WHERE p.basis = ? GROUP BY ALL ORDER BY ALL',
        [basis],
    )


def rates(engine: Engine, currency: str) -> list[tuple[Any, ...]]:
    """Return (month, service, price, unit, quantity, amount) of usage that no commitment covers."""
    return engine.rows(
        "SELECT strftime(BillingPeriodStart AT TIME ZONE 'UTC', '%Y-%m'), ServiceName,"
        f" {_PRICE}, coalesce({_UNIT}, ''),"
        f" sum({_QUANTITY}), sum(EffectiveCost) FROM lines WHERE ChargeCategory = 'Usage'"
        " AND nullif(CommitmentDiscountId, '') IS NULL AND BillingCurrency = ?"
        f" AND EffectiveCost > 0 AND {_QUANTITY} > 0 AND ServiceName <> '' AND {_PRICE} IS NOT NULL"
        " GROUP BY ALL ORDER BY ALL",
        [currency],
    )
