"""Lines against invoices, printed: what agrees, what differs, and what no invoice has come for."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from percapita.core.money import text, total
from percapita.core.tables import LINES
from percapita.reconcile.invoices import Billed, Comparison, compare, read
from percapita.report import numbers
from percapita.report.table import Column, Page
from percapita.store import Store
from percapita.store.read.invoices import billed


def against(store: Store, path: Path, months: Collection[str] | None) -> Comparison:
    """Set the lines as imported, in their own currency, against a file of invoices.

    Raises:
        InvoiceFileError: the file cannot be read.
    """
    invoices = read(path)
    store.bind(LINES, seen_by="")
    found = [Billed._make(row) for row in billed(store.engine)]
    return compare(invoices, found, None if months is None else frozenset(months))


def to_json(found: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON carries it."""
    return {
        "meta": {"basis": "billed"},
        "differs": found.differs,
        "invoices": [
            {
                "issuer": one.issuer,
                "invoice": one.invoice,
                "currency": one.currency,
                "date": one.date.isoformat() if one.date else None,
                "state": one.state,
                "stated": text(one.stated),
                "lines": one.lines,
                "billed": text(one.billed),
                "difference": text(one.difference),
            }
            for one in found.matches
        ],
        "accrued": [
            {
                "issuer": one.issuer,
                "billing_period": one.period,
                "currency": one.currency,
                "lines": one.lines,
                "billed": text(one.amount),
            }
            for one in found.accrued
        ],
    }


def flat(found: Comparison) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows: a row an invoice, then what is accrued."""
    header = ["issuer", "invoice", "currency", "date", "state", "stated", "lines", "billed",
              "difference"]  # fmt: skip
    rows: list[list[Any]] = [
        [one.issuer, one.invoice, one.currency, one.date.isoformat() if one.date else None,
         one.state, one.stated, one.lines, one.billed, one.difference]
        for one in found.matches
    ]  # fmt: skip
    rows += [
        [one.issuer, None, one.currency, one.period, "accrued", None, one.lines, one.amount, None]
        for one in found.accrued
    ]
    return header, rows


def show(page: Page, found: Comparison) -> None:
    """Print invoices that do not agree first, then those that do, then what is accrued."""
    ordered = sorted(found.matches, key=lambda one: one.state == "agrees")
    agreed = sum(one.state == "agrees" for one in ordered)
    page.line(f"{agreed} of {len(ordered)} invoices agree with their lines.", "bold")
    if ordered:
        page.table(
            [
                Column("issuer", [one.issuer for one in ordered], number=False),
                Column("invoice", [one.invoice for one in ordered], number=False),
                Column("", [one.currency for one in ordered], number=False),
                Column("invoice total", [numbers.amount(one.stated) for one in ordered]),
                Column("lines", [numbers.amount(one.billed) for one in ordered]),
                Column("difference", [numbers.amount(one.difference) for one in ordered]),
                Column("", [one.state for one in ordered], number=False),
            ]
        )
    if found.accrued:
        page.line()
        page.line("Without an invoice yet, to be accrued:", "bold")
        page.table(
            [
                Column("issuer", [one.issuer for one in found.accrued], number=False),
                Column("month", [one.period for one in found.accrued], number=False),
                Column("", [one.currency for one in found.accrued], number=False),
                Column("lines", [numbers.count(one.lines) for one in found.accrued]),
                Column("amount", [numbers.amount(one.amount) for one in found.accrued]),
            ]
        )
    for currency in sorted({one.currency for one in found.accrued}):
        amount = total([one.amount for one in found.accrued if one.currency == currency])
        page.line(f"Accrued in all: {numbers.amount(amount)} {currency}.")
