"""Each version of a month's figure, and why it moved from one to the next."""

from __future__ import annotations

from dataclasses import replace

from percapita.report.close import history as report
from percapita.report.opened import Opened
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, page_after, period_of, periods

_HEADER = ("run", "at", "role", "bill_total", "allocated", "units", "cost_per_unit")


def view(bench: Bench, asked: Asked) -> View:
    """Show the versions of the month the address asks for."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    versions, following = _versions(bench, asked, found, period)
    data = report.to_json(versions) | following
    rows = [[one[name] for name in _HEADER] for one in data["versions"]]
    shown = {"period": period, "periods": periods(found)}
    return View("history.html", f"Versions of {period}", data, list(_HEADER), rows, shown)


def _versions(
    bench: Bench, asked: Asked, found: Opened, period: str
) -> tuple[report.History, dict[str, str | None]]:
    """Return the versions of a page, with the move into the first from the one before it."""
    every = report.versions(found, period)
    page, following = page_after(bench, asked, every, lambda run: (len(run), run))
    if not following or not page:
        return report.history(found, period), following
    before = every[: every.index(page[0])][-1:]
    versions = report.history(found, period, [*before, *page])
    return replace(versions, figures=versions.figures[len(before) :]), following
