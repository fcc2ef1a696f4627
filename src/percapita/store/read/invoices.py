"""The fixed SQL of invoices and of the journal: lines by who bills them, and under which invoice.

The table ``lines`` is asked for under its own name.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from percapita.core.tables import COSTS
from percapita.store.engine import Engine, quote

_ISSUER: Final = "coalesce(nullif(InvoiceIssuerName, ''), nullif(ServiceProviderName, ''), source)"


def billed(engine: Engine) -> list[tuple[Any, ...]]:
    """Return issuer, invoice, currency, billing month, lines and billed cost."""
    return engine.rows(
        f"SELECT {_ISSUER}, coalesce(InvoiceId, ''), coalesce(BillingCurrency, ''), period,"
        " count(*), coalesce(sum(BilledCost), 0) FROM lines GROUP BY ALL ORDER BY ALL"
    )


def owed(engine: Engine, basis: str) -> list[tuple[str, str, Decimal, Decimal]]:
    """Return issuer, invoice, billed cost and cost in a basis.

    A line whose billed cost is not known owes what it costs.
    """
    cost = quote(COSTS[basis])
    return engine.rows(
        f"SELECT {_ISSUER}, coalesce(InvoiceId, ''), sum(coalesce(BilledCost, {cost}, 0)),"
        f" sum(coalesce({cost}, 0)) FROM lines GROUP BY ALL ORDER BY ALL"
    )


def by_pool(engine: Engine, basis: str) -> list[tuple[str, Decimal]]:
    """Return pool and sum of its line parts; ``parts`` and ``groups`` are asked for as well."""
    return engine.rows(
        'SELECT g.pool, sum(p.amount) FROM parts p JOIN groups g ON g."group" = p."group"'
        " AND g.period = p.period AND g.basis = p.basis WHERE p.basis = ? GROUP BY ALL ORDER BY 1",
        [basis],
    )
