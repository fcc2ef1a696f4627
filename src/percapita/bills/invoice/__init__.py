"""Invoices of vendors without a bill file, written down in YAML."""

from __future__ import annotations

from percapita.bills.documents import WrittenFormat
from percapita.bills.invoice.grammar import INVOICE
from percapita.bills.invoice.lines import lines_of
from percapita.plugins import BillFormat

SOURCE: BillFormat = WrittenFormat(
    "invoice", (frozenset({"issuer", "items"}),), INVOICE, "issuer: Acme Mail", lines_of
)
