"""The decisions log: what was decided on which figure, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from percapita.core.money import text
from percapita.core.periods import local_day
from percapita.measure.question import FULL, SCOPES
from percapita.report.decisions import as_text, figure
from percapita.report.decisions.log import COLUMNS, Entry, figure_json, flat, log, to_json
from percapita.report.opened import Opened
from percapita.store.decisions import FigureAsked
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, page_after, period_of, periods


def view(bench: Bench, asked: Asked) -> View:
    """Show the log, and the figure that the address asks for, to decide on."""
    found = opened(bench, asked)
    entries, following = page_after(bench, asked, log(found), _newest_first)
    data = to_json(found, entries) | following
    data["figure"] = _figure(found, asked) if asked.one("metric") else None
    shown = {
        "entries": [_shown(found, one) for one in entries],
        "periods": periods(found), "metrics": [(one, figure.title(one)) for one in figure.NAMES],
        "units": [one.name for one in found.model.units], "scopes": list(SCOPES),
        "chosen": _chosen(found, asked), "said": _said(data["figure"]),
        "today": str(local_day(found.now, found.zone)),
    }  # fmt: skip
    return View("decisions.html", "Decisions", data, COLUMNS, flat(entries), shown)


def _newest_first(entry: Entry) -> tuple[int]:
    return (-entry.decision.number,)


def _figure(found: Opened, asked: Asked) -> dict[str, Any]:
    valued = figure.value(
        found, asked.one("metric"), period_of(found, asked), where=asked.all("where"),
        scope=asked.one("scope"), unit=asked.one("unit"),
    )  # fmt: skip
    return {
        **figure_json(valued.asked), "value": text(valued.value),
        "currency": found.model.currency, "runs": dict(valued.runs),
        "page": figure.page(valued.asked),
    }  # fmt: skip


def _said(found: Mapping[str, Any] | None) -> str:
    """Return the figure to decide on, in words."""
    if found is None:
        return ""
    asked = FigureAsked(
        found["metric"], found["period"], found["basis"], found["scope"], found["unit"],
        tuple(found["where"]),
    )  # fmt: skip
    return f"{figure.described(asked)}: {_value(found['metric'], found['value'])}"


def _value(metric: str, written: str | None) -> str:
    return figure.said(metric, None if written is None else Decimal(written))


def _chosen(found: Opened, asked: Asked) -> dict[str, str]:
    """Return what the form holds at first."""
    return {
        "metric": asked.one("metric", "cost_per_unit"), "period": period_of(found, asked),
        "where": "; ".join(asked.all("where")), "scope": asked.one("scope", FULL),
        "unit": asked.one("unit", found.model.primary.name), "basis": found.basis,
    }  # fmt: skip


def _shown(found: Opened, entry: Entry) -> dict[str, Any]:
    """Return a decision in words."""
    one = entry.decision
    metric = one.figure.metric
    later = [month for month in periods(found) if month > one.figure.period[: len(month)]]
    return {
        "entry": entry, "one": one, "figure": figure.described(one.figure),
        "page": figure.page(one.figure), "then": figure.said(metric, one.value),
        "now": figure.said(metric, entry.now), "runs": sorted(set(one.runs.values())),
        "expected": as_text.expected(one.expected, metric), "later": later,
        "withdrawn": as_text.withdrawn(one.withdrawn) if one.withdrawn else "",
        "observed": [(seen, as_text.observed(one, seen)) for seen in one.observed],
    }  # fmt: skip
