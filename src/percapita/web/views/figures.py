"""Every named figure of a period, and what it is."""

from __future__ import annotations

from percapita.api import Book
from percapita.report.metrics import view as listed
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods


def view(bench: Bench, asked: Asked) -> View:
    """Gather the metrics of the period the address asks for."""
    opening = opened(bench, asked)
    period = period_of(opening, asked)
    found = Book(bench.project, bench.store).valued(
        *asked.all("metric"), period=period, basis=opening.basis, run=asked.one("run")
    )
    data = listed.to_json(found)
    shown = {"period": period, "periods": periods(opening), "values": found.rows}
    rows = listed.flat(found)
    return View("figures.html", "Metrics", data, listed.COLUMNS, rows, shown)
