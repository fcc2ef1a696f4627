"""Closed months beside open ones: what stands, what is booked where, and how the ledger says it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from percapita.core.money import text, total
from percapita.core.periods import Period, month_span
from percapita.core.tables import GROUPS, LEDGER, SLICES
from percapita.report.opened import Opened
from percapita.store import Store
from percapita.store.read import closing as read_closing
from percapita.store.read.bill import Billed
from percapita.store.read.closing import AFTER, BEFORE, CLOSED, OPEN
from percapita.store.runs.closing import Adjustment, Closing


@dataclass(frozen=True, slots=True)
class Booked:
    """An adjustment and what it comes to."""

    step: Adjustment
    amount: Decimal

    def json(self) -> dict[str, str | None]:
        """Return it as JSON carries it."""
        return {
            "billing_period": self.step.period,
            "booked_in": self.step.booked_in,
            "from_run": self.step.from_run,
            "to_run": self.step.to_run,
            "amount": text(self.amount),
        }


def closings(store: Store, basis: str) -> dict[str, Closing]:
    """Return the months that are closed in a basis."""
    found = store.closings.closed()
    return {p: one for p, ones in found.items() for one in ones if one.basis == basis}


def status(opened: Opened, period: Period | None) -> str:
    """Return whether the months that a period touches are all closed."""
    if not published(opened):
        return OPEN
    touched = {
        label
        for label in opened.runs
        if period is None
        or month_span(int(label[:4]), int(label[5:]), opened.zone).overlap(period.span)
    }
    closed = closings(opened.store, opened.basis)
    return CLOSED if touched and touched <= set(closed) else OPEN


def reminders(opened: Opened, shown: Collection[Booked]) -> list[str]:
    """Return what a statement of cost leaves out: what is booked and not among the shown."""
    if not published(opened):
        return []
    named = {one.step for one in shown}
    return [
        f"{step.period} is closed; what was restated since is booked in {step.booked_in} and is in"
        f" no figure here: percapita ledger --period {step.booked_in}."
        for step in opened.store.closings.adjustments(opened.basis)
        if step not in named and {step.period, step.booked_in} & set(opened.runs)
    ]


def booked_within(opened: Opened, period: Period | None) -> list[Booked]:
    """Return the adjustments that are booked in months that lie in a period."""

    def inside(label: str) -> bool:
        month = month_span(int(label[:4]), int(label[5:]), opened.zone)
        return period is None or month.overlap(period.span) == month

    return [one for one in booked(opened) if inside(one.step.booked_in)]


def published(opened: Opened) -> bool:
    """Tell whether the published figures are asked, not those of some run."""
    return dict(opened.runs) == opened.store.published(opened.basis)


def booked(opened: Opened) -> list[Booked]:
    """Return every adjustment of the basis with its amount."""
    if not published(opened):
        return []
    return [
        Booked(step, read_closing.total(opened.engine, query(opened, step)))
        for step in opened.store.closings.adjustments(opened.basis)
    ]


def query(opened: Opened, step: Adjustment) -> str:
    """Bind the tables of both runs and return what they differ by."""
    sides = []
    for side, run in ((BEFORE, step.from_run), (AFTER, step.to_run)):
        prefix = f"{side}{step.period.replace('-', '_')}_{step.booked_in.replace('-', '_')}_"
        for table in (LEDGER, GROUPS, SLICES):
            name = f"{prefix}{table.name}"
            opened.store.bind(table, name, run=run, periods=[step.period])
        sides.append(prefix)
    return read_closing.difference(sides[0], sides[1], opened.basis)


def ledger(opened: Opened, rows: str, months: Sequence[str], pool: str) -> str:
    """Return the printed ledger: each row's status, and the adjustments booked in these months.

    ``rows`` is the query of the runs' own rows, whose last column is their status.
    """
    if not published(opened):
        return rows
    closed = sorted(set(closings(opened.store, opened.basis)) & set(months))
    steps = [
        step for step in opened.store.closings.adjustments(opened.basis) if step.booked_in in months
    ]
    if not closed and not steps:
        return rows
    named = ", ".join(f"'{month}'" for month in closed) or "''"
    status = f"CASE WHEN billing_period IN ({named}) THEN '{CLOSED}' ELSE '{OPEN}' END"
    parts = [f"SELECT * REPLACE ({status} AS status) FROM ({rows})"]
    parts += [
        read_closing.as_ledger(
            query(opened, step), run=step.to_run, booked_in=step.booked_in, basis=opened.basis,
            pool=pool,
        )
        for step in steps
    ]  # fmt: skip
    order = 'start, "end", grain, billing_period, pool, subject, subject_kind, slice, feature'
    return (
        f"SELECT * FROM ({' UNION ALL BY NAME '.join(parts)})"
        f" ORDER BY {order}, operation, region, basis, status, amount"
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How the months of a statement stand."""

    months: frozenset[str] = frozenset()
    """Those that are closed."""
    booked: tuple[Booked, ...] = ()
    """Adjustments of these months, or booked in them."""
    pending: tuple[tuple[str, Decimal], ...] = ()
    """Closed months that were restated since the last run, and by how much."""

    def status(self, periods: Iterable[str]) -> str:
        """Return closed where all of the months are."""
        return CLOSED if set(periods) <= self.months else OPEN

    def notes(self, currency: str) -> list[str]:
        """Return what a reader should know, a sentence each."""
        found = [
            f"{one.step.period} is closed; {text(one.amount)} {currency} of restatements are booked"
            f" in {one.step.booked_in} as adjustments: percapita ledger --period"
            f" {one.step.booked_in}."
            for one in self.booked
        ]
        return found + [
            f"{period} is closed and was restated by {text(amount)} {currency} that no run has"
            " booked yet: percapita run."
            for period, amount in self.pending
        ]


STANDING: Final = Standing()
"""No month is closed."""


def stand(
    opened: Opened,
    periods: Sequence[str],
    live: Sequence[Billed],
    as_read: Callable[[Sequence[str]], list[Billed]],
) -> tuple[list[Billed], Standing]:
    """Return the bill that the figures of these months answer to, and how the months stand.

    A closed month answers to the bill that it was closed with; what was restated since is either
    booked or pending.
    """
    if not published(opened):
        return list(live), STANDING
    closed = [period for period in periods if period in closings(opened.store, opened.basis)]
    steps = [one for one in booked(opened) if {one.step.period, one.step.booked_in} & set(periods)]
    if not closed:
        return list(live), Standing(booked=tuple(steps))
    frozen = [bill for bill in as_read(closed) if bill.period in closed]
    pending = []
    for period in closed:
        now = total([bill.amount for bill in live if bill.period == period])
        then = total([bill.amount for bill in frozen if bill.period == period])
        known = total([one.amount for one in steps if one.step.period == period])
        if now != total([then, known]):
            pending.append((period, total([now, -then, -known])))
    others = [bill for bill in live if bill.period not in closed]
    return [*others, *frozen], Standing(frozenset(closed), tuple(steps), tuple(pending))
