"""Every route there is, and who may take it: pages, API, sign-in and health in one table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from percapita.core.roles import BOOKS, EVERYONE, HEALTH, OWNER, WATCH, Role

Handler = Callable[[Request], Awaitable[Response]]
Roles = frozenset[Role]

ANYBODY: Final[Roles] = frozenset()
"""Shows nothing of anybody: no sign-in is asked for."""


@dataclass(frozen=True, slots=True)
class Route:
    """One address and what answers it."""

    path: str
    answer: Handler
    roles: Roles
    """Who may ask; ``ANYBODY`` where that needs no sign-in."""
    method: str = "GET"
    """``GET`` answers ``HEAD`` too."""
    people: bool = False
    """It is read in a browser: refusals are pages, and who has not signed in is led there."""


PAGE_ROLES: Final[Mapping[str, Roles]] = {
    "overview": EVERYONE,
    "cost": EVERYONE,
    "explain": BOOKS,
    "line": BOOKS,
    "reconcile": BOOKS,
    "figures": BOOKS,
    "statements": BOOKS,
    "report": BOOKS,
    "pricing": BOOKS,
    "oncall": WATCH,
    "debug": HEALTH,
    "traces": HEALTH,
    "trace": HEALTH,
    "roles": BOOKS,
    "history": BOOKS,
    "decisions": BOOKS,
    "resources": HEALTH,
    "data": HEALTH,
    "model": EVERYONE,
    "audit": OWNER,
    "views": EVERYONE,
}
"""Page -> who may open it, in each of its forms."""
