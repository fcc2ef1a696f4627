"""Can the figures be trusted: what was taken in, what was set aside, what to look at first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from percapita.core.errors import InputError, nearest
from percapita.project import checking
from percapita.report import sources
from percapita.report.check import view as check_view
from percapita.report.check.check import check
from percapita.report.check.sighted import visible
from percapita.report.numbers import instant
from percapita.report.sources import Delivery
from percapita.web.api.lists import LISTS
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, page_after

_ROWS: Final = 200


class NoListError(InputError):
    """A list that the page does not have, or not in pages."""

    def __init__(self, name: str) -> None:
        known = LISTS["data"]
        hint = nearest(name, known) or f"One of {', '.join(known)}."
        super().__init__(f"{name!r} is no list in pages of data.", hint=hint)


def view(bench: Bench, asked: Asked) -> View:
    """Gather imports, quarantine, checks and findings."""
    period = asked.one("period") or None
    project, store = bench.project, bench.store
    found = check(store, checking.asked(project, period))
    found.findings = visible(found.findings, asked.sight)
    meta = {"period": period, "as_of": instant(project.now)}
    data: dict[str, Any] = json.loads(check_view.check_json(found, meta))
    data |= _taken_in(bench, asked)
    header, *rows = list(check_view.check_csv(found))
    return View("data.html", "Data health", data, list(header), [list(row) for row in rows])


def _taken_in(bench: Bench, asked: Asked) -> dict[str, Any]:
    """Return imports and broken rows; of the list that the address asks for, a page."""
    wanted = asked.one("list", LISTS["data"][0])
    if wanted not in LISTS["data"]:
        raise NoListError(wanted)
    taken: Sequence[Delivery] = sources.deliveries(bench.store)
    broken: Sequence[Sequence[Any]] = sorted(sources.broken_rows(bench.store), key=_place)
    many = len(broken)
    if wanted == "sources":
        taken, following = page_after(bench, asked, taken, _when)
        broken = broken[:_ROWS]
    else:
        broken, following = page_after(bench, asked, broken, _place)
        broken = broken if following else broken[:_ROWS]
    return {
        "sources": [one.json() for one in taken],
        "broken_rows": [dict(zip(sources.COLUMNS, row, strict=False)) for row in broken],
        "broken_rows_total": many,
        **following,
    }


def _when(one: Delivery) -> tuple[str, str]:
    return one.record.committed_at.isoformat(), one.record.id


def _place(row: Sequence[Any]) -> tuple[str, str, int, str, str]:
    """Return where a broken row stands: source, file, row, column, code."""
    return row[0], row[1], row[2], row[3] or "", row[5]
