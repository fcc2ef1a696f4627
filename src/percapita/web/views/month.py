"""The month's report as a page; the same as a file for who does not open pages."""

from __future__ import annotations

from percapita.api import Book
from percapita.report.document import html
from percapita.report.statements import monthly
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods


def view(bench: Bench, asked: Asked) -> View:
    """Show the report of the month the address asks for."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    month = Book(bench.project, bench.store).month(
        period=period, basis=found.basis, by=asked.one("by"), unit=asked.one("unit")
    )
    document = monthly.document(month)
    data = monthly.to_json(month)
    header = [data["segment"], "units", "total", "cost_per_unit", "revenue", "margin"]
    rows = [[row[name] for name in header] for row in data["rows"]]
    shown = {"period": period, "periods": periods(found), "body": html.body(document)}
    return View("month.html", document.title, data, header, rows, shown, document=document)
