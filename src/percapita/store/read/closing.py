"""What a run of a closed month differs by from the one before it: fixed SQL over both ledgers.

The tables ``ledger groups slices`` of each run are asked for with the prefix of its side.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from percapita.store.engine import Engine, literal

BEFORE, AFTER = "before_", "after_"
ADJUSTMENT: Final = "adjustment"
CLOSED: Final = "closed"
OPEN: Final = "open"

_KEY: Final = (
    'g.start, g."end", g.grain, g.pool, l.subject, s.kind AS subject_kind, l.feature,'
    " l.operation, l.region, array_to_string(list_sort(list_transform(map_entries(s.attributes),"
    " lambda e: e.key || '=' || e.value)), ',') AS attributes"
)
_NAMES: Final = (
    'start, "end", grain, pool, subject, subject_kind, feature, operation, region, attributes'
)


def _side(prefix: str, basis: str, sign: str) -> str:
    return (
        f"SELECT {_KEY}, {sign}l.amount AS amount FROM {prefix}ledger l JOIN {prefix}groups g"
        ' ON g.period = l.period AND g.basis = l.basis AND g."group" = l."group"'
        f" LEFT JOIN {prefix}slices s ON s.period = l.period AND s.slice = l.slice"
        f" WHERE l.basis = {literal(basis)}"
    )


def difference(before: str, after: str, basis: str) -> str:
    """Return what each receiver got more, or less, of each pool and window."""
    return (
        f"SELECT {_NAMES}, sum(amount) AS amount FROM ({_side(after, basis, '')}"
        f" UNION ALL {_side(before, basis, '-')}) GROUP BY ALL HAVING sum(amount) <> 0"
    )


def as_ledger(query: str, *, run: str, booked_in: str, basis: str, pool: str) -> str:
    """Return a difference as rows of the printed ledger; slices are of one run and stay null."""
    only = f" WHERE pool = {literal(pool)}" if pool else ""
    return (
        f'SELECT {literal(run)} AS run, start, "end", grain,'
        f" {literal(booked_in)} AS billing_period, pool, subject,"
        " CAST(NULL AS BIGINT) AS slice, feature, operation, region, subject_kind,"
        f" amount, {literal(basis)} AS basis, {literal(ADJUSTMENT)} AS status FROM ({query}){only}"
    )


def total(engine: Engine, query: str) -> Decimal:
    """Return the sum of a difference."""
    found = engine.value(f"SELECT coalesce(sum(amount), 0) FROM ({query})")
    return Decimal(found)
