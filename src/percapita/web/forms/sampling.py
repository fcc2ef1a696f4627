"""The start page: how to come to the first figure, and the sample company at one click."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from percapita.core.errors import PercapitaError
from percapita.core.roles import OWNER
from percapita.project import Project
from percapita.sample import loading
from percapita.web import rendering
from percapita.web.desk import Desk
from percapita.web.door import Caller, Door, form
from percapita.web.routes import Route

ADDRESS: Final = "/sample"
_SEE_OTHER: Final = 303
_SAID: Final[Mapping[str, str]] = {
    "generate": "Write its bills, usage and revenue",
    "import": "Take them in",
    "run": "Split every line over its users, and prove the sums",
}


class Sampling:
    """Loads the sample company, and says how far it has come."""

    def __init__(self, desk: Desk, door: Door) -> None:
        self._desk = desk
        self._door = door

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (Route(ADDRESS, self.load, OWNER, method="POST", people=True),)

    async def load(self, request: Request) -> Response:
        """Begin, or go on, and lead to where it can be watched."""
        asked = (await form(request)).get("users", "")
        users = next((size for size in loading.SIZES if str(size) == asked), loading.SIZES[-1])
        project = await asyncio.to_thread(self._desk.project)
        await asyncio.to_thread(loading.begin, project, users)
        await self._door.note(request, "load sample", project.root.name, users=users)
        return RedirectResponse("/overview", _SEE_OTHER)

    def page(self, request: Request, error: PercapitaError) -> str:
        """Return the start page; whoever may load the sample sees how far it is."""
        caller: Caller | None = getattr(request.state, "caller", None)
        shown = self._shown() if caller and caller.role in OWNER else {"may": False}
        return rendering.page("start.html", request, title="Start", error=error, sample=shown)

    def _shown(self) -> dict[str, Any]:
        project = self._desk.project()
        found = loading.standing(project)
        if found is None or found.step is None:
            return {"may": _may(project), "sizes": loading.SIZES, "steps": []}
        at = loading.STEPS.index(found.step)
        state = "failed" if found.failed else "now" if found.running else "stopped"
        steps = [
            (_SAID[step], "done" if n < at else state if n == at else "next")
            for n, step in enumerate(loading.STEPS)
        ]
        return {
            "may": True, "steps": steps, "running": found.running, "failed": found.failed,
            "users": found.users, "kept": loading.KEPT,
        }  # fmt: skip


def _may(project: Project) -> bool:
    """Tell whether the project is empty enough."""
    try:
        loading.check(project)
    except PercapitaError:
        return False
    return True
