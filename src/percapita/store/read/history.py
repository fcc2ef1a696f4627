"""Two versions of a billing month line by line: what each line came to, and how much was allocated.

The tables of a version are asked for under its side's prefix (``lines``, ``slices``); what the
allocated export reads (``parts groups flows ledger``) under its own names, for one run at a time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from percapita.core.subjects import CLASS_OF_KIND
from percapita.core.tables import COSTS, MONEY
from percapita.store.engine import Engine, literal, quote
from percapita.store.read import focus as read_focus

_BATCH: Final = 200_000
_SHARES: Final = {"line": "string", "allocated": MONEY, "pools": "string"}
_KEY: Final = (
    "source", "BillingAccountId", "SubAccountId", "InvoiceIssuerName", "ServiceName", "ResourceId",
    "SkuId", "SkuPriceId", "RegionId", "ChargeCategory", "ChargeClass", "ChargeDescription",
    "ChargePeriodStart", "ChargePeriodEnd", "CommitmentDiscountId", "CommitmentDiscountStatus",
)  # fmt: skip
"""What makes a restated line the same charge as before; equals are paired in the order of ids."""


class Pair(NamedTuple):
    """A charge in two versions; what a version lacks is ``None``."""

    category: str
    correction: bool
    before: Decimal | None
    after: Decimal | None
    allocated_before: Decimal
    allocated_after: Decimal
    pools_before: str
    pools_after: str
    retagged: bool
    reconverted: bool
    """The same amount in its own currency at another rate; or a rounding of conversions."""


def shares(engine: Engine, side: str) -> None:
    """Make ``SIDE_shares``: what receivers that are not a named class got of each line.

    ``_given`` and ``_takers`` of the run are there already.
    """
    engine.create("_origin", f"SELECT LineId FROM {side}_lines", {"LineId": "string"})
    engine.create(
        f"{side}_shares", "SELECT '' AS line, 0 AS allocated, '' AS pools WHERE false", _SHARES
    )
    named = ", ".join(literal(kind) for kind in CLASS_OF_KIND)
    for bucket in range(read_focus.buckets(engine, _BATCH)):
        read_focus.elements(engine, bucket)
        engine.insert(
            f"{side}_shares",
            f"SELECT e.line, coalesce(sum(CASE WHEN coalesce(s.kind, '') NOT IN ({named}) THEN"
            " e.amount END), 0) AS allocated, string_agg(DISTINCT e.pool || '/' || e.method, ', '"
            " ORDER BY e.pool || '/' || e.method) AS pools FROM _elements e"
            " LEFT JOIN slices s ON s.slice = e.slice GROUP BY e.line",
            _SHARES,
        )


_COLUMNS: Final = (
    "coalesce(a.category, b.category, '') AS category,"
    " coalesce(a.correction, b.correction) AS correction, b.amount AS before,"
    " a.amount AS after, coalesce(b.allocated, 0) AS allocated_before,"
    " coalesce(a.allocated, 0) AS allocated_after, coalesce(b.pools, '') AS pools_before,"
    " coalesce(a.pools, '') AS pools_after,"
    " CAST(a.Tags AS VARCHAR) IS DISTINCT FROM CAST(b.Tags AS VARCHAR) AS retagged,"
    " coalesce(a.rounding, b.rounding) OR (a.rate IS DISTINCT FROM b.rate"
    " AND coalesce(a.own, CAST(a.amount AS VARCHAR)) IS NOT DISTINCT FROM"
    " coalesce(b.own, CAST(b.amount AS VARCHAR))) AS reconverted,"
    " b.LineId IS NOT NULL AS known, a.LineId IS NOT NULL AS stays"
)


def pairs(engine: Engine, basis: str) -> list[Pair]:
    """Return the charges that differ between ``before`` and ``after``."""
    amount = quote(COSTS[basis])
    own = f"CAST(Original{COSTS[basis]} AS VARCHAR)"
    key = ", ".join(f"coalesce(CAST({quote(name)} AS VARCHAR), '')" for name in _KEY)
    sides = ", ".join(
        f"{side} AS (SELECT l.LineId, {amount} AS amount, ChargeCategory AS category,"
        " coalesce(ChargeClass, '') = 'Correction' AS correction, Tags, ExchangeRate AS"
        f" rate, {own} AS own, coalesce(\"Extra.percapita\", '') = 'rounding' AND"
        " OriginalCurrency IS NOT NULL AS rounding, coalesce(s.allocated, 0) AS allocated,"
        f" coalesce(s.pools, '') AS pools, concat_ws(chr(31), {key}) AS key"
        f" FROM {side}_lines l LEFT JOIN {side}_shares s ON s.line = l.LineId)"
        for side in ("before", "after")
    )
    loose = ", ".join(
        f"loose_{side} AS (SELECT *, row_number() OVER (PARTITION BY key ORDER BY LineId) AS twin"
        f" FROM {side} WHERE LineId NOT IN (SELECT LineId FROM {other}))"
        for side, other in (("before", "after"), ("after", "before"))
    )
    rows = engine.rows(
        f"WITH {sides}, {loose}, paired AS (SELECT {_COLUMNS} FROM before b JOIN after a"
        f" ON a.LineId = b.LineId UNION ALL SELECT {_COLUMNS} FROM loose_before b FULL JOIN"
        " loose_after a ON a.key = b.key AND a.twin = b.twin)"
        " SELECT category, correction, CASE WHEN known THEN coalesce(before, 0) END,"
        " CASE WHEN stays THEN coalesce(after, 0) END, allocated_before, allocated_after,"
        " pools_before, pools_after, retagged, reconverted FROM paired"
        " WHERE before IS DISTINCT FROM after OR allocated_before <> allocated_after"
        " OR known <> stays"
    )
    return [Pair._make(row) for row in rows]
