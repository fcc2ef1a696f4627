"""Sources that were handed to ``percapita import``, so that later runs read them again."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.sources import Meter, Query, Source
from percapita.store.catalog.tables import REGISTERED


def remember(connection: Connection, source: Source) -> None:
    """Keep a source under its name; what was kept under it is replaced."""
    connection.execute(sa.delete(REGISTERED).where(REGISTERED.c.name == source.name))
    settings = dataclasses.asdict(source)
    connection.execute(sa.insert(REGISTERED), {"name": source.name, "settings": settings})


def remembered(connection: Connection) -> list[Source]:
    """Return the kept sources, by name."""
    rows = connection.execute(sa.select(REGISTERED.c.settings).order_by(REGISTERED.c.name))
    return [_source(row.settings) for row in rows]


def _source(settings: dict[str, Any]) -> Source:
    meters = {column: Meter(**meter) for column, meter in settings.pop("meters").items()}
    queries = {meter: Query(**query) for meter, query in settings.pop("queries", {}).items()}
    listed = {name: tuple(settings.get(name, ())) for name in ("keys", "routes")}
    return Source(**{**settings, **listed}, meters=meters, queries=queries)
