"""One module a page: from an address to what is shown."""

from collections.abc import Callable, Mapping
from typing import Final

from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View
from percapita.web.views import (
    audit,
    cost,
    data,
    debug,
    decisions,
    explain,
    figures,
    history,
    line,
    model,
    month,
    oncall,
    overview,
    pricing,
    reconcile,
    resources,
    roles,
    statements,
    trace,
    traces,
    views,
)

Page = Callable[[Bench, Asked], View]

PAGES: Final[Mapping[str, Page]] = {
    "overview": overview.view,
    "cost": cost.view,
    "explain": explain.view,
    "line": line.view,
    "statements": statements.view,
    "report": month.view,
    "pricing": pricing.view,
    "oncall": oncall.view,
    "debug": debug.view,
    "traces": traces.view,
    "trace": trace.view,
    "roles": roles.view,
    "history": history.view,
    "decisions": decisions.view,
    "resources": resources.view,
    "reconcile": reconcile.view,
    "figures": figures.view,
    "data": data.view,
    "model": model.view,
    "audit": audit.view,
    "views": views.view,
}
"""Name in the address -> page."""

ON_PAPER: Final = frozenset({"report", "statements"})
"""Pages that can be had as a document too: ``/report.pdf``."""

BEGINS: Final = frozenset({"overview", "cost"})
"""Pages that list the saved views of whoever asks."""

UNKEPT: Final = frozenset({"audit", "traces", "trace", "views"})
"""Pages whose answers are never kept: what they show changes without any figure changing."""
