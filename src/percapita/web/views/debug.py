"""Debugging: requests and what they cost, whose they are, sampling, storage, third parties."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from percapita.live import traces
from percapita.live.desks import desk_of
from percapita.report.charts import spark
from percapita.report.live import traced
from percapita.report.usage.debugging import debugging
from percapita.store.read.live import measured_months
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, periods

_TRACES: Final = 8
_CALLS: Final = 20
"""Peers that the page shows; its files have all."""
_HEADER = ("what", "name", "of", "value")


def view(bench: Bench, asked: Asked) -> View:
    """Gather the page of a month."""
    found = opened(bench, asked)
    months = sorted({*periods(found), *measured_months(bench.store.catalog)}, reverse=True)
    period = asked.one("period") or months[0]
    data = debugging(found, period)
    recent = traces.recent(
        desk_of(bench.store), bench.project.now, sight=asked.sight, among=_TRACES
    )
    data["traces"] = traces.listed(recent, _TRACES)["traces"]
    shown = {
        "period": period, "periods": months, "spark": _spark, "sums": _sums, "most": _CALLS,
        "digits": traced.digits(data["traces"]),
    }  # fmt: skip
    return View("debug.html", f"Debugging {period}", data, list(_HEADER), _rows(data), shown)


def _rows(data: dict[str, Any]) -> list[list[Any]]:
    """Return a row a figure of the page."""
    rows = [
        ["endpoint", one["operation"], name, one[name]]
        for one in data["endpoints"]
        for name in ("requests", "failed", "mean_seconds")
    ]
    rows += [
        ["call", one["peer"], f"{name} of {one['service']}" if one["service"] else name, one[name]]
        for one in data["calls"]
        for name in ("calls", "failed", "seconds", "cost")
    ]
    rows += [
        ["third party", one["pool"], month["month"], month["total"]]
        for one in data["third_party"]
        for month in one["months"]
    ]
    rows += [
        ["storage", one["tenant"], f"{one['meter']} {month['month']}", month["quantity"]]
        for one in data["storage"]
        for month in one["months"]
    ]
    return rows + [
        ["sampling", one["meter"], name, one[name]]
        for one in data["sampling"]
        for name in ("signals", "sampled", "unknown")
    ]


def _spark(months: list[dict[str, Any]], name: str, label: str) -> str:
    values = [None if one[name] is None else Decimal(one[name]) for one in months]
    return spark(values, label=label)


def _sums(months: list[dict[str, Any]]) -> str | None:
    """Return the newest figure of a row of months."""
    return months[-1]["total"] if months else None
