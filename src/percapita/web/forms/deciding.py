"""Writing decisions down: by the form of the page, or by the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from percapita.core.roles import BOOKS
from percapita.report.decisions.log import entry_json, log
from percapita.report.decisions.record import Said, observe, record, withdraw
from percapita.report.opened import Opened, open_figures
from percapita.store.decisions import Decision
from percapita.web.api import bodies
from percapita.web.desk import Bench, Desk
from percapita.web.door import form, name_of
from percapita.web.routes import Handler, Route

_SEE_OTHER: Final = 303
_TEXTS: Final = (
    "decision", "metric", "period", "scope", "unit", "decided_by", "decided_on", "expected",
    "change", "review_on",
)  # fmt: skip


Write = Callable[[Opened, Mapping[str, Any], str], Decision]
"""Writes down what was sent, for whoever sent it."""


class Deciding:
    """Takes decisions, what came of them, and that they do not hold any more."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Iterator[Route]:
        """Yield the routes: those of the page's forms, and the same for programs."""
        for at, write in _WRITES.items():
            yield Route(f"/{at}", self._by_form(write), BOOKS, method="POST", people=True)
        for at, write in _WRITES.items():
            yield Route(f"/api/v1/{at}", self._by_program(at, write), BOOKS, method="POST")

    def _by_form(self, write: Write) -> Handler:
        async def respond(request: Request) -> Response:
            kept = await self._kept(request, write, await form(request))
            return RedirectResponse(f"/decisions#{kept['id']}", _SEE_OTHER)

        return respond

    def _by_program(self, at: str, write: Write) -> Handler:
        async def respond(request: Request) -> Response:
            return bodies.created(await self._kept(request, write, await bodies.read(request, at)))

        return respond

    async def _kept(
        self, request: Request, write: Write, sent: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Write something down; return its decision as the log shows it."""
        who = name_of(request)

        def keep(bench: Bench) -> dict[str, Any]:
            opened = open_figures(bench.store, now=bench.project.now, basis=sent.get("basis", ""))
            return entry_json(log(opened, [write(opened, sent, who).name])[0])

        found: dict[str, Any] = await self._desk.answer(None, keep)
        return found


def _decided(opened: Opened, sent: Mapping[str, Any], who: str) -> Decision:
    where = sent.get("where", ())
    if isinstance(where, str):
        # A form has one line for all of them.
        where = [one.strip() for one in where.split(";") if one.strip()]
    said = Said(where=where, **{name: sent.get(name, "") for name in _TEXTS})
    return record(opened, said, who)


def _observed(opened: Opened, sent: Mapping[str, Any], who: str) -> Decision:
    name, period = sent.get("decision", ""), sent.get("period", "")
    return observe(opened, name, period, who, note=sent.get("note", ""))


def _withdrawn(opened: Opened, sent: Mapping[str, Any], who: str) -> Decision:
    return withdraw(opened, sent.get("decision", ""), who, reason=sent.get("reason", ""))


_WRITES: Final[Mapping[str, Write]] = {
    "decisions": _decided,
    "decisions/observed": _observed,
    "decisions/withdrawn": _withdrawn,
}
"""Address -> what writes down what is sent to it."""
