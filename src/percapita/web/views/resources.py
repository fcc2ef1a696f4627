"""The resource map: which types of resource there are, how they are used, and how attributed."""

from __future__ import annotations

from typing import Final

from percapita.report.lines import bind_lines, currency_of
from percapita.report.tags.taxonomy import METHOD, TYPE, read_map
from percapita.store.read import check as read_check
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View

_COLUMNS: Final = ("service", TYPE, "usage pattern", "tagging status", METHOD)


def view(bench: Bench, asked: Asked) -> View:  # noqa: ARG001 a page of one form
    """Show the map, and below it the types of the bill that it lacks."""
    project, store = bench.project, bench.store
    model = project.model()
    mapped = read_map(project.resource_map) or []
    bind_lines(store, model, project.rates)
    read_check.charges(store.engine, model.basis, currency_of(store, model), {})
    named = {row.get(TYPE, "").lower() for row in mapped}
    missing = [
        {"service": service, TYPE: kind}
        for kind, service in read_check.types(store.engine)
        if not named & {kind.lower(), service.lower()}
    ]
    data = {
        "mapped": [{name: row.get(name) or None for name in _COLUMNS} for row in mapped],
        "missing": missing,
    }
    rows = [["mapped", *(row.get(name) for name in _COLUMNS)] for row in mapped]
    rows += [["missing", *(row.get(name) for name in _COLUMNS)] for row in missing]
    return View("resources.html", "Resource map", data, ["line", *_COLUMNS], rows,
                {"columns": _COLUMNS})  # fmt: skip
