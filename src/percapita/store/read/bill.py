"""The fixed SQL of reconcile: the bill as imported, and where a run put it.

The tables ``lines parts groups rollup slices`` are asked for under their own names.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from percapita.core.tables import COSTS
from percapita.store.engine import Engine, literal, quote


class Billed(NamedTuple):
    """What the bill says for one billing period in one currency."""

    period: str
    currency: str
    amount: Decimal


class Put(NamedTuple):
    """What a run put on receivers of one kind."""

    period: str
    pool: str
    kind: str
    amount: Decimal


_FACTS: Final = (
    "FROM rollup r JOIN groups g ON g.period = r.period AND g.basis = r.basis"
    ' AND g."group" = r."group" LEFT JOIN slices s ON s.period = r.period AND s.slice = r.slice'
    " WHERE r.basis = ?"
)


def bill(engine: Engine, basis: str) -> list[Billed]:
    """Return the sums of the lines as imported, by the billing period they were stored under."""
    rows = engine.rows(
        "SELECT period, coalesce(BillingCurrency, ''),"
        f" coalesce(sum({quote(COSTS[basis])}), 0) FROM lines GROUP BY ALL ORDER BY ALL"
    )
    return [Billed(period, currency, Decimal(amount)) for period, currency, amount in rows]


def entered(engine: Engine, basis: str) -> list[tuple[str, str, Decimal]]:
    """Return the sums of the line parts by billing period and pool."""
    return engine.rows(
        "SELECT p.period, g.pool, sum(p.amount) FROM parts p JOIN groups g"
        ' ON g.period = p.period AND g.basis = p.basis AND g."group" = p."group"'
        " WHERE p.basis = ? GROUP BY ALL ORDER BY ALL",
        [basis],
    )


def put(engine: Engine, basis: str) -> list[Put]:
    """Return what a run put where, by billing period, pool and kind of receiver."""
    rows = engine.rows(
        f"SELECT r.period, g.pool, s.kind, sum(r.amount) {_FACTS} GROUP BY ALL ORDER BY ALL",
        [basis],
    )
    return [Put(*row) for row in rows]


def cells(engine: Engine, basis: str, attribute: str) -> list[tuple[str, str, str | None, Decimal]]:
    """Return pool, kind of receiver, its value of a segment, and the sum."""
    value = f"nullif(s.attributes[{literal(attribute)}], '')"
    return engine.rows(
        f"SELECT g.pool, s.kind, {value}, sum(r.amount) {_FACTS} GROUP BY ALL ORDER BY ALL",
        [basis],
    )


def values(engine: Engine) -> dict[str, set[str]]:
    """Return the values that each segment of the model has."""
    rows = engine.rows(
        "SELECT DISTINCT e.key, e.value FROM (SELECT unnest(map_entries(attributes)) AS e"
        " FROM slices)"
    )
    found: dict[str, set[str]] = {}
    for name, value in rows:
        found.setdefault(name, set()).add(value)
    return found
