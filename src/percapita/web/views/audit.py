"""The audit log: who did what when."""

from __future__ import annotations

from urllib.parse import urlencode

from percapita.report import audit
from percapita.store.trail import Trail
from percapita.web.api.paging import USUAL, Place
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, cursor_of, limit_of, place_of


def view(bench: Bench, asked: Asked) -> View:
    """Read a page of the log."""
    who, what = asked.one("who"), asked.one("what")
    last = place_of(bench, asked).last
    log = audit.read(
        bench.store, who=who, what=what, cursor=str(last[0]) if last else "",
        most=limit_of(asked) or USUAL,
    )  # fmt: skip
    following = cursor_of(bench, asked, Place(last=(int(log.next),))) if log.next else None
    kept = {"who": who, "what": what, "limit": asked.one("limit"), "cursor": following}
    older = urlencode({name: value for name, value in kept.items() if value})
    shown = {
        "who": who, "what": what, "kinds": Trail(bench.store.catalog).kinds(),
        "older": f"/audit?{older}" if following else "", "said": audit.said,
    }  # fmt: skip
    data = audit.to_json(log) | {"next": following}
    return View("audit.html", "Audit log", data, list(audit.COLUMNS),
                audit.flat(log), shown)  # fmt: skip
