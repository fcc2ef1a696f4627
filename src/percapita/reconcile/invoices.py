"""Invoices against bill lines: by issuer, invoice id and currency, in billed cost.

The file has a row for each invoice: issuer, invoice id, currency, total and date, under these names
or FOCUS' own. Lines without an invoice id are usage that no invoice has come for yet.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, NamedTuple

from percapita.core.errors import InputError, Problem
from percapita.core.money import ZERO, exact, total

State = Literal["agrees", "differs", "no lines", "no invoice"]

_NAMES: Final = {
    "issuer": ("issuer", "invoiceissuername", "invoiceissuer", "vendor", "supplier"),
    "invoice": ("invoiceid", "invoice", "invoicenumber", "invoiceno", "number"),
    "currency": ("currency", "billingcurrency"),
    "total": ("total", "amount", "invoicetotal", "billedcost", "payable"),
    "date": ("date", "invoicedate", "invoiceissuedate", "issued"),
}
"""What the file may call each column, without case, blanks and underscores."""
_NOT_LETTERS: Final = re.compile(r"[^a-z]")
_CENTS: Final = 2
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


class Invoice(NamedTuple):
    """One invoice as it was received."""

    issuer: str
    invoice: str
    currency: str
    total: Decimal
    date: date | None
    row: int


class Billed(NamedTuple):
    """What the lines of an issuer sum to under one invoice id, or under none."""

    issuer: str
    invoice: str
    """Empty: no invoice yet."""
    currency: str
    period: str
    """Billing month."""
    lines: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Match:
    """An invoice beside its lines."""

    issuer: str
    invoice: str
    currency: str
    date: date | None
    stated: Decimal | None
    """``None``: the file does not have it."""
    lines: int
    billed: Decimal

    @property
    def difference(self) -> Decimal:
        """What the invoice asks more than the lines."""
        return total([self.stated or ZERO, -self.billed])

    @property
    def state(self) -> State:
        """How the two stand."""
        if self.stated is None:
            return "no invoice"
        if not self.lines:
            return "no lines"
        return "agrees" if abs(self.difference) <= self.tolerance else "differs"

    @property
    def tolerance(self) -> Decimal:
        """Half of the last digit that the invoice writes, or of a cent: what rounding takes."""
        exponent = (self.stated or ZERO).as_tuple().exponent
        places = -exponent if isinstance(exponent, int) else 0
        return Decimal(5).scaleb(-max(places, _CENTS) - 1)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every invoice, and what no invoice has come for."""

    matches: tuple[Match, ...]
    accrued: tuple[Billed, ...]
    """Lines without an invoice id, by issuer, month and currency."""

    @property
    def differs(self) -> bool:
        """Tell whether anything does not agree."""
        return any(match.state != "agrees" for match in self.matches)


class InvoiceFileError(InputError):
    """A file of invoices that cannot be read."""

    def __init__(self, path: Path, problems: Sequence[Problem], why: str = "") -> None:
        super().__init__(
            f"{path} cannot be compared: {why or f'{len(problems)} of its rows are broken'}.",
            problems=problems,
            hint="Give the columns issuer, invoice id, currency, total and date, a row an invoice.",
        )


def read(path: Path) -> list[Invoice]:
    """Read a file of invoices.

    Raises:
        InvoiceFileError: it cannot be read, lacks a column, or a row is broken.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvoiceFileError(path, (), str(error)) from error
    rows = list(csv.reader(text.splitlines()))
    columns = _columns(path, rows[0] if rows else [])
    invoices, problems = [], []
    for number, row in enumerate(rows[1:], start=1):
        if any(cell.strip() for cell in row):
            values = {n: row[at].strip() if at < len(row) else "" for n, at in columns.items()}
            try:
                invoices.append(_invoice(values, number))
            except _BrokenError as broken:
                problems.append(broken.problem(path, number))
    problems += _twice(path, invoices)
    if problems:
        raise InvoiceFileError(path, problems)
    return invoices


class _BrokenError(Exception):
    def __init__(self, column: str, value: str, message: str) -> None:
        super().__init__(message)
        self.column, self.value, self.message = column, value, message

    def problem(self, path: Path, row: int) -> Problem:
        where = f"{path}, row {row}, column {self.column}"
        return Problem("bad-invoice", where, f"{self.value!r} {self.message}")


def _columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    folded = [_NOT_LETTERS.sub("", name.lower()) for name in header]
    found: dict[str, int] = {}
    for name, known in _NAMES.items():
        at = next((folded.index(other) for other in known if other in folded), None)
        if at is not None:
            found[name] = at
        elif name != "date":
            raise InvoiceFileError(path, (), f"no column is the {name}")
    return found


def _invoice(values: dict[str, str], row: int) -> Invoice:
    for name in ("issuer", "invoice"):
        if not values[name]:
            raise _BrokenError(name, "", f"is no {name}.")
    currency = values["currency"].upper()
    if not _CURRENCY.fullmatch(currency):
        raise _BrokenError("currency", values["currency"], "is no ISO 4217 code such as USD.")
    try:
        amount = exact(values["total"])
    except ValueError as error:
        raise _BrokenError("total", values["total"], "is not a number.") from error
    day = values.get("date", "")
    try:
        issued = date.fromisoformat(day[:10]) if day else None
    except ValueError as error:
        raise _BrokenError("date", day, "is no date. Write 2025-11-03.") from error
    return Invoice(values["issuer"], values["invoice"], currency, amount, issued, row)


def _twice(path: Path, invoices: Iterable[Invoice]) -> list[Problem]:
    seen: dict[tuple[str, str, str], int] = {}
    found = []
    for one in invoices:
        key = _key(one.issuer, one.invoice, one.currency)
        if key in seen:
            where = f"{path}, row {one.row}, column invoice"
            message = f"{one.invoice!r} of {one.issuer} stands in row {seen[key]} already."
            found.append(Problem("invoice-twice", where, message))
        seen.setdefault(key, one.row)
    return found


def _key(issuer: str, invoice: str, currency: str) -> tuple[str, str, str]:
    return " ".join(issuer.casefold().split()), invoice.strip(), currency.upper()


def compare(
    invoices: Iterable[Invoice], billed: Iterable[Billed], months: frozenset[str] | None = None
) -> Comparison:
    """Set invoices against lines.

    Args:
        invoices: as received.
        billed: all lines.
        months: billing months that are asked about; invoices without lines count where they were
            issued in one of them, or in the month after. ``None``: all.
    """
    sums: dict[tuple[str, str, str], list[Billed]] = {}
    accrued = []
    for one in billed:
        inside = months is None or one.period in months
        if one.invoice:
            sums.setdefault(_key(one.issuer, one.invoice, one.currency), []).append(one)
        elif inside:
            accrued.append(one)
    matches = []
    for invoice in invoices:
        found = sums.pop(_key(invoice.issuer, invoice.invoice, invoice.currency), [])
        if _asked(invoice, found, months):
            matches.append(
                _match(invoice.issuer, invoice.invoice, invoice.currency, invoice, found)
            )
    for found in sums.values():
        if months is None or any(one.period in months for one in found):
            first = found[0]
            matches.append(_match(first.issuer, first.invoice, first.currency, None, found))
    matches.sort(key=lambda match: (match.issuer, match.invoice, match.currency))
    return Comparison(tuple(matches), tuple(sorted(accrued)))


def _asked(invoice: Invoice, found: Sequence[Billed], months: frozenset[str] | None) -> bool:
    if months is None or any(one.period in months for one in found):
        return True
    if found or invoice.date is None:
        return not found
    before = date(
        invoice.date.year - (invoice.date.month == 1), (invoice.date.month - 2) % 12 + 1, 1
    )
    return bool({f"{invoice.date:%Y-%m}", f"{before:%Y-%m}"} & months)


def _match(
    issuer: str, invoice: str, currency: str, stated: Invoice | None, found: Sequence[Billed]
) -> Match:
    return Match(
        issuer, invoice, currency, stated.date if stated else None,
        stated.total if stated else None, sum(one.lines for one in found),
        total([one.amount for one in found]),
    )  # fmt: skip
