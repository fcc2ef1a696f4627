"""The audit log as readers of it see it, and what servers add: who came, looked, was refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import AUDIT
from percapita.store.journal import Audited

SIGN_IN: Final = "sign in"
SIGN_OUT: Final = "sign out"
REFUSED: Final = "refused"
LOOKED: Final = "look at"


class Trail:
    """The audit log of a store."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def add(self, who: str, what: str, ref: str, **detail: object) -> None:
        """Append what somebody did that changes no figure."""
        entry = {"at": datetime.now(UTC), "who": who, "what": what, "ref": ref, "detail": detail}
        with self._catalog.append() as connection:
            connection.execute(sa.insert(AUDIT), entry)

    def read(
        self, *, who: str = "", what: str = "", before: int | None = None, most: int | None = None
    ) -> Sequence[Audited]:
        """Return entries, the newest first: of one person, of one kind, older than one entry."""
        wanted = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(most)
        for column, value in ((AUDIT.c.who, who), (AUDIT.c.what, what)):
            if value:
                wanted = wanted.where(column == value)
        if before is not None:
            wanted = wanted.where(AUDIT.c.id < before)
        with self._catalog.read() as connection:
            rows = connection.execute(wanted).all()
        return [Audited(row.at, row.who, row.what, row.ref, row.detail, row.id) for row in rows]

    def kinds(self) -> list[str]:
        """Return every kind of entry that there is."""
        wanted = sa.select(AUDIT.c.what).distinct().order_by(AUDIT.c.what)
        with self._catalog.read() as connection:
            return list(connection.execute(wanted).scalars())
