"""The fixed SQL of budgets: what the lines in a budget's scope came to, day by day.

The tables ``parts groups`` are asked for under their own names, or under a prefix.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from percapita.model.spec import Condition
from percapita.store.engine import Engine, literal, quote
from percapita.store.runs.lines import fits

_LINES: Final = "budget_lines"
_HELD: Final = (
    "LineId", "source", "ChargePeriodStart", "ChargePeriodEnd", "OriginalCurrency", "ExchangeRate",
)  # fmt: skip
_KIND: Final = (
    "CASE WHEN CommitmentDiscountStatus = 'Unused' THEN 'unused commitments'"
    " WHEN ChargeCategory = 'Credit' THEN 'credits' WHEN ChargeClass = 'Correction' THEN"
    " 'corrections' WHEN ChargeCategory = 'Tax' THEN 'tax' WHEN ChargeCategory = 'Purchase' THEN"
    " 'purchases' ELSE 'usage' END"
)
_LONG: Final = "l.ChargePeriodEnd - l.ChargePeriodStart > INTERVAL '25 hours'"
"""A charge of more than a day, a clock change allowed for."""


class Scope(NamedTuple):
    """Which lines, and which of their parts, a budget is for."""

    match: Mapping[str, Condition]
    pools: Sequence[str]
    """All pools if there is none."""


class Part(NamedTuple):
    """What equal parts came to."""

    scope: int
    """Number of the scope."""
    period: str
    source: str
    kind: str
    currency: str
    rate: str | None
    day: date
    long: bool
    end: date
    """Day that the last of their charges ends before."""
    amount: Decimal


def keep(engine: Engine, bound: str, scopes: Sequence[Scope], held: Collection[str]) -> None:
    """Make what is asked of the lines of one run.

    Args:
        engine: where they are.
        bound: relation of the lines as the run saw them.
        scopes: of the budgets.
        held: keys of ``Extra`` that the lines have columns of.
    """
    tests = [" AND ".join(fits(one.match, held)) or "true" for one in scopes]
    marks = ", ".join(f"{test} AS s{at}" for at, test in enumerate(tests))
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE {_LINES} AS SELECT COLUMNS('^({'|'.join(_HELD)})$'),"
        f" {_KIND} AS kind, {marks} FROM {bound}"
    )
    for name in ("OriginalCurrency", "ExchangeRate"):
        engine.execute(f"ALTER TABLE {_LINES} ADD COLUMN IF NOT EXISTS {name} VARCHAR")


def parts(
    engine: Engine, basis: str, zone: str, scopes: Sequence[Scope], prefix: str = ""
) -> list[Part]:
    """Return the parts of the kept lines that lie in each scope."""
    found: list[Part] = []
    tz = literal(zone)
    for at, scope in enumerate(scopes):
        pools = ", ".join(map(literal, scope.pools))
        among = f" AND g.pool IN ({pools})" if scope.pools else ""
        rows = engine.rows(
            f"SELECT p.period, l.source, l.kind, coalesce(l.OriginalCurrency, ''), l.ExchangeRate,"
            f" CAST(p.start AT TIME ZONE {tz} AS DATE), coalesce({_LONG}, false) AS long,"
            f' max(CAST(coalesce(l.ChargePeriodEnd, p."end") AT TIME ZONE {tz} AS DATE)),'
            f" sum(p.amount) FROM {quote(f'{prefix}parts')} p JOIN {quote(f'{prefix}groups')} g"
            ' ON g.period = p.period AND g.basis = p.basis AND g."group" = p."group"'
            f" JOIN {_LINES} l ON l.LineId = p.LineId WHERE p.basis = ? AND l.s{at}{among}"
            " GROUP BY ALL ORDER BY ALL",
            [basis],
        )
        found += [Part(at, *row) for row in rows]
    return found


def through(engine: Engine, zone: str) -> dict[str, date]:
    """Return the day that the short charges of each source go up to; it is not billed whole."""
    rows = engine.rows(
        f"SELECT l.source, CAST(max(l.ChargePeriodEnd) AT TIME ZONE {literal(zone)} AS DATE)"
        f" FROM {_LINES} l WHERE NOT ({_LONG}) AND l.kind = 'usage' GROUP BY l.source ORDER BY 1"
    )
    return {str(source): end for source, end in rows if end is not None}
