"""A billing month as journal entries: its own figures, and the adjustments booked in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from percapita.core.money import ZERO, text, total
from percapita.core.periods import month_span
from percapita.core.tables import COSTS, GROUPS, LINES, PARTS
from percapita.model.load import loads
from percapita.reconcile.journal import Accounts, Entry, Owed, Spent, entries, prove
from percapita.report.adjustments import booked, closings
from percapita.report.numbers import instant
from percapita.report.opened import NoPeriodError, Opened
from percapita.store.engine import quote
from percapita.store.read import invoices as read_invoices
from percapita.store.read.closing import ADJUSTMENT, CLOSED, OPEN

COLUMNS = (
    "period", "date", "entry", "account", "debit", "credit", "currency", "cost_centre", "pool",
    "owner", "issuer", "invoice", "status", "of_period",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Journal:
    """The entries of a month, proven to sum to its bill."""

    opened: Opened
    period: str
    entries: tuple[Entry, ...]
    bill: Decimal
    """Of the month, adjustments booked in it included."""


def journal(opened: Opened, period: str, accounts: Accounts) -> Journal:
    """Write the month's entries.

    Raises:
        NoPeriodError: the month has no figures, and nothing is booked in it.
        UnbalancedError: the entries do not sum to the bill.
    """
    steps = [one for one in booked(opened) if one.step.booked_in == period]
    if period not in opened.runs and not steps:
        raise NoPeriodError(period, opened.runs)
    found: list[Entry] = []
    bill = ZERO
    if period in opened.runs:
        run = opened.runs[period]
        closed = period in closings(opened.store, opened.basis)
        spent, owed = _spent(opened, run, period), _owed(opened, run, period)
        status = CLOSED if closed else OPEN
        found += entries(spent, owed, accounts, status=status, period=period)
        bill = _bill(opened, run, period)
    for one in steps:
        step = one.step
        spent = [
            *_spent(opened, step.to_run, step.period),
            *_minus(_spent(opened, step.from_run, step.period)),
        ]
        owed = [
            *_owed(opened, step.to_run, step.period),
            *(o._replace(billed=-o.billed, cost=-o.cost)
              for o in _owed(opened, step.from_run, step.period)),
        ]  # fmt: skip
        found += entries(
            _net_spent(spent), _net_owed(owed), accounts, status=ADJUSTMENT, period=step.period
        )
        bill = total([bill, one.amount])
    prove(found, bill)
    return Journal(opened, period, tuple(found), bill)


def _spent(opened: Opened, run: str, period: str) -> list[Spent]:
    for table in (PARTS, GROUPS):
        opened.store.bind(table, run=run, periods=[period])
    pools = {pool.name: pool for pool in loads(opened.store.run(run).model_text).pools}
    found = []
    for name, amount in read_invoices.by_pool(opened.engine, opened.basis):
        pool = pools.get(name)
        found.append(
            Spent(name, pool.cost_class, pool.cost_centre, pool.owner, amount)
            if pool
            else Spent(name, "cost of revenue", "", "", amount)
        )
    return found


def _minus(spent: Sequence[Spent]) -> list[Spent]:
    return [one._replace(amount=-one.amount) for one in spent]


def _net_spent(spent: Sequence[Spent]) -> list[Spent]:
    sums: dict[Spent, list[Decimal]] = {}
    for one in spent:
        sums.setdefault(one._replace(amount=ZERO), []).append(one.amount)
    return [one._replace(amount=total(amounts)) for one, amounts in sums.items()]


def _net_owed(owed: Sequence[Owed]) -> list[Owed]:
    sums: dict[tuple[str, str], list[Owed]] = {}
    for one in owed:
        sums.setdefault((one.issuer, one.invoice), []).append(one)
    return [
        Owed(*key, total([one.billed for one in ones]), total([one.cost for one in ones]))
        for key, ones in sorted(sums.items())
    ]


def _owed(opened: Opened, run: str, period: str) -> list[Owed]:
    opened.store.bind(LINES, run=run, periods=[period])
    return [Owed._make(row) for row in read_invoices.owed(opened.engine, opened.basis)]


def _bill(opened: Opened, run: str, period: str) -> Decimal:
    opened.store.bind(LINES, run=run, periods=[period])
    column = quote(COSTS[opened.basis])
    return Decimal(opened.engine.value(f"SELECT coalesce(sum({column}), 0) FROM lines"))


def rows(found: Journal) -> list[list[Any]]:
    """Return the entries as rows of ``COLUMNS``, in the order they are booked."""
    span = month_span(int(found.period[:4]), int(found.period[5:7]), found.opened.zone)
    last = (span.end.astimezone(found.opened.zone)).date()
    day = last.fromordinal(last.toordinal() - 1).isoformat()
    currency = found.opened.model.currency
    return [
        [found.period, day, at, one.account, one.debit, one.credit, currency,
         one.cost_centre or None, one.pool or None, one.owner or None, one.issuer or None,
         one.invoice or None, one.status, one.of_period]
        for at, one in enumerate(found.entries, start=1)
    ]  # fmt: skip


def to_json(found: Journal) -> dict[str, Any]:
    """Return the journal as JSON carries it."""
    opened = found.opened
    amounts = {"debit", "credit"}
    return {
        "meta": {
            "basis": opened.basis,
            "currency": opened.model.currency,
            "period": found.period,
            "as_of": instant(opened.now),
            "run": opened.runs.get(found.period),
        },
        "bill_total": text(found.bill),
        "debit": text(total([one.debit for one in found.entries])),
        "credit": text(total([one.credit for one in found.entries])),
        "entries": [
            {
                name: text(value) if name in amounts else value
                for name, value in zip(COLUMNS, row, strict=True)
            }
            for row in rows(found)
        ],
    }
