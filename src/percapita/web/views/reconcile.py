"""The bill against the figures: what was allocated, every line that was not, and that it closes."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from percapita.core.subjects import CLASSES
from percapita.report.charts import Step, waterfall
from percapita.report.close import reconciliation
from percapita.report.numbers import amount
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods

_BASES: Final = ("billed", "effective", "contracted", "list")


def view(bench: Bench, asked: Asked) -> View:
    """Reconcile the month the address asks for."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    statement = reconciliation.reconcile(found, found.period(period))
    data = reconciliation.to_json(statement)
    header, rows = reconciliation.flat(statement)
    shown = {
        "period": period, "periods": periods(found), "bases": _BASES, "classes": CLASSES,
        "closes": statement.closes, "chart": _chart(data),
    }  # fmt: skip
    return View("reconcile.html", f"Reconciliation {period}", data, header, rows, shown)


def _chart(data: Mapping[str, Any]) -> str:
    steps = [Step("bill", Decimal(data["bill_total"]), _shown(data["bill_total"]), "total")]
    steps += [
        Step(name, -Decimal(data[name]), _shown(data[name]), paint="c3")
        for name in CLASSES
        if Decimal(data[name])
    ]
    steps.append(Step("allocated", Decimal(data["allocated"]), _shown(data["allocated"]), "total"))
    return waterfall(steps, label="From the bill to what is allocated to users")


def _shown(value: str) -> str:
    return amount(Decimal(value))
