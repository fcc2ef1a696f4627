"""Invoices of vendors without a bill file, written down in YAML."""

from __future__ import annotations

from percapita.bills.written.documents import WrittenFormat
from percapita.bills.written.invoice.grammar import INVOICE
from percapita.bills.written.invoice.lines import lines_of
from percapita.plugins import BillFormat

SOURCE: BillFormat = WrittenFormat(
    "invoice", (frozenset({"issuer", "items"}),), INVOICE, "issuer: Acme Mail", lines_of
)
