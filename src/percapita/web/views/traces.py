"""Recent traces: the newest, slowest, dearest or failed ones, each with what it cost."""

from __future__ import annotations

from percapita.core.errors import InputError, nearest
from percapita.live import traces
from percapita.live.desks import desk_of
from percapita.report.live import traced
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View


def view(bench: Bench, asked: Asked) -> View:
    """List the traces that an address asks for."""
    sort = asked.one("sort", "newest")
    if sort not in traces.SORTS:
        raise InputError(f"Traces have no order {sort!r}.", hint=nearest(sort, traces.SORTS))
    service = asked.one("service")
    found = traces.recent(
        desk_of(bench.store), bench.project.now, sort=sort, service=service, sight=asked.sight
    )
    data = traces.listed(found, asked.number("top", traces.SHOWN) or traces.SHOWN)
    services = sorted({*data["services"], *([service] if service else [])})
    shown = {
        "sort": sort,
        "sorts": traces.SORTS,
        "service": service,
        "services": services,
        "digits": traced.digits(data["traces"]),
    }
    named = any(one["subject"]["number"] for one in data["traces"])
    return View(
        "traces.html", "Traces", data, list(traced.LIST), traced.list_rows(data), shown,
        ["recent traces"] if named else [],
    )  # fmt: skip
