"""The list of billing months: open or closed, by whom, and what was booked for them since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from percapita.core.money import text
from percapita.core.tables import PARTS
from percapita.report import numbers
from percapita.report.adjustments import Booked, booked, closings
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.report.table import Column, Page
from percapita.store.read import closing as read_closing
from percapita.store.runs.closing import Closing


@dataclass(frozen=True, slots=True)
class Month:
    """One billing month as it stands."""

    period: str
    run: str
    model: str
    total: Any
    closing: Closing | None
    booked: tuple[Booked, ...]
    """What was booked for it in other months."""

    @property
    def status(self) -> str:
        """Open or closed."""
        return read_closing.CLOSED if self.closing else read_closing.OPEN


def months(opened: Opened) -> list[Month]:
    """Return every month that has figures."""
    opened.bind(PARTS)
    sums = dict(
        opened.engine.rows(
            "SELECT period, sum(amount) FROM parts WHERE basis = ? GROUP BY ALL", [opened.basis]
        )
    )
    closed = closings(opened.store, opened.basis)
    steps = booked(opened)
    hashes = {record.id: record.model_hash for record in opened.store.runs()}
    return [
        Month(
            period, run, hashes[run], sums.get(period), closed.get(period),
            tuple(one for one in steps if one.step.period == period),
        )
        for period, run in sorted(opened.runs.items())
    ]  # fmt: skip


def to_json(opened: Opened, found: Sequence[Month]) -> dict[str, Any]:
    """Return the months as JSON carries them."""
    return {
        "meta": {
            "basis": opened.basis,
            "currency": opened.model.currency,
            "as_of": instant(opened.now),
        },
        "periods": [_month(one) for one in found],
    }


def _month(month: Month) -> dict[str, Any]:
    closing = month.closing
    return {
        "billing_period": month.period,
        "status": month.status,
        "bill_total": text(month.total),
        "run": month.run,
        "model": month.model,
        "closed_at": instant(closing.closed_at) if closing else None,
        "closed_by": closing.closed_by if closing else None,
        "signed_off_by": closing.signed_off_by if closing else None,
        "adjustments": [one.json() for one in month.booked],
    }


def show(page: Page, opened: Opened, found: Sequence[Month]) -> None:
    """Print the months."""
    currency = opened.model.currency
    page.line(f"{opened.basis.capitalize()} cost, {currency}", "bold")
    page.table(
        [
            Column("period", [one.period for one in found], number=False),
            Column("status", [one.status for one in found], number=False),
            Column("bill", [numbers.amount(one.total) for one in found]),
            Column("run", [one.run for one in found], number=False, rank=2),
            Column("model", [one.model[:12] for one in found], number=False, rank=3),
            Column("closed by", [_by(one.closing) for one in found], number=False, rank=1),
            Column("signed off", [_signed(one.closing) for one in found], number=False, rank=1),
        ]
    )
    for month in found:
        for one in month.booked:
            page.line(
                f"{numbers.amount(one.amount)} {currency} for {month.period} is booked in"
                f" {one.step.booked_in} (run {one.step.to_run})."
            )


def _by(closing: Closing | None) -> str:
    return f"{closing.closed_by}, {closing.closed_at:%Y-%m-%d}" if closing else ""


def _signed(closing: Closing | None) -> str:
    return (closing.signed_off_by or "") if closing else ""
