"""The audit log: who did what when."""

from __future__ import annotations

from urllib.parse import urlencode

from percapita.report import audit
from percapita.store.trail import Trail
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View


def view(bench: Bench, asked: Asked) -> View:
    """Read a page of the log."""
    who, what = asked.one("who"), asked.one("what")
    log = audit.read(
        bench.store, who=who, what=what, cursor=asked.one("cursor"),
        most=asked.number("limit", 100) or 100,
    )  # fmt: skip
    kept = {"who": who, "what": what, "cursor": log.next}
    older = urlencode({name: value for name, value in kept.items() if value})
    shown = {
        "who": who, "what": what, "kinds": Trail(bench.store.catalog).kinds(),
        "older": f"/audit?{older}" if log.next else "", "said": audit.said,
    }  # fmt: skip
    return View("audit.html", "Audit log", audit.to_json(log), list(audit.COLUMNS),
                audit.flat(log), shown)  # fmt: skip
