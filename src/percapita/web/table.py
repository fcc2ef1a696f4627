"""All routes of a project's pages, brought together."""

from __future__ import annotations

from collections.abc import Sequence

from percapita.project import Project
from percapita.web import live, pages
from percapita.web.app import to_overview
from percapita.web.desk import Desk
from percapita.web.door import Door
from percapita.web.oidc import Provider
from percapita.web.routes import ANYBODY, Route
from percapita.web.signing import Signing


def routes(project: Project, desk: Desk, door: Door) -> Sequence[Route]:
    """Return every route but those of health, which stand beside the receivers too."""
    return (
        Route("/", to_overview, ANYBODY, people=True),
        *pages.routes(desk, door),
        *live.routes(project),
        *_signing(project, door).routes(),
    )


def _signing(project: Project, door: Door) -> Signing:
    settings = project.settings.sign_in
    if settings is None:
        return Signing(door)
    provider = Provider(settings, settings.read_secret(project.root))
    return Signing(door, provider, settings.address)
