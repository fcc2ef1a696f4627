"""On call: what everything costs right now, what happened, which endpoints are dear or slow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from percapita.live.desks import desk_of
from percapita.live.watch import watch
from percapita.report.charts import Mark, Point, Series, line
from percapita.report.numbers import amount, least_places, places
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View

_HEADER: Final = ("start", "amount", "low", "high", "active_24h")
_PAINTS: Final = {"incident": "bad", "deploy": "c1", "scale": "c3"}
_HOUR: Final = 3600


def view(bench: Bench, asked: Asked) -> View:  # noqa: ARG001 a page of one form
    """Look at the last day."""
    data = watch(desk_of(bench.store), bench.project.now)
    shown = {"chart": _chart(data), "heads": _heads(data), "unusual": _unusual(data)}
    rows = [[row[name] for name in _HEADER] for row in data["hours"]]
    return View("oncall.html", "On call", data, list(_HEADER), rows, shown)


def _chart(data: Mapping[str, Any]) -> str:
    """Draw cost by the hour with its band; deploys and scaling stand under the same axis."""
    hours = [row for row in data["hours"] if row["whole"]]
    if not hours:
        return ""
    points = tuple(
        Point(row["start"][11:16], Decimal(row["amount"]), _shown(Decimal(row["amount"])),
              Decimal(row["low"]), Decimal(row["high"]))
        for row in hours
    )  # fmt: skip
    label = f"Cost by the hour of the last day, {data['meta']['currency']}, with its 90 % band"
    return line([Series("cost / h", points)], label=label, marks=_marks(data, hours))


def _heads(data: Mapping[str, Any]) -> str:
    """Draw cost per active user over the same hours, in the band of earlier days."""
    hours = [row for row in data["hours"] if row["whole"]]
    if not any(row["cost_per_dau"]["amount"] for row in hours):
        return ""
    known = [_decimal(row["cost_per_dau"]["amount"]) for row in hours]
    digits = places(known)
    points = tuple(
        Point(row["start"][11:16], value, amount(value, digits),
              _decimal(row["usual"]["low"]), _decimal(row["usual"]["high"]))
        for row, value in zip(hours, known, strict=True)
    )  # fmt: skip
    label = f"Cost per {data['meta']['unit']} of the last day, hour by hour at 24 times its rate"
    return line([Series("cost / DAU", points)], label=label, marks=_marks(data, hours))


def _unusual(data: Mapping[str, Any]) -> dict[str, int]:
    """Count the hours that have a band, and those that lie outside it."""
    banded = outside = 0
    for row in data["hours"]:
        value = row["whole"] and _decimal(row["cost_per_dau"]["amount"])
        if value and row["usual"]["low"] is not None:
            banded += 1
            outside += not Decimal(row["usual"]["low"]) <= value <= Decimal(row["usual"]["high"])
    return {"banded": banded, "outside": outside}


def _marks(data: Mapping[str, Any], hours: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Return what happened, each at its place under the hours."""
    first = datetime.fromisoformat(hours[0]["start"])
    marks = []
    for one in data["events"]:
        at = (datetime.fromisoformat(one["at"]) - first).total_seconds() / _HOUR
        if at >= 0:
            said = f"{one['at'][11:16]} {one['kind']}: {one['name']}"
            # What is newer than the last whole hour stands at the edge, not nowhere.
            marks.append(Mark(min(at, len(hours) - 1), said, _PAINTS.get(one["kind"], "")))
    return marks


def _shown(value: Decimal) -> str:
    return amount(value, least_places(value))


def _decimal(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)
