"""Recent traces: the newest, slowest, dearest or failed ones, each with what it cost."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from percapita.core.errors import InputError, nearest
from percapita.live import traces
from percapita.live.desk import Desk
from percapita.report.live import traced
from percapita.store import Store
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View

_desks: WeakKeyDictionary[Store, Desk] = WeakKeyDictionary()
"""What lasts between two looks, by the store it was read from."""


def desk_of(bench: Bench) -> Desk:
    """Return the desk of live prices of a thread's store."""
    return _desks.setdefault(bench.store, Desk(bench.store))


def view(bench: Bench, asked: Asked) -> View:
    """List the traces that an address asks for."""
    sort = asked.one("sort", "newest")
    if sort not in traces.SORTS:
        raise InputError(f"Traces have no order {sort!r}.", hint=nearest(sort, traces.SORTS))
    service = asked.one("service")
    found = traces.recent(
        desk_of(bench), bench.project.now, sort=sort, service=service, sight=asked.sight
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
    return View(
        "traces.html", "Traces", data, list(traced.LIST), traced.list_rows(data), shown
    )  # fmt: skip
