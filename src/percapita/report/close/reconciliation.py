"""The reconciliation statement: the bill against the run, or an outside table against both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from percapita.core.errors import InputError
from percapita.core.money import ZERO, percent, text, total
from percapita.core.periods import Period as Asked
from percapita.core.periods import month_span
from percapita.core.tables import GROUPS, LINES, PARTS, ROLLUP, SLICES
from percapita.reconcile.compare import Comparison, Gap
from percapita.reconcile.identity import Identity, Period, identities, prove_identities, summed
from percapita.report import numbers
from percapita.report.adjustments import STANDING, Standing, closings, published, stand
from percapita.report.conversions import Conversion, conversions
from percapita.report.conversions import show as show_conversions
from percapita.report.numbers import instant
from percapita.report.opened import NoPeriodError, Opened
from percapita.report.table import Column, Page
from percapita.store.read import bill as read_bill
from percapita.store.read.bill import Billed


@dataclass(frozen=True, slots=True)
class Statement:
    """The identity of the billing periods asked for."""

    opened: Opened
    label: str
    periods: dict[str, Period]
    notes: tuple[str, ...]
    conversions: Sequence[Conversion] = ()
    closed: Standing = STANDING

    @property
    def whole(self) -> Period:
        """All billing periods together."""
        return summed(self.periods)

    @property
    def closes(self) -> bool:
        """The bill as it is now is what the run read."""
        return not self.whole.whole.difference and not self.closed.pending


def chosen(opened: Opened, asked: Asked | None) -> list[str]:
    """Return the billing periods that lie in the period asked for.

    Raises:
        NoPeriodError: none of them has figures.
        InputError: the period is no whole months.
    """
    if asked is None:
        return sorted(opened.runs)
    found = []
    for label in sorted(opened.runs):
        span = month_span(int(label[:4]), int(label[5:]), opened.zone)
        if asked.span.start <= span.start and span.end <= asked.span.end:
            found.append(label)
        elif span.overlap(asked.span):
            raise InputError(
                f"A bill is reconciled by billing period; {asked.label} cuts {label}.",
                hint=f"Ask for {label}.",
            )
    if not found:
        raise NoPeriodError(asked.label, opened.runs)
    return found


def reconcile(opened: Opened, asked: Asked | None) -> Statement:
    """Set the lines as imported against the run.

    The lines are those that are live now. Where they changed since the run read them, the
    difference is what changed, and a note says so.

    Raises:
        ProofError: the run does not add up to the lines that it read.
    """
    periods = chosen(opened, asked)
    opened.bind(PARTS, GROUPS, ROLLUP, SLICES, periods=periods)
    currency = opened.model.currency
    entered = read_bill.entered(opened.engine, opened.basis)
    put = read_bill.put(opened.engine, opened.basis)
    billed, closed = stand(opened, periods, _live(opened), lambda months: _as_read(opened, months))
    found = identities(periods, billed, currency, entered, put)
    notes = [*opened.notes, *_beside(billed, opened, asked), *closed.notes(currency)]
    if closed.pending or any(period.whole.difference for period in found.values()):
        as_read = identities(periods, _as_read(opened, periods), currency, entered, put)
        prove_identities(as_read)
        notes.append("The bill changed since the run: percapita run brings the figures up to it.")
    else:
        prove_identities(found)
    label = asked.label if asked else opened.label(None)
    return Statement(opened, label, found, tuple(notes), conversions(opened, periods), closed)


def _live(opened: Opened) -> list[Billed]:
    """Return the sums of the lines as they are; a closed month's at its last rates."""
    opened.store.bind(LINES, seen_by=opened.last_run)
    rows = read_bill.bill(opened.engine, opened.basis)
    if not published(opened):
        return rows
    for period, closing in closings(opened.store, opened.basis).items():
        last = opened.store.closings.last_run(closing)
        if last != closing.run:
            opened.store.bind(LINES, periods=[period], seen_by=last)
            mine = read_bill.bill(opened.engine, opened.basis)
            rows = [*(row for row in rows if row.period != period), *mine]
    return rows


def _as_read(opened: Opened, periods: Iterable[str]) -> list[Billed]:
    """Return the sums of the lines as each period's run read them."""
    found = []
    for run in sorted({opened.runs[period] for period in periods}):
        opened.store.bind(LINES, run=run)
        rows = read_bill.bill(opened.engine, opened.basis)
        found += [row for row in rows if opened.runs.get(row.period) == run]
    return found


def _beside(billed: Sequence[Billed], opened: Opened, asked: Asked | None) -> list[str]:
    """Return notes on what was imported and is in no figure."""
    notes = []
    currency = opened.model.currency
    for other in sorted({b.currency for b in billed} - {currency}):
        amount = total([b.amount for b in billed if b.currency == other])
        notes.append(f"Lines of {text(amount)} {other or 'no currency'} are in no figure yet.")
    if asked is None:
        notes += [
            f"{item.period} is not run yet: {text(item.amount)} {currency}."
            for item in billed
            if item.period not in opened.runs and item.currency == currency
        ]
    return notes


def to_json(statement: Statement) -> dict[str, Any]:
    """Return the statement as JSON carries it."""
    opened, whole = statement.opened, statement.whole
    runs = sorted({opened.runs[period] for period in statement.periods})
    return {
        "meta": {
            "basis": opened.basis,
            "currency": opened.model.currency,
            "period": statement.label,
            "status": statement.closed.status(statement.periods),
            "as_of": instant(opened.now),
            "model": opened.model.hash,
            "run": runs[0] if len(runs) == 1 else runs,
            "notes": list(statement.notes),
        },
        **_keys(whole.whole),
        "pools": _pools(whole),
        "periods": [
            {
                "billing_period": label,
                "status": statement.closed.status([label]),
                **_keys(period.whole),
                "pools": _pools(period),
            }
            for label, period in statement.periods.items()
        ],
        "adjustments": [one.json() for one in statement.closed.booked],
        "conversions": [one.json() for one in statement.conversions],
    }


def _keys(identity: Identity) -> dict[str, str | None]:
    return {
        "bill_total": text(identity.bill_total),
        **{name: text(amount) for name, amount in identity.classes.items()},
        "difference": text(identity.difference),
    }


def _pools(period: Period) -> list[dict[str, str | None]]:
    return [{"pool": name, **_keys(period.pools[name])} for name in _dearest(period)]


def _dearest(period: Period) -> list[str]:
    return sorted(period.pools, key=lambda name: (-period.pools[name].bill_total, name))


def flat(statement: Statement) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows: a row for each billing period and pool, then each period's sum."""
    header = ["billing_period", "pool", *_keys(Identity())]
    rows: list[list[Any]] = []
    for label, period in statement.periods.items():
        rows += [[label, name, *_keys(period.pools[name]).values()] for name in _dearest(period)]
        rows.append([label, "(all)", *_keys(period.whole).values()])
    return header, rows


def show(page: Page, statement: Statement) -> None:
    """Print the statement: the identity, the pools, what is in no figure."""
    opened, whole = statement.opened, statement.whole
    title = f"{opened.basis.capitalize()} cost, {statement.label}, {opened.model.currency}"
    page.line(title, "bold")
    page.line()
    lines = [("bill total", whole.whole.bill_total), *whole.whole.classes.items()]
    shares = [percent(amount, whole.whole.bill_total) for _, amount in lines]
    names = [name for name, _ in lines]
    amounts = [amount for _, amount in lines]
    verdict = "closes" if statement.closes else "changed since the run"
    page.table(
        [
            Column("", [*names, f"difference: {verdict}"], number=False),
            _amounts(opened, [*amounts, whole.whole.difference], whole=whole.whole.bill_total),
            Column("%", [*map(numbers.share, shares), ""]),
        ],
        totals=True,
    )
    page.line()
    page.table(_pool_columns(opened, whole))
    if len(statement.periods) > 1:
        page.line()
        page.table(_period_columns(opened, statement))
    show_conversions(page, statement.conversions, opened.model.currency)
    for note in statement.notes:
        page.line(f"Note: {note}")


def _amounts(
    opened: Opened, values: Sequence[Decimal | None], title: str = "", *, whole: Decimal
) -> Column:
    name = opened.model.currency if not title else f"{title}\n{opened.model.currency}"
    places = numbers.money_places(whole)
    return Column(name, [numbers.amount(value, places) for value in values])


def _pool_columns(opened: Opened, whole: Period) -> list[Column]:
    names = _dearest(whole)
    pools = [whole.pools[name] for name in names]
    return [Column("pool", names, number=False), *_class_columns(opened, pools)]


def _period_columns(opened: Opened, statement: Statement) -> list[Column]:
    found = [period.whole for period in statement.periods.values()]
    return [
        Column("billing period", list(statement.periods), number=False),
        *_class_columns(opened, found),
    ]


def _class_columns(opened: Opened, found: Sequence[Identity]) -> list[Column]:
    """Return a column for each class that holds anything."""
    bills = [identity.bill_total for identity in found]
    whole = total(bills)
    columns = [_amounts(opened, bills, "bill", whole=whole)]
    names = list(Identity().classes)
    used = [name for name in names if any(identity.classes[name] for identity in found)]
    for rank, name in enumerate(used):
        values = [identity.classes[name] for identity in found]
        column = _amounts(opened, values, name, whole=whole)
        columns.append(Column(column.title, column.values, rank=rank))
    return columns


def comparison_json(statement: Statement, found: Comparison, segment: str) -> dict[str, Any]:
    """Return the comparison with an outside table as JSON carries it."""
    meta = {**to_json(statement)["meta"], "segment": segment}
    meta["notes"] = [*meta["notes"], *found.notes]
    return {
        "meta": meta,
        "bill_total": text(found.bill_total),
        "theirs": text(found.theirs),
        "unallocated": text(found.unallocated),
        "unallocated_percent": text(found.unallocated_percent),
        "tolerance": text(found.tolerance),
        "differs": found.differs,
        "cells": [_gap(gap) for gap in found.gaps],
        "totals": [_gap(gap) for gap in found.totals],
    }


def _gap(gap: Gap) -> dict[str, str | None]:
    return {
        "pool": gap.pool,
        "segment": gap.value,
        "theirs": text(gap.theirs),
        "ours": text(gap.ours),
        "difference": text(gap.difference),
    }


def comparison_flat(found: Comparison) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows: the cells that differ, then what the table misses of the bill."""
    header = ["pool", "segment", "theirs", "ours", "difference"]
    rows: list[list[Any]] = [list(gap) for gap in found.gaps]
    rows.append(["(bill)", None, found.theirs, found.bill_total, found.unallocated])
    return header, rows


def show_comparison(page: Page, statement: Statement, found: Comparison, segment: str) -> None:
    """Print what the table lost, and where."""
    currency = statement.opened.model.currency
    missing, whole = found.unallocated, found.bill_total
    part = numbers.share(found.unallocated_percent)
    if abs(missing) <= found.tolerance:
        page.line("The table holds the whole bill.", "bold")
    elif missing > ZERO:
        page.line(
            f"{numbers.amount(missing)} {currency} unallocated: {part} % of the bill.", "bold"
        )
    else:
        page.line(
            f"{numbers.amount(missing.copy_abs())} {currency} more than the bill: {part} %.", "bold"
        )
    page.line(f"Bill {numbers.amount(found.bill_total)}, table {numbers.amount(found.theirs)}.")
    if found.gaps:
        page.line()
        page.table(
            [
                Column("pool", [gap.pool or "not known" for gap in found.gaps], number=False),
                Column(segment, [gap.value for gap in found.gaps], number=False),
                _amounts(
                    statement.opened, [gap.theirs for gap in found.gaps], "table", whole=whole
                ),
                _amounts(statement.opened, [gap.ours for gap in found.gaps], "model", whole=whole),
                _amounts(
                    statement.opened,
                    [gap.difference for gap in found.gaps],
                    "difference",
                    whole=whole,
                ),
            ]
        )
    elif not found.totals:
        page.line("Every cell agrees with the model.")
    for note in (*statement.notes, *found.notes):
        page.line(f"Note: {note}")
