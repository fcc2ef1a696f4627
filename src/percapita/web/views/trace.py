"""One trace: what ran when, what each span was counted as, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.live import traces
from percapita.live.desks import desk_of
from percapita.report.charts import Ran, timing
from percapita.report.live import traced
from percapita.report.numbers import amount
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View

_DIGITS: Final = 12
_MILLI: Final = 1000
_LONG: Final = 10


def view(bench: Bench, asked: Asked) -> View:
    """Show the trace that an address names."""
    wanted = asked.one("id")
    if not wanted:
        raise InputError("No trace is named.", hint="Write /trace?id=ID, as /traces lists it.")
    found = traces.single(desk_of(bench.store), bench.project.now, wanted, sight=asked.sight)
    data = traces.document(found)
    subject = data["subject"]
    shown = {"chart": _chart(data), "digits": traced.digits([data, *data["rows"]])}
    people = [f"{subject['kind']}:#{subject['number']}"] if subject["number"] else []
    return View(
        "trace.html", f"Trace {data['trace'][:_DIGITS]}", data, list(traced.SPANS),
        traced.span_rows(data), shown, people,
    )  # fmt: skip


def _chart(data: Mapping[str, Any]) -> str:
    """Draw the spans; each leads to its row of the table."""
    long = Decimal(data["seconds"]) >= _LONG
    factor, unit, places = (1, "s", 2) if long else (_MILLI, "ms", 1)
    digits = traced.digits(data["rows"])
    rows = [
        Ran(
            one["name"] or "none named", Decimal(one["after_seconds"]) * factor,
            Decimal(one["seconds"]) * factor,
            f"{amount(Decimal(one['seconds']) * factor, places)} {unit}{_costs(one, digits)}",
            one["depth"], f"#span-{one['span']}", "bad" if one["failed"] else _paint(one),
        )
        for one in data["rows"]
    ]  # fmt: skip
    return timing(rows, unit=unit, label=f"{data['spans']} spans of {data['operation']} by time")


def _costs(span: Mapping[str, Any], digits: int) -> str:
    """Return the cost of a span that has one, as it stands behind its time."""
    return f" · {amount(Decimal(span['cost']), digits)}" if Decimal(span["cost"] or 0) else ""


def _paint(span: Mapping[str, Any]) -> str:
    """Return the colour of what a span does: serves, calls others, or works in the house."""
    return {"server": "c1", "consumer": "c1", "client": "c3", "producer": "c3"}.get(
        span["kind"], "c4"
    )
