"""On call: what everything costs right now, what happened, which endpoints are dear or slow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from weakref import WeakKeyDictionary

from percapita.live.desk import Desk
from percapita.live.watch import watch
from percapita.report.charts import Mark, Point, Series, line
from percapita.report.numbers import amount
from percapita.store import Store
from percapita.web.desk import Bench
from percapita.web.view import Asked, View

_HEADER: Final = ("start", "amount", "low", "high")
_PAINTS: Final = {"incident": "bad", "deploy": "c1", "scale": "c3"}
_HOUR: Final = 3600

_desks: WeakKeyDictionary[Store, Desk] = WeakKeyDictionary()
"""What lasts between two looks, by the store it was read from."""


def view(bench: Bench, asked: Asked) -> View:  # noqa: ARG001 a page of one form
    """Look at the last day."""
    desk = _desks.setdefault(bench.store, Desk(bench.store))
    data = watch(desk, bench.project.now)
    shown = {"chart": _chart(data)}
    rows = [[row[name] for name in _HEADER] for row in data["hours"]]
    return View("oncall.html", "On call", data, list(_HEADER), rows, shown)


def _chart(data: Mapping[str, Any]) -> str:
    """Draw cost by the hour with its band; deploys and scaling stand under the same axis."""
    hours = [row for row in data["hours"] if row["whole"]]
    if not hours:
        return ""
    points = tuple(
        Point(row["start"][11:16], Decimal(row["amount"]), amount(Decimal(row["amount"])),
              Decimal(row["low"]), Decimal(row["high"]))
        for row in hours
    )  # fmt: skip
    first = datetime.fromisoformat(hours[0]["start"])
    marks = []
    for one in data["events"]:
        at = (datetime.fromisoformat(one["at"]) - first).total_seconds() / _HOUR
        if 0 <= at <= len(hours) - 1:
            said = f"{one['at'][11:16]} {one['kind']}: {one['name']}"
            marks.append(Mark(at, said, _PAINTS.get(one["kind"], "")))
    label = f"Cost by the hour of the last day, {data['meta']['currency']}, with its 90 % band"
    return line([Series("cost / h", points)], label=label, marks=marks)
