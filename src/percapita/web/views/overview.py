"""The first page: what a user costs, over time and by segment, what it brings, what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from percapita.core.money import quotient, text, total
from percapita.core.tables import FINDINGS
from percapita.measure.question import ask
from percapita.report.charts import Bar, Part, Point, Series, Step, bars, line, spark, waterfall
from percapita.report.cost import as_json as cost_json
from percapita.report.cost import sighted
from percapita.report.numbers import amount, places
from percapita.report.opened import Opened
from percapita.store.read import check as read_check
from percapita.web.desk import Bench
from percapita.web.view import Asked, View, opened, period_of, periods

_SHOWN: Final = 10
_STEPS: Final = 6
_FINDINGS: Final = 3


def view(bench: Bench, asked: Asked) -> View:
    """Gather the page of a month."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    segment = next((one.name for one in found.model.segments), "pool")
    trend = _ask(found, asked, ["month"], None)
    scopes = _ask(found, asked, ["month", "scope"], None)
    now = _ask(found, asked, [segment], period)
    each = _ask(found, asked, [segment, "month"], None)
    earlier = [one for one in reversed(periods(found)) if one < period]
    before = earlier[-1] if earlier else ""
    data: dict[str, Any] = {
        **now,
        "segment": segment,
        "trend": trend["rows"],
        "scopes": scopes["rows"],
        "by_month": each["rows"],
        "changes": _changes(found, asked, period, before),
        "compared_with": before or None,
        "findings": _findings(found, period) if asked.sight.tenants else [],
    }
    shown = {
        "period": period, "periods": periods(found), "segment": segment,
        "unit_cost": _trend_chart(trend["rows"], scopes["rows"], now["meta"]["unit"]),
        "margins": _margin_chart(now["rows"], segment),
        "changed": _change_chart(data["changes"], period, before),
        "sparks": _sparks(each["rows"], segment),
        "places": places([_number(row["cost_per_unit"]) for row in now["rows"]]),
        "why": lambda value: _why(segment, value, period) if asked.sight.people else "",
        "open": asked.sight.people,
    }  # fmt: skip
    header = [segment, "units", *cost_json.MONEY_COLUMNS]
    rows = [[row[segment], *(row[name] for name in header[1:])] for row in now["rows"]]
    return View("overview.html", f"Cost per {now['meta']['unit']}", data, header, rows, shown)


def _ask(found: Opened, asked: Asked, by: Sequence[str], period: str | None) -> dict[str, Any]:
    question = ask(
        found.model, by=by, period=found.period(period), basis=found.basis, unit=asked.one("unit")
    )
    return cost_json.statement(sighted.answer(found, question, asked.sight))


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _findings(found: Opened, period: str) -> list[dict[str, Any]]:
    """Return what a month's run found, most money first."""
    found.bind(FINDINGS, periods=[period])
    rows = read_check.findings(found.engine)
    rows.sort(key=lambda row: -(row["amount"] or Decimal(0)))
    return [{**row, "amount": text(row["amount"])} for row in rows[:_FINDINGS]]


def _changes(found: Opened, asked: Asked, period: str, before: str) -> list[dict[str, Any]]:
    """Return what each pool's allocated cost changed by, the largest changes first."""
    if not before:
        return []
    now = {row["pool"]: row for row in _ask(found, asked, ["pool"], period)["rows"]}
    then = {row["pool"]: row for row in _ask(found, asked, ["pool"], before)["rows"]}
    rows = []
    for pool in dict.fromkeys((*now, *then)):
        a = Decimal(now[pool]["total"]) if pool in now else Decimal(0)
        b = Decimal(then[pool]["total"]) if pool in then else Decimal(0)
        rows.append({"pool": pool, "before": text(b), "now": text(a), "change": text(a - b)})
    return sorted(rows, key=lambda row: -abs(Decimal(str(row["change"]))))


def _why(segment: str, value: str | None, period: str) -> str:
    if value is None or segment == "pool":
        return ""
    return f"/explain?{urlencode({'segment': f'{segment}={value}', 'period': period})}"


def _trend_chart(
    months: Sequence[Mapping[str, Any]], scopes: Sequence[Mapping[str, Any]], unit: str
) -> str:
    """Draw cost per unit by month: all of it, and what its scopes take."""
    units = {row["month"]: row["units"] for row in months}
    labels = sorted(units)
    shown = {row["month"]: _number(row["cost_per_unit"]) for row in months}
    series = [Series("all", tuple(_point(m, shown[m]) for m in labels), "c1")]
    for name, paint in (("infrastructure", "c2"), ("third party", "c3"), ("people", "c4")):
        costs = {row["month"]: row["total"] for row in scopes if row["scope"] == name}
        if not costs:
            continue
        points = tuple(_point(m, quotient(_number(costs.get(m)), units[m])) for m in labels)
        series.append(Series(name, points, paint))
    return line(series, label=f"Cost per {unit} by month, and of it infrastructure and third party")


def _point(label: str, value: Decimal | None) -> Point:
    return Point(label, value, amount(value, places([value])))


def _margin_chart(rows: Sequence[Mapping[str, Any]], segment: str) -> str:
    """Draw cost and what is left of revenue for each segment, the dearest first."""
    drawn = []
    for row in rows[:_SHOWN]:
        cost, margin = Decimal(row["total"]), _number(row["margin"])
        parts = [Part("cost", cost, amount(cost), "c1")]
        if margin is not None and margin > 0:
            parts.append(Part("margin", margin, amount(margin), "good"))
        name = "not known" if row[segment] is None else str(row[segment])
        figure = amount(cost) if margin is None else f"{amount(cost)} → {amount(margin)}"
        drawn.append(Bar(name, parts, figure))
    return bars(drawn, label=f"Cost and margin by {segment}") if drawn else ""


def _change_chart(changes: Sequence[Mapping[str, Any]], period: str, before: str) -> str:
    """Draw the way from one month's allocated cost to the next, pool by pool."""
    if not changes:
        return ""
    then = total([Decimal(row["before"]) for row in changes])
    now = total([Decimal(row["now"]) for row in changes])
    steps = [Step(before, then, amount(then), "total")]
    steps += [
        Step(row["pool"], Decimal(row["change"]), _signed(Decimal(row["change"])))
        for row in changes[:_STEPS]
        if Decimal(row["change"])
    ]
    rest = total([Decimal(row["change"]) for row in changes[_STEPS:]])
    if rest:
        steps.append(Step("all other pools", rest, _signed(rest)))
    steps.append(Step(period, now, amount(now), "total"))
    return waterfall(steps, label=f"Allocated cost from {before} to {period} by pool")


def _signed(value: Decimal) -> str:
    return f"+{amount(value)}" if value > 0 else amount(value)


def _sparks(rows: Sequence[Mapping[str, Any]], segment: str) -> dict[str | None, str]:
    """Draw each segment's cost per unit over the months."""
    months = sorted({row["month"] for row in rows if row["month"] is not None})
    each: dict[str | None, dict[str, Decimal | None]] = {}
    for row in rows:
        each.setdefault(row[segment], {})[row["month"]] = _number(row["cost_per_unit"])
    return {
        name: spark([figures.get(m) for m in months], label=f"Cost per unit of {name} by month")
        for name, figures in each.items()
    }
