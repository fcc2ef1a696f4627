"""Every route of the app behind port 8000, by the module that answers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from percapita.project import Project
from percapita.web import live
from percapita.web.app import Routes

PAGES: Final[tuple[Callable[[Project], Routes], ...]] = (live.routes,)
"""Each returns the routes of one module of pages; the paths of two are never the same."""


def routes(project: Project) -> Routes:
    """Return the pages of a project."""
    return {key: page for made in PAGES for key, page in made(project).items()}
