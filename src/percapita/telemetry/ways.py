"""Formats of signals that are no tables, and which sources are of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from percapita.core.sources import Kind, Source
from percapita.telemetry import access, events, postgres, prometheus
from percapita.telemetry.files import FORMATS
from percapita.telemetry.intake import Way

_WAYS: Final = {way.format: way for way in (events.WAY, access.WAY, postgres.WAY, prometheus.WAY)}
NAMES: Final = (*FORMATS, *_WAYS)
"""Every format that a source of signals can name."""


def way_of(source: Source, root: Path) -> Way | None:
    """Return how a source is taken in, ``None`` where it is a table or a bill."""
    if source.kind == "events":
        return events.WAY
    if access.is_log(source, root):
        return access.WAY
    return _WAYS.get(source.format)


def kind_of(source: Source, root: Path) -> Kind | None:
    """Return what a source that is no table holds, ``None`` where it is a table or a bill."""
    way = way_of(source, root)
    return way.kind if way else None
