"""The first page: what a user costs, over time and by segment, what it brings, what changed."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

from percapita.report.cost import as_json, sighted
from percapita.report.glance import charts
from percapita.report.glance.overview import overview
from percapita.report.numbers import places
from percapita.report.opened import Opened
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods


def view(bench: Bench, asked: Asked) -> View:
    """Gather the page of a month."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    data = overview(found, period, by=asked.one("by"), unit=asked.one("unit"), sight=asked.sight)
    segment, cohort = data["segment"], data["cohort"]
    shown = {
        "period": period, "periods": periods(found), "segment": segment,
        "cuts": _cuts(found, asked),
        "units": [one.name for one in found.model.units],
        "unit_cost": charts.trend(data, marks=True), "scopes": charts.scopes(data["scopes"]),
        "margins": charts.margins(data["cohorts"], cohort),
        "changed": charts.change(data["changes"], period, data["compared_with"] or ""),
        "sparks": charts.sparks(data["by_month"], segment),
        "places": places([_number(row["cost_per_unit"]) for row in data["rows"]]),
        "why": lambda value: _why(segment, value, period) if asked.sight.people else "",
        "open": asked.sight.people,
    }  # fmt: skip
    header = [segment, "units", *as_json.MONEY_COLUMNS]
    rows = [[row[segment], *(row[name] for name in header[1:])] for row in data["rows"]]
    return View("overview.html", f"Cost per {data['meta']['unit']}", data, header, rows, shown)


def _cuts(found: Opened, asked: Asked) -> list[str]:
    """Return what the rows may be: segments, as far as whoever asks may see them."""
    if not asked.sight.people:
        return sighted.segments(found.model, asked.sight) or ["pool"]
    return [one.name for one in found.model.segments] or ["pool"]


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _why(segment: str, value: str | None, period: str) -> str:
    if value is None or segment == "pool":
        return ""
    return f"/explain?{urlencode({'segment': f'{segment}={value}', 'period': period})}"
