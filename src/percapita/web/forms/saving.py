"""Saving and deleting views of the explorer: forms of the pages, and the same for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from percapita.core.roles import BOOKS, EVERYONE, OWNER, ROLES, WATCH, sight
from percapita.report.cost.saved import cleaned, described, roles_for
from percapita.report.cost.sighted import NotForRoleError
from percapita.report.opened import NothingPublishedError, open_figures
from percapita.store.saved import SavedView
from percapita.store.site import NoStoreError
from percapita.web.api import bodies
from percapita.web.desk import Bench, Desk
from percapita.web.door import Caller, Door, form
from percapita.web.refusals import Refused
from percapita.web.routes import Route

SHARERS: Final = BOOKS | WATCH
"""Who may show a view to others."""
_SEE_OTHER: Final = 303


class NoFiguresError(Refused):
    """A view of figures that are not there yet."""

    status = 409


class Saving:
    """The routes that write saved views."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route("/views", self.save, EVERYONE, method="POST", people=True),
            Route("/views/delete", self.delete, EVERYONE, method="POST", people=True),
            Route("/api/v1/views", self.save_json, EVERYONE, method="POST"),
            Route("/api/v1/views/delete", self.delete_json, EVERYONE, method="POST"),
        )

    async def save(self, request: Request) -> Response:
        """Keep what the explorer's form says, and lead back to it."""
        made = await self._save(request, await form(request))
        return RedirectResponse(f"/cost?{made.query}", _SEE_OTHER)

    async def save_json(self, request: Request) -> Response:
        """Keep what a program says."""
        made = await self._save(request, await bodies.read(request, "views"))
        caller: Caller = request.state.caller
        return bodies.created(described(made, caller.name))

    async def delete(self, request: Request) -> Response:
        """Remove a view by the list's form."""
        await self._delete(request, await form(request))
        return RedirectResponse("/views", _SEE_OTHER)

    async def delete_json(self, request: Request) -> Response:
        """Remove a view for a program."""
        sent = await bodies.read(request, "views/delete")
        await self._delete(request, sent)
        return bodies.created({"deleted": sent["name"]})

    async def _save(self, request: Request, sent: Mapping[str, str]) -> SavedView:
        caller: Caller = request.state.caller
        shared = sent.get("shared") == "yes"
        if shared and caller.role not in SHARERS:
            raise NotForRoleError("how a view is shared")
        query = cleaned(sent.get("query", ""), newest=sent.get("newest") == "yes")

        try:
            roles = await self._desk.answer(None, lambda bench: _roles(bench, query))
        except (NoStoreError, NothingPublishedError) as error:
            raise NoFiguresError(error.message, error.hint) from error
        if caller.role not in roles:
            raise NotForRoleError("what that view asks")
        return await asyncio.to_thread(
            lambda: self._door.saved.save(
                caller.name, sent.get("name", ""), query, roles=roles, shared=shared,
                now=datetime.now(UTC),
            )
        )  # fmt: skip

    async def _delete(self, request: Request, sent: Mapping[str, str]) -> None:
        """Remove one's own view; who may do everything, those that others share too."""
        caller: Caller = request.state.caller
        name, owner = sent.get("name", ""), sent.get("owner", "")
        await asyncio.to_thread(
            lambda: self._door.saved.delete(
                caller.name, name, datetime.now(UTC), owner=owner,
                over_others=caller.role in OWNER,
            )
        )  # fmt: skip


def _roles(bench: Bench, query: str) -> list[str]:
    """Return the roles that may open what is to be saved."""
    viewers = bench.project.settings.viewers
    found = open_figures(bench.store, now=bench.project.now)
    sights = {role: sight(role, viewers.fewest, viewers.segments) for role in ROLES}
    return list(roles_for(found, query, sights))
