"""What each delivered file holds that is live, so that an unchanged one need not be read again.

A file's contents are the billing periods and accounts (scopes) that its rows fall into. A file
that was taken in under the same settings, and all of whose scopes are live, is known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.sources import Source
from percapita.core.tables import LINES
from percapita.store.catalog.tables import CONTENTS, DELIVERED, IMPORTS, QUARANTINE, READ_AS, SCOPES
from percapita.store.delivery import settings_of
from percapita.store.site import Site

Place = tuple[str, str]
"""A billing period and account; both empty are of a file without lines."""
NOWHERE: Final = ("", "")


@dataclass(frozen=True, slots=True)
class Held:
    """One file as an import took it in."""

    import_id: str
    settings: str
    format: str
    path: str
    digest: str
    places: frozenset[Place]
    """Where its lines fell; none of a file without lines."""
    live: frozenset[Place]
    """Those of them that nothing replaced."""


@dataclass(frozen=True, slots=True)
class Told:
    """What an import tells of its files, for the next one."""

    places: Mapping[str, Collection[Place]] = field(default_factory=dict)
    """Path of each file that was read -> where its lines fell."""
    read_as: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Layout -> how its dates and amounts were read, where that took more than one file to see."""
    kept: frozenset[str] = frozenset()
    """Imports that hold files which are still delivered and were not read again."""
    gone: tuple[Held, ...] = ()
    """Files that are no longer delivered as they were."""
    emptied: tuple[tuple[str, Place], ...] = ()
    """Import and place of lines that are replaced by nothing."""


class Contents:
    """What the store knows of delivered files."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def held(self, source: Source) -> list[Held]:
        """Return the files of a source that hold live lines, or none at all, however read."""
        with self._site.catalog.read() as connection:
            return _held(connection, source.name)

    def read_as(self, imports: Collection[str]) -> dict[str, set[tuple[str, str]]]:
        """Return layout -> how these imports read its dates and amounts."""
        found: dict[str, set[tuple[str, str]]] = {}
        with self._site.catalog.read() as connection:
            for row in connection.execute(
                sa.select(READ_AS).where(READ_AS.c.import_id.in_(imports))
            ):
                found.setdefault(row.layout, set()).add((row.dates, row.amounts))
        return found

    def settings_of(self, source: Source) -> str:
        """Return the hash of all that decides how the source is read."""
        return settings_of(source, self._site.key)


def record(connection: Connection, import_id: str, told: Told) -> None:
    """Remember what an import tells."""
    rows = [
        {"import_id": import_id, "path": path, "period": period, "account": account}
        for path, places in told.places.items()
        for period, account in sorted(places) or [NOWHERE]
    ]
    if rows:
        connection.execute(sa.insert(CONTENTS), rows)
    ways = [
        {"import_id": import_id, "layout": layout, "dates": dates, "amounts": amounts}
        for layout, (dates, amounts) in told.read_as.items()
    ]
    if ways:
        connection.execute(sa.insert(READ_AS), ways)


def _held(connection: Connection, source: str) -> list[Held]:
    wanted = (
        sa.select(
            IMPORTS.c.id, IMPORTS.c.settings, IMPORTS.c.format, CONTENTS.c.path,
            DELIVERED.c.digest, CONTENTS.c.period, CONTENTS.c.account, SCOPES.c.superseded,
            SCOPES.c.import_id.is_not(None).label("lines"),
        )
        .join(CONTENTS, CONTENTS.c.import_id == IMPORTS.c.id)
        .join(DELIVERED, (DELIVERED.c.import_id == IMPORTS.c.id)
              & (DELIVERED.c.path == CONTENTS.c.path))
        .outerjoin(SCOPES, (SCOPES.c.import_id == IMPORTS.c.id)
                   & (SCOPES.c.table_name == LINES.name)
                   & (SCOPES.c.period == CONTENTS.c.period)
                   & (SCOPES.c.account == CONTENTS.c.account))
        .where(IMPORTS.c.source == source, IMPORTS.c.state == "live")
        .order_by(IMPORTS.c.seq, CONTENTS.c.path)
    )  # fmt: skip
    files: dict[tuple[str, str, str, str, str], tuple[set[Place], set[Place]]] = {}
    for row in connection.execute(wanted):
        key = (row.id, row.settings, row.format, row.path, row.digest)
        places, live = files.setdefault(key, (set(), set()))
        if row.lines:
            places.add((row.period, row.account))
        if row.lines and row.superseded is None:
            live.add((row.period, row.account))
    return [
        Held(*key, frozenset(places), frozenset(live))
        for key, (places, live) in files.items()
        if live or not places
    ]


def elsewhere(connection: Connection, source: Source, digests: Collection[str]) -> str | None:
    """Return another source that has live lines of one of these files."""
    wanted = (
        sa.select(IMPORTS.c.source)
        .join(DELIVERED, DELIVERED.c.import_id == IMPORTS.c.id)
        .join(CONTENTS, (CONTENTS.c.import_id == IMPORTS.c.id)
              & (CONTENTS.c.path == DELIVERED.c.path))
        .join(SCOPES, (SCOPES.c.import_id == IMPORTS.c.id)
              & (SCOPES.c.table_name == LINES.name)
              & (SCOPES.c.period == CONTENTS.c.period)
              & (SCOPES.c.account == CONTENTS.c.account))
        .where(
            DELIVERED.c.digest.in_(digests), SCOPES.c.superseded.is_(None),
            IMPORTS.c.state == "live", IMPORTS.c.kind == (source.kind or ""),
            IMPORTS.c.source != source.name,
        )
        .order_by(IMPORTS.c.seq)
    )  # fmt: skip
    return connection.execute(wanted).scalars().first()


def empty(connection: Connection, emptied: Iterable[tuple[str, Place]], seq: int) -> None:
    """Mark lines as replaced that a delivery restates to nothing."""
    for import_id, (period, account) in emptied:
        held_there = sa.update(SCOPES).where(
            SCOPES.c.import_id == import_id,
            SCOPES.c.table_name == LINES.name,
            SCOPES.c.period == period,
            SCOPES.c.account == account,
            SCOPES.c.superseded.is_(None),
        )
        connection.execute(held_there.values(superseded=seq))


def forget_broken(connection: Connection, gone: Sequence[Held], seq: int) -> None:
    """Mark the broken rows of files as past that are gone, and no line of which is live."""
    for file in gone:
        live = sa.select(SCOPES.c.period, SCOPES.c.account).where(
            SCOPES.c.import_id == file.import_id,
            SCOPES.c.table_name == LINES.name,
            SCOPES.c.superseded.is_(None),
        )
        if file.places & {(row.period, row.account) for row in connection.execute(live)}:
            continue
        its = QUARANTINE.c.file
        inside = its.startswith(f"{file.path}/", autoescape=True)
        broken = sa.update(QUARANTINE).where(
            QUARANTINE.c.import_id == file.import_id,
            QUARANTINE.c.superseded.is_(None),
            (its == file.path) | inside,
        )
        connection.execute(broken.values(superseded=seq))
