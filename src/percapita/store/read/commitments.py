"""Fixed questions about commitments to the table ``lines``, bound by the caller in one currency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple

from percapita.model.spec import Condition
from percapita.store.engine import Engine, literal
from percapita.store.runs.lines import fits


class Held(NamedTuple):
    """One commitment in one billing month. An amount is null where no line of its kind has one."""

    month: str
    id: str
    name: str | None
    category: str | None
    type: str | None
    provider: str | None
    purchased: Decimal | None
    """Billed cost of its purchases: cash."""
    used: Decimal | None
    """Effective cost of what it covered: the amortised cost of the used part."""
    unused: Decimal | None
    """Effective cost of the part that covered nothing."""
    used_list: Decimal | None
    """List cost of what it covered; null where a line has none."""
    ends: datetime | None
    """End of the term, where one purchase pays for all of it."""


class Open(NamedTuple):
    """Usage in one month that commitments could cover, of services that they cover: on demand."""

    month: str
    effective: Decimal | None
    list: Decimal | None


class Unused(NamedTuple):
    """Unused commitment in one month, by the pool that takes its lines."""

    month: str
    id: str
    pool: str
    amount: Decimal


_ID: Final = "nullif(CommitmentDiscountId, '')"
_IS_UNUSED: Final = "coalesce(lower(CommitmentDiscountStatus), '') = 'unused'"
# The fees of AWS' own reports are cash and the unused part in one line, a purchase.
_UNUSED: Final = _IS_UNUSED
_USED: Final = f"ChargeCategory = 'Usage' AND NOT {_IS_UNUSED}"
_PURCHASE: Final = "ChargeCategory = 'Purchase'"


def _listed(lines: str) -> str:
    """Return the SQL of the list cost of some lines; null where one that costs has none."""
    unknown = f"count(*) FILTER ({lines} AND EffectiveCost <> 0 AND ListCost IS NULL)"
    return f"if({unknown} = 0, sum(ListCost) FILTER ({lines}), NULL)"


def held(engine: Engine, currency: str) -> list[Held]:
    """Return every commitment of the lines, month by month."""
    rows = engine.rows(
        f"SELECT period, {_ID} AS id, min(CommitmentDiscountName), min(CommitmentDiscountCategory),"
        " min(CommitmentDiscountType), min(coalesce(ServiceProviderName, InvoiceIssuerName)),"
        f" sum(BilledCost) FILTER ({_PURCHASE}), sum(EffectiveCost) FILTER ({_USED}),"
        f" sum(EffectiveCost) FILTER ({_UNUSED}), {_listed(_USED)},"
        f" max(ChargePeriodEnd) FILTER ({_PURCHASE} AND ChargeFrequency = 'One-Time')"
        f" FROM lines WHERE {_ID} IS NOT NULL AND BillingCurrency = {literal(currency)}"
        " GROUP BY period, id ORDER BY period, id"
    )
    return [Held(*row) for row in rows]


def on_demand(engine: Engine, currency: str) -> list[Open]:
    """Return usage that no commitment covers, in services where some covered usage; no spot."""
    service = "coalesce(ServiceProviderName, InvoiceIssuerName, ''), coalesce(ServiceName, '')"
    rows = engine.rows(
        f"WITH ours AS (SELECT * FROM lines WHERE BillingCurrency = {literal(currency)}),"
        f" covered AS (SELECT DISTINCT {service} FROM ours WHERE {_ID} IS NOT NULL AND {_USED})"
        f" SELECT period, sum(EffectiveCost), {_listed('true')} FROM ours"
        f" WHERE {_ID} IS NULL AND ChargeCategory = 'Usage' AND EffectiveCost > 0"
        f" AND coalesce(PricingCategory, '') <> 'Dynamic' AND ({service}) IN (FROM covered)"
        " GROUP BY period ORDER BY period"
    )
    return [Open(*row) for row in rows]


def unused(
    engine: Engine, currency: str, pools: Sequence[tuple[str, Mapping[str, Condition]]], rest: str
) -> list[Unused]:
    """Return the unused parts by the first pool that they fit.

    Args:
        engine: holds ``lines``.
        currency: of the lines.
        pools: name and match of the model's pools, in order.
        rest: what no pool takes is called.
    """
    cases = " ".join(
        f"WHEN {' AND '.join(fits(match)) or 'true'} THEN {literal(name)}" for name, match in pools
    )
    pool = f"CASE {cases} ELSE {literal(rest)} END" if cases else literal(rest)
    rows = engine.rows(
        f"SELECT period, {_ID} AS id, {pool} AS pool, sum(EffectiveCost) FROM lines"
        f" WHERE {_ID} IS NOT NULL AND {_UNUSED} AND BillingCurrency = {literal(currency)}"
        " AND EffectiveCost <> 0 GROUP BY ALL ORDER BY ALL"
    )
    return [Unused(*row) for row in rows]
