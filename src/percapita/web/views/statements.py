"""Statements: who there is to show or charge, and what each one cost."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from percapita.api import Book
from percapita.measure.question import ask
from percapita.report.cost import as_json
from percapita.report.cost.answer import answer
from percapita.report.document import html
from percapita.report.opened import Opened
from percapita.report.statements import paper, showback
from percapita.web.desk import Bench
from percapita.web.desk.view import (
    Asked,
    View,
    answered_page,
    asked_page,
    noted,
    opened,
    period_of,
    periods,
)

_PEOPLE: Final = ("user", "session", "tenant")
_MOST: Final = 200
"""Rows of the list; who is not in it can be named in the address."""


def view(bench: Bench, asked: Asked) -> View:
    """Show the statement the address names; where it names nobody, list whose there are."""
    found = opened(bench, asked)
    shown: dict[str, Any] = {
        "period": period_of(found, asked), "periods": periods(found), "cuts": _cuts(found),
        "of": asked.one("for"), "kind": asked.one("kind", "showback"),
        "kinds": ["showback", "chargeback"],
    }  # fmt: skip
    if shown["of"]:
        return _statement(bench, asked, shown)
    return _list(bench, found, asked, shown)


def _cuts(found: Opened) -> list[str]:
    """Return who can be shown a statement: owners of pools, and receivers."""
    model = found.model
    facts = {
        "owner": any(pool.owner for pool in model.pools),
        "cost centre": any(pool.cost_centre for pool in model.pools),
    }
    names = [
        *(segment.name for segment in model.segments),
        *(n for n, there in facts.items() if there),
    ]
    return names if "tenant" in names else [*names, "tenant"]


def _statement(bench: Bench, asked: Asked, shown: dict[str, Any]) -> View:
    kind: showback.Kind = "chargeback" if shown["kind"] == "chargeback" else "showback"
    found = Book(bench.project, bench.store).showback(
        shown["of"], period=shown["period"], basis=asked.one("basis"), kind=kind
    )
    document = paper.document(found)
    shown["body"] = html.body(document)
    header, rows = showback.flat(found)
    data = showback.to_json(found)
    people = [noted(bench, shown["of"])] if found.of[0] in _PEOPLE else []
    return View(
        "statement.html", document.title, data, header, rows, shown, people, document=document
    )


def _list(bench: Bench, found: Opened, asked: Asked, shown: dict[str, Any]) -> View:
    by = asked.one("by") or shown["cuts"][0]
    question = ask(
        found.model, by=[by], period=found.period(shown["period"]), basis=found.basis, top=_MOST
    )
    listed = answer(found, asked_page(bench, asked, question))
    listed, following = answered_page(bench, asked, listed)
    kept = {"period": shown["period"], "basis": found.basis}
    shown |= {
        "by": by,
        "to": lambda value: f"/statements?{urlencode({'for': f'{by}={value}', **kept})}",
    }
    header, rows = as_json.flat(listed)
    data = as_json.statement(listed) | following
    return View("statements.html", f"Statements by {by}", data, header, rows, shown)
