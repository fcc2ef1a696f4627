"""Views of the explorer under a name: whose, who may open them, and what they ask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError, nearest
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import AUDIT, METADATA, Instant

SAVE: Final = "view save"
DELETE: Final = "view delete"
LONGEST: Final = 80
"""Characters of a name."""
MOST: Final = 200
"""Views of one owner."""

VIEWS: Final = sa.Table(
    "saved_views",
    METADATA,
    sa.Column("owner", sa.String(255), primary_key=True),
    sa.Column("name", sa.String(LONGEST), primary_key=True),
    sa.Column("query", sa.Text, nullable=False),
    # Roles that may open what it asks; only they see it when it is shared.
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("shared", sa.Boolean, nullable=False),
    sa.Column("saved_at", Instant, nullable=False),
)


class ViewNameError(InputError):
    """A name that a list could not show."""

    def __init__(self) -> None:
        super().__init__(
            f"A view needs a name of 1 to {LONGEST} characters, all of them visible.",
            hint="Call it by what it answers: Pro by pool.",
        )


class TooManyViewsError(InputError):
    """More views than anybody reads."""

    def __init__(self) -> None:
        super().__init__(f"You have {MOST} views already.", hint="Delete one that is not needed.")


class UnknownViewError(InputError):
    """No view of that name that the reader may delete."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"You have no view {name!r}.", hint=nearest(name, known))


@dataclass(frozen=True, slots=True)
class SavedView:
    """A state of the explorer under a name."""

    name: str
    owner: str
    query: str
    """The address after the question mark."""
    shared: bool
    saved_at: datetime

    def order(self, who: str) -> tuple[str | int, ...]:
        """Return where it stands in somebody's list: their own first, then by name."""
        return int(self.owner != who), self.name, self.owner


class SavedViews:
    """The saved views of a store. Figures do not depend on them."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        catalog.prepare([VIEWS])

    def save(
        self,
        owner: str,
        name: str,
        query: str,
        *,
        roles: Iterable[str],
        shared: bool,
        now: datetime,
    ) -> SavedView:
        """Keep a view under a name of its owner's; one that they have by that name is replaced.

        Raises:
            ViewNameError: the name is empty, too long, or has signs that cannot be seen.
            TooManyViewsError: the owner has as many as there may be.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST or not name.isprintable():
            raise ViewNameError
        entry = {"query": query, "roles": sorted(roles), "shared": shared, "saved_at": now}
        own = (VIEWS.c.owner == owner) & (VIEWS.c.name == name)
        with self._catalog.append() as connection:
            known = {view.name for view in _of(connection, owner)}
            if name not in known and len(known) >= MOST:
                raise TooManyViewsError
            connection.execute(sa.delete(VIEWS).where(own))
            connection.execute(sa.insert(VIEWS), {"owner": owner, "name": name, **entry})
            _note(connection, owner, SAVE, name, now, query=query, shared=shared)
        return SavedView(name, owner, query, shared, now)

    def delete(
        self, who: str, name: str, now: datetime, *, owner: str = "", over_others: bool = False
    ) -> None:
        """Remove a view: one's own, or with ``over_others`` a shared one of somebody else.

        Raises:
            UnknownViewError: there is none that ``who`` may remove.
        """
        owner = owner or who
        with self._catalog.append() as connection:
            mine = [view for view in _of(connection, owner) if owner == who or view.shared]
            if (owner != who and not over_others) or name not in {view.name for view in mine}:
                raise UnknownViewError(name, [view.name for view in _of(connection, who)])
            one = (VIEWS.c.owner == owner) & (VIEWS.c.name == name)
            connection.execute(sa.delete(VIEWS).where(one))
            _note(connection, who, DELETE, name, now, owner=owner)

    def seen_by(self, who: str, role: str) -> list[SavedView]:
        """Return one's own views, then the shared ones that one's role may open, by name."""
        with self._catalog.read() as connection:
            rows = connection.execute(sa.select(VIEWS)).all()
        seen = [row for row in rows if row.owner == who or (row.shared and role in row.roles)]
        # Databases sort names each in their way.
        return sorted(map(_view, seen), key=lambda one: one.order(who))


def _of(connection: Connection, owner: str) -> list[SavedView]:
    rows = connection.execute(sa.select(VIEWS).where(VIEWS.c.owner == owner))
    return [_view(row) for row in rows]


def _view(row: Any) -> SavedView:  # noqa: ANN401 a row of SQLAlchemy
    return SavedView(row.name, row.owner, row.query, row.shared, row.saved_at)


def _note(
    connection: Connection, who: str, what: str, name: str, now: datetime, **detail: object
) -> None:
    entry = {"at": now, "who": who, "what": what, "ref": name, "detail": detail}
    connection.execute(sa.insert(AUDIT), entry)
