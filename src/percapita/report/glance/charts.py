"""The charts of a month: drawn alike on pages and in reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from percapita.core.money import total
from percapita.report.charts import Bar, Part, Point, Series, bars, line, spark
from percapita.report.glance.marks import drawn
from percapita.report.numbers import amount, places

_SHOWN: Final = 10
_STEPS: Final = 8
SCOPES: Final = {"infrastructure": "c1", "third party": "c3", "people": "c4", "other": "c2"}
"""Scope of a pool -> the class that colours it, everywhere."""


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def trend(data: Mapping[str, Any], *, marks: bool = False) -> str:
    """Draw cost per unit by month with what is usual, and what its scopes take of it.

    Args:
        data: as ``overview`` gathered it.
        marks: with what happened, where the page lists it in words too.
    """
    unit = data["meta"]["unit"]
    months = [row["month"] for row in data["trend"]]
    whole = tuple(
        Point(row["month"], (cost := _number(row["cost_per_unit"])), amount(cost, places([cost])),
              _number(row["low"]), _number(row["high"]))
        for row in data["trend"]
    )  # fmt: skip
    series = [Series("all", whole, "c1")]
    for name, paint in (("infrastructure", "c2"), ("third party", "c3"), ("people", "c4")):
        costs = {
            row["month"]: _number(row["cost_per_unit"])
            for row in data["scopes"]
            if row["scope"] == name
        }
        if costs:
            series.append(Series(name, tuple(_point(m, costs.get(m)) for m in months), paint))
    label = f"Cost per {unit} by month, and of it infrastructure, third party and people"
    if not marks or not data["marks"]:
        return line(series, label=label)
    happened = drawn(data["marks"], months)
    return line(series, label=f"{label}, with marks", marks=happened, slots=True)


def _point(label: str, value: Decimal | None) -> Point:
    return Point(label, value, amount(value, places([value])))


def scopes(rows: Sequence[Mapping[str, Any]]) -> str:
    """Draw what infrastructure, third parties and people cost, month by month."""
    drawn = []
    for month in sorted({row["month"] for row in rows}):
        parts = [
            Part(row["scope"], Decimal(row["total"]), amount(Decimal(row["total"])),
                 SCOPES.get(row["scope"], "c2"))
            for name in SCOPES for row in rows
            if row["month"] == month and row["scope"] == name
        ]  # fmt: skip
        drawn.append(Bar(month, parts, amount(total([part.value for part in parts]))))
    return bars(drawn, label="Allocated cost by scope and month") if drawn else ""


def margins(rows: Sequence[Mapping[str, Any]], segment: str) -> str:
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


def change(changes: Sequence[Mapping[str, Any]], period: str, before: str) -> str:
    """Draw what each pool's allocated cost rose or fell by, the largest changes first."""
    drawn = []
    for name, value in _largest(changes):
        paint = "more" if value > 0 else "less"
        drawn.append(Bar(name, [Part("change", value, signed(value), paint)], signed(value)))
    return bars(drawn, label=f"Change from {before} to {period} by pool") if drawn else ""


def _largest(changes: Sequence[Mapping[str, Any]]) -> list[tuple[str, Decimal]]:
    """Return the largest changes by pool, and all others as one."""
    found = [(row["pool"], Decimal(row["change"])) for row in changes]
    rest = total([value for _, value in found[_STEPS:]])
    return [pair for pair in (*found[:_STEPS], ("all other pools", rest)) if pair[1]]


def signed(value: Decimal) -> str:
    """Write a change with its sign."""
    return f"+{amount(value)}" if value > 0 else amount(value)


def sparks(rows: Sequence[Mapping[str, Any]], segment: str) -> dict[str | None, str]:
    """Draw each segment's cost per unit over the months."""
    months = sorted({row["month"] for row in rows if row["month"] is not None})
    each: dict[str | None, dict[str, Decimal | None]] = {}
    for row in rows:
        each.setdefault(row[segment], {})[row["month"]] = _number(row["cost_per_unit"])
    return {
        name: spark([figures.get(m) for m in months], label=f"Cost per unit of {name} by month")
        for name, figures in each.items()
    }
