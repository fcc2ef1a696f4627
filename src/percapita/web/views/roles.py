"""One screen a role: the questions it asks first, answered, each leading on."""

from __future__ import annotations

from urllib.parse import urlencode

from percapita.api import Book
from percapita.report.glance import roles
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods


def view(bench: Bench, asked: Asked) -> View:
    """Answer the questions of the role the address names."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    role = asked.one("for", next(iter(roles.VIEWS)))
    valued = Book(bench.project, bench.store).valued(
        *roles.names(role), period=period, basis=found.basis
    )
    told = roles.answers(role, valued)
    shown = {
        "period": period, "periods": periods(found), "role": role, "roles": list(roles.VIEWS),
        "answers": told, "to": lambda page: _address(page, period),
    }  # fmt: skip
    rows = [
        [asks.question, row.metric.name, row.of or None, row.value]
        for asks, its in told
        for row in its
    ]
    header = ["question", "metric", "of", "value"]
    return View("roles.html", role, roles.to_json(role, valued), header, rows, shown)


def _address(page: str, period: str) -> str:
    return f"/{page}{'&' if '?' in page else '?'}{urlencode({'period': period})}"
