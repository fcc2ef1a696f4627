"""A bill line, and everyone who got a part of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from percapita.core.errors import InputError
from percapita.report.charts import Bar, Part, bars
from percapita.report.explain import as_json as explain_json
from percapita.report.explain import asked as explain_asked
from percapita.report.explain import bound
from percapita.report.numbers import amount
from percapita.store.catalog.people import people
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, page_of

_DRAWN = 12


def view(bench: Bench, asked: Asked) -> View:
    """Explain the line the address names."""
    line_id = asked.one("id")
    if not line_id:
        raise InputError(
            "No line is named.", hint="Write /line?id=ID, as percapita lines prints it."
        )
    found = opened(bench, asked)
    question = explain_asked.question(found, asked.one("period") or None, "", None)
    meta = explain_asked.meta(found, asked.one("period") or None, "")
    up = bound.line(found, question, line_id)
    receivers, following = page_of(bench, asked, explain_json.by_receiver(up.got), found)
    if following:
        up = replace(up, got=[one for _, _, rows in receivers for one in rows])
    known = people(found.store.catalog, {one.subject for one in up.got})
    page = explain_json.Asked(f"line {up.line['LineId']}", {}, meta, zone=found.zone)
    data = explain_json.up_json(page, up, known) | following
    header, *rows = explain_json.up_csv(up, known)
    shown = {"chart": _chart(data)}
    title = f"Line {data['line']['LineId'][:12]}"
    got = [f"who got line {data['line']['LineId']}"]
    return View("line.html", title, data, list(header), [list(row) for row in rows], shown, got)


def _chart(data: dict[str, Any]) -> str:
    rows = [
        Bar(
            one["label"] or (one["pseudonym"] or one["subject_kind"])[:12],
            [Part(one["pool"], Decimal(one["amount"]), amount(Decimal(one["amount"])))],
            amount(Decimal(one["amount"])),
        )
        for one in data["receivers"][:_DRAWN]
    ]
    return bars(rows, label="Who got most of the line") if rows else ""
