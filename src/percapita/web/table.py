"""All routes of a project's pages, brought together."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from percapita.core.roles import EVERYONE
from percapita.project import Project
from percapita.web import live, pages
from percapita.web.api import openapi
from percapita.web.app import to_overview
from percapita.web.desk import Desk
from percapita.web.door import Door
from percapita.web.door.signing import Signing
from percapita.web.forms.deciding import Deciding
from percapita.web.forms.sampling import Sampling
from percapita.web.forms.saving import Saving
from percapita.web.live import Estimates
from percapita.web.pages import sent
from percapita.web.routes import ANYBODY, Route


def routes(
    project: Project, desk: Desk, door: Door, estimates: Estimates | None = None
) -> Sequence[Route]:
    """Return every route but those of health, which stand beside the receivers too."""
    sampling = Sampling(desk, door)
    found = (
        Route("/", to_overview, ANYBODY, people=True),
        *live.routes(estimates or Estimates(project)),
        *pages.routes(desk, door, sampling.page),
        *sampling.routes(),
        *Deciding(desk).routes(),
        *Saving(desk, door).routes(),
        *_signing(project, door).routes(),
    )
    return (*found, _described(found))


def _described(found: Sequence[Route]) -> Route:
    """Return the route of the API's description, which it is part of itself."""

    async def respond(request: Request) -> Response:
        return sent(request, text, "application/json")

    route = Route(openapi.PATH, respond, EVERYONE)
    text = json.dumps(openapi.document([*found, route]), indent=2, ensure_ascii=False) + "\n"
    return route


def _signing(project: Project, door: Door) -> Signing:
    settings = project.settings.sign_in
    if settings is None:
        return Signing(door)
    from percapita.web.door.oidc import Provider  # noqa: PLC0415 few sign in that way

    patience = project.settings.limits.sign_in_minutes * 60.0
    provider = Provider(settings, settings.read_secret(project.root), patience=patience)
    return Signing(door, provider, settings.address)
