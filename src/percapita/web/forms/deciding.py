"""Writing decisions down: by the form of the page, or by the API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from percapita.core.roles import BOOKS
from percapita.report.decisions.log import entry_json, log
from percapita.report.decisions.record import Said, observe, record, withdraw
from percapita.report.opened import open_figures
from percapita.web.api import bodies
from percapita.web.desk import Bench, Desk
from percapita.web.door import form, name_of
from percapita.web.routes import Route

_SEE_OTHER: Final = 303
_CREATED: Final = 201
_TEXTS: Final = (
    "decision", "metric", "period", "scope", "unit", "decided_by", "decided_on", "expected",
    "change", "review_on",
)  # fmt: skip


class Deciding:
    """Takes decisions, what came of them, and that they do not hold any more."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route("/decisions", self.record_form, BOOKS, method="POST", people=True),
            Route("/decisions/observed", self.observe_form, BOOKS, method="POST", people=True),
            Route("/decisions/withdrawn", self.withdraw_form, BOOKS, method="POST", people=True),
            Route("/api/v1/decisions", self.record_json, BOOKS, method="POST"),
            Route("/api/v1/decisions/observed", self.observe_json, BOOKS, method="POST"),
            Route("/api/v1/decisions/withdrawn", self.withdraw_json, BOOKS, method="POST"),
        )

    async def record_form(self, request: Request) -> Response:
        """Write down what the page's form says, and show it."""
        sent: dict[str, Any] = dict(await form(request))
        sent["where"] = [one.strip() for one in sent.get("where", "").split(";") if one.strip()]
        return _shown(await self._record(request, sent))

    async def record_json(self, request: Request) -> Response:
        """Write down what a program says."""
        return _created(await self._record(request, await bodies.read(request, "decisions")))

    async def observe_form(self, request: Request) -> Response:
        """Write down what came of a decision, and show it."""
        return _shown(await self._observe(request, await form(request)))

    async def observe_json(self, request: Request) -> Response:
        """Do the same for a program."""
        sent = await bodies.read(request, "decisions/observed")
        return _created(await self._observe(request, sent))

    async def withdraw_form(self, request: Request) -> Response:
        """Write down that a decision does not hold any more, and show it."""
        return _shown(await self._withdraw(request, await form(request)))

    async def withdraw_json(self, request: Request) -> Response:
        """Do the same for a program."""
        sent = await bodies.read(request, "decisions/withdrawn")
        return _created(await self._withdraw(request, sent))

    async def _record(self, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
        who = name_of(request)
        said = Said(where=sent.get("where", ()), **{name: sent.get(name, "") for name in _TEXTS})

        def keep(bench: Bench) -> dict[str, Any]:
            opened = open_figures(bench.store, now=bench.project.now, basis=sent.get("basis", ""))
            kept = record(opened, said, who)
            return entry_json(log(opened, [kept.name])[0])

        found: dict[str, Any] = await self._desk.answer(None, keep)
        return found

    async def _observe(self, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
        who = name_of(request)

        def keep(bench: Bench) -> dict[str, Any]:
            opened = open_figures(bench.store, now=bench.project.now)
            name, period = sent.get("decision", ""), sent.get("period", "")
            kept = observe(opened, name, period, who, note=sent.get("note", ""))
            return entry_json(log(opened, [kept.name])[0])

        found: dict[str, Any] = await self._desk.answer(None, keep)
        return found

    async def _withdraw(self, request: Request, sent: Mapping[str, Any]) -> dict[str, Any]:
        who = name_of(request)

        def keep(bench: Bench) -> dict[str, Any]:
            opened = open_figures(bench.store, now=bench.project.now)
            name, reason = sent.get("decision", ""), sent.get("reason", "")
            kept = withdraw(opened, name, who, reason=reason)
            return entry_json(log(opened, [kept.name])[0])

        found: dict[str, Any] = await self._desk.answer(None, keep)
        return found


def _shown(kept: Mapping[str, Any]) -> Response:
    return RedirectResponse(f"/decisions#{kept['id']}", _SEE_OTHER)


def _created(kept: Mapping[str, Any]) -> Response:
    text = json.dumps(kept, ensure_ascii=False, indent=2) + "\n"
    return Response(text, _CREATED, media_type="application/json")
