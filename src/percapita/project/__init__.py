"""Where a project's things are: its sources, model, key and store."""

from percapita.project.opening import NoProjectError, Project, UnknownSourceError, now

__all__ = ["NoProjectError", "Project", "UnknownSourceError", "now"]
