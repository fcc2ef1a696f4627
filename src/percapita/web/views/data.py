"""Can the figures be trusted: what was taken in, what was set aside, what to look at first."""

from __future__ import annotations

import json
from typing import Any, Final

from percapita.project import checking
from percapita.report import sources
from percapita.report.check import view as check_view
from percapita.report.check.check import check
from percapita.report.check.sighted import visible
from percapita.report.numbers import instant
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View

_ROWS: Final = 200


def view(bench: Bench, asked: Asked) -> View:
    """Gather imports, quarantine, checks and findings."""
    period = asked.one("period") or None
    project, store = bench.project, bench.store
    found = check(store, checking.asked(project, period))
    found.findings = visible(found.findings, asked.sight)
    meta = {"period": period, "as_of": instant(project.now)}
    data: dict[str, Any] = json.loads(check_view.check_json(found, meta))
    data["sources"] = [one.json() for one in sources.deliveries(store)]
    broken = sources.broken_rows(store)
    data["broken_rows"] = [dict(zip(sources.COLUMNS, row, strict=False)) for row in broken[:_ROWS]]
    data["broken_rows_total"] = len(broken)
    header, *rows = list(check_view.check_csv(found))
    return View("data.html", "Data health", data, list(header), [list(row) for row in rows])
