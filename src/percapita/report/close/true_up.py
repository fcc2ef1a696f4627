"""``reconcile --estimates``: how good live estimates were, and why bills differed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.core.money import ZERO, percent, text, total
from percapita.core.periods import Period, local_day
from percapita.reconcile.true_up import (
    CAUSES,
    Causes,
    PoolVariance,
    Variance,
    by_pool,
    summed,
    variances,
    waiting,
)
from percapita.report import numbers
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.report.table import Column, Page

_WORST: Final = 5
COLUMNS: Final = (
    "day", "pool", "source", "estimate", "low", "high", "final", "variance", "held", "bills",
    *CAUSES, "priced_by", "meter", "made_at",
)  # fmt: skip


class NoEstimatesError(InputError):
    """Nothing was estimated in the period."""

    def __init__(self, label: str) -> None:
        super().__init__(
            f"No estimates were made for days in {label}.",
            hint="Estimates are made by percapita live, percapita serve and percapita run for"
            " days that no bill covers yet.",
        )


@dataclass(frozen=True, slots=True)
class Statement:
    """The estimates of some days beside their bills."""

    period: str
    currency: str
    basis: str
    as_of: datetime
    rows: Sequence[Variance]
    pools: Sequence[PoolVariance]
    waiting: Decimal
    """Estimated for days that no bill has come for."""
    waiting_days: int

    @property
    def held(self) -> Decimal | None:
        """Percent of the bills that lay within their interval."""
        return percent(Decimal(sum(row.held for row in self.rows)), len(self.rows))

    @property
    def causes(self) -> Causes:
        """The causes of all together."""
        return summed(row.causes for row in self.rows)


def true_up(opened: Opened, period: Period | None) -> Statement:
    """Compare what was estimated with what was billed.

    Raises:
        NoEstimatesError: there is nothing to compare.
    """
    kept = opened.store.estimates
    first = local_day(period.span.start, opened.zone) if period else date.min
    last = local_day(period.span.end, opened.zone) if period else date.max
    made = [one for one in kept.all(opened.basis) if first <= one.day < last]
    if not made:
        raise NoEstimatesError(opened.label(period))
    bills = kept.true_ups(opened.basis)
    rows = variances(made, bills)
    open_days = waiting(made, bills)
    return Statement(
        opened.label(period), opened.model.currency, opened.basis, opened.now, rows, by_pool(rows),
        total(list(open_days.values())), len(open_days),
    )  # fmt: skip


def to_json(statement: Statement) -> dict[str, Any]:
    """Return the statement as JSON carries it."""
    return {
        "meta": {
            "period": statement.period,
            "currency": statement.currency,
            "basis": statement.basis,
            "as_of": instant(statement.as_of),
        },
        "totals": {
            "estimate": text(total([row.estimate.amount for row in statement.rows])),
            "final": text(total([row.final for row in statement.rows])),
            "variance": text(total([row.variance for row in statement.rows])),
            "causes": _causes(statement.causes),
            "bills": len(statement.rows),
            "held_percent": text(statement.held),
            "waiting": text(statement.waiting),
            "waiting_days": statement.waiting_days,
        },
        "pools": [
            {
                "pool": pool.pool,
                "bills": pool.days,
                "held": pool.held,
                "estimate": text(pool.estimate),
                "final": text(pool.final),
                "variance": text(pool.final - pool.estimate),
                "causes": _causes(pool.causes),
            }
            for pool in statement.pools
        ],
        "rows": [_row(row) for row in statement.rows],
    }


def _causes(causes: Causes) -> dict[str, str | None]:
    return {name: text(amount) for name, amount in zip(CAUSES, causes, strict=True)}


def _row(row: Variance) -> dict[str, Any]:
    one = row.estimate
    return {
        "day": str(one.day),
        "pool": one.pool,
        "source": one.source,
        "estimate": text(one.amount),
        "low": text(one.low),
        "high": text(one.high),
        "final": text(row.final),
        "variance": text(row.variance),
        "held": row.held,
        "bills": row.bills,
        "causes": _causes(row.causes),
        "priced_by": one.way,
        "meter": one.meter or None,
        "made_at": instant(one.made_at),
        "run": one.run,
    }


def flat(statement: Statement) -> tuple[list[str], list[list[Any]]]:
    """Return the rows for CSV."""
    rows = []
    for row in map(_row, statement.rows):
        cells = {**row, **row["causes"]}
        rows.append([cells[name] for name in COLUMNS])
    return list(COLUMNS), rows


def show(page: Page, statement: Statement) -> None:
    """Print the statement."""
    page.line(
        f"Estimates of {statement.period} beside their bills,"
        f" {statement.basis} cost in {statement.currency}."
    )
    page.line()
    if statement.rows:
        _pools(page, statement)
        held = numbers.share(statement.held)
        page.line(f"{held} % of {len(statement.rows):,} bills lay within the 90 % interval.")
        _worst(page, statement)
    if statement.waiting_days:
        days = "day" if statement.waiting_days == 1 else "days"
        page.line(
            f"Not billed yet: {numbers.amount(statement.waiting)} {statement.currency} of"
            f" {statement.waiting_days} {days}."
        )


def _pools(page: Page, statement: Statement) -> None:
    pools = sorted(statement.pools, key=lambda pool: -abs(pool.final - pool.estimate))
    whole = PoolVariance(
        "total", sum(pool.days for pool in pools), sum(pool.held for pool in pools),
        sum((pool.estimate for pool in pools), ZERO), sum((pool.final for pool in pools), ZERO),
        statement.causes,
    )  # fmt: skip
    rows = [*pools, whole]
    names = [pool.pool for pool in rows]
    causes = [
        Column(name.replace(" ", "\n"), [numbers.amount(row.causes[at]) for row in rows], rank=1)
        for at, name in enumerate(CAUSES)
    ]
    page.table(
        [
            Column("pool", names, number=False),
            Column("estimated", [numbers.amount(row.estimate) for row in rows]),
            Column("billed", [numbers.amount(row.final) for row in rows]),
            Column("variance", [numbers.amount(row.final - row.estimate) for row in rows]),
            *causes,
            Column("held", [f"{row.held}/{row.days}" for row in rows]),
        ],
        totals=True,
    )


def _worst(page: Page, statement: Statement) -> None:
    outside = sorted(
        (row for row in statement.rows if not row.held), key=lambda row: -abs(row.variance)
    )
    for row in outside[:_WORST]:
        cause, amount = max(zip(CAUSES, row.causes, strict=True), key=lambda pair: abs(pair[1]))
        page.line(
            f"{row.estimate.day} {row.estimate.pool}: {numbers.amount(row.variance)}"
            f" beyond the estimate of {numbers.amount(row.estimate.amount)},"
            f" {numbers.amount(amount)} of it {cause}."
        )
