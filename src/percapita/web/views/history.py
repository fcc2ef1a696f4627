"""Each version of a month's figure, and why it moved from one to the next."""

from __future__ import annotations

from percapita.report.close import history as report
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods

_HEADER = ("run", "at", "role", "bill_total", "allocated", "units", "cost_per_unit")


def view(bench: Bench, asked: Asked) -> View:
    """Show the versions of the month the address asks for."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    versions = report.history(found, period)
    data = report.to_json(versions)
    rows = [[one[name] for name in _HEADER] for one in data["versions"]]
    shown = {"period": period, "periods": periods(found)}
    return View("history.html", f"Versions of {period}", data, list(_HEADER), rows, shown)
