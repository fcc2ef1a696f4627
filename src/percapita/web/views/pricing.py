"""The pricing feed: what a unit costs by tier, what a unit of each driver costs."""

from __future__ import annotations

from percapita.api import Book
from percapita.report.statements import pricing
from percapita.report.statements.pricing_text import shown as digits
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods


def view(bench: Bench, asked: Asked) -> View:
    """Show the prices of a month, or of the version the address names."""
    found = opened(bench, asked)
    priced = Book(bench.project, bench.store).priced(
        by=asked.one("by"), period=period_of(found, asked), basis=asked.one("basis"),
        margins=asked.all("margin"), version=asked.one("version"),
    )  # fmt: skip
    header, rows = pricing.flat(priced)
    data = pricing.to_json(priced)
    shown = {
        "period": priced.period, "periods": periods(found), "by": priced.by, "digits": digits,
        "cuts": [segment.name for segment in found.model.segments],
        "margins": asked.all("margin"),
    }  # fmt: skip
    return View("pricing.html", f"Prices of {priced.period}", data, header, rows, shown)
