"""The saved views of the explorer: one's own, and those that others share."""

from __future__ import annotations

from percapita.report.cost.saved import described
from percapita.report.numbers import instant
from percapita.store.saved import SavedViews
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, page_after

COLUMNS = ("name", "owner", "shared", "saved_at", "address")


def view(bench: Bench, asked: Asked) -> View:
    """List what whoever asks may open."""
    seen = SavedViews(bench.store.catalog).seen_by(asked.who, asked.role)
    found, following = page_after(bench, asked, seen, lambda one: one.order(asked.who))
    told = [described(one, asked.who) for one in found]
    rows = [
        [one.name, one.owner, "yes" if one.shared else "no", instant(one.saved_at), row["address"]]
        for one, row in zip(found, told, strict=True)
    ]
    return View("views.html", "Saved views", {"views": told, **following}, COLUMNS, rows)
