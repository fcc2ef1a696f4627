"""How far a source that is asked, not delivered, was read: kept with the import that read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import METADATA

_POSITIONS = sa.Table(
    "positions",
    METADATA,
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("state", sa.JSON, nullable=False),
)


def reached(catalog: Catalog, source: str) -> dict[str, Any] | None:
    """Return what was kept at the source's last import, ``None`` before the first."""
    with catalog.read() as connection:
        if not sa.inspect(connection).has_table(_POSITIONS.name):
            return None
        wanted = sa.select(_POSITIONS.c.state).where(_POSITIONS.c.source == source)
        found: dict[str, Any] | None = connection.execute(wanted).scalar()
        return found


def keep(connection: Connection, source: str, state: Mapping[str, Any]) -> None:
    """Keep it, in the transaction that makes the import live."""
    METADATA.create_all(connection, tables=[_POSITIONS], checkfirst=True)
    connection.execute(sa.delete(_POSITIONS).where(_POSITIONS.c.source == source))
    connection.execute(sa.insert(_POSITIONS), {"source": source, "state": dict(state)})
