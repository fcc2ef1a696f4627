"""Rotation of the key of the pseudonyms.

The key file names the key and its former ones; it is replaced as a whole, before the catalog hears
of it. Killed in between, the next that writes under the new key tells the catalog.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError
from percapita.core.privacy import Key, write_key
from percapita.store.catalog import renewals
from percapita.store.catalog.tables import AUDIT, PSEUDONYMS, SUBJECTS
from percapita.store.crash import point
from percapita.store.door import claim
from percapita.store.journal import audit
from percapita.store.live.tables import LIVE
from percapita.store.site import Site
from percapita.store.spool import Spool

ROTATE: Final = "key rotate"
RETIRE: Final = "key retire"


class NoFormerKeyError(InputError):
    """There is no key to retire."""

    def __init__(self, key: Key) -> None:
        super().__init__(
            f"Key {key.id} is the only one: there is none to retire.",
            hint="Make a new one first: percapita key rotate",
        )


class UnseenError(InputError):
    """Some would be counted a second time if they came again."""

    def __init__(self, unseen: int, whole: int) -> None:
        super().__init__(
            f"{unseen:,} of {whole:,} subjects are known by the former key alone. Whoever of them"
            " comes again after it is retired is counted as somebody new; what they used and cost"
            " so far stays.",
            hint="Wait until they come by (percapita key list counts them), or retire it anyway:"
            " percapita key retire --lose",
        )


class KeyNeededError(InputError):
    """What was received is sealed with the former key."""

    def __init__(self) -> None:
        super().__init__(
            "Something that was received before the rotation is not counted yet, and only the"
            " former key opens it.",
            hint="percapita serve counts it within a minute; without it: percapita digest --once.",
        )


@dataclass(frozen=True, slots=True)
class KeyUse:
    """A key, and whom it knows."""

    id: str
    current: bool
    since: datetime | None
    """When it was rotated in; ``None``: it is the first."""
    subjects: int
    alone: int
    """Of them, those that no later key knows."""


@dataclass(frozen=True, slots=True)
class Retired:
    """What went with former keys."""

    keys: tuple[str, ...]
    lost: int
    """Subjects that nobody will be recognised as."""


class Keys:
    """The key of a store and its former ones."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @property
    def _key(self) -> Key:
        return self._site.key

    def all(self) -> list[KeyUse]:
        """Return the keys in use, the current one first."""
        keys = (self._key, *self._key.former)
        with self._site.catalog.read() as connection:
            since = _since(connection)
            return [
                KeyUse(key.id, at == 0, since.get(key.id), *_known_by(connection, key, keys[:at]))
                for at, key in enumerate(keys)
            ]

    def rotate(self, now: datetime) -> tuple[Key, Key]:
        """Make a new key; the former one stays beside it. Returns the former and the new one."""
        self._site.catalog.prepare([PSEUDONYMS])
        with self._site.catalog.write() as connection:
            # The catalog's turn is what makes two rotations follow each other.
            former = self._key.latest()
            assert former.path is not None  # noqa: S101 a project's key has a file
            self._site.key = new = write_key(former.path, former.rotated())
            point("key.file-written")
            claim(connection, self._site, renewals.held(connection) or former.id, now)
            point("key.staged")
        point("key.committed")
        return former, new

    def retire(self, now: datetime, *, lose: bool, leaked: bool) -> Retired:
        """Destroy all former keys.

        Args:
            now: when.
            lose: even if subjects are known by them alone.
            leaked: somebody else has them: take every hash made with them out of the catalog too.

        Raises:
            NoFormerKeyError: there is none.
            KeyNeededError: something in the spool is still sealed with one.
            UnseenError: subjects are known by them alone, and not ``lose``.
        """
        key = self._key
        if not key.old:
            raise NoFormerKeyError(key)
        former = [one.id for one in key.former]
        # Counted before others have to wait: from now on there can only be fewer.
        with self._site.catalog.read() as connection:
            unseen, whole = _unseen(connection, key, former)
        with self._site.catalog.write() as connection:
            if Spool(self._site.root, key).needs(replace(key, old=()), _counted(connection)):
                raise KeyNeededError
            if unseen and not lose:
                raise UnseenError(unseen, whole)
            if renewals.held(connection) != key.id:
                claim(connection, self._site, former[0], now)
            if leaked:
                renewals.replace_former(connection, key.id, former)
            audit(connection, self._site, now, RETIRE, ", ".join(former), lost=unseen)
            point("key.retire-staged")
        point("key.retire-committed")
        if leaked:
            self._site.catalog.overwrite()
        assert key.path is not None  # noqa: S101 a project's key has a file
        self._site.key = write_key(key.path, replace(key, old=()))
        return Retired(tuple(former), unseen)


def _since(connection: Connection) -> dict[str, datetime]:
    found = connection.execute(sa.select(AUDIT.c.ref, AUDIT.c.at).where(AUDIT.c.what == ROTATE))
    return {row.ref: row.at for row in found}


def _known_by(connection: Connection, key: Key, later: Collection[Key]) -> tuple[int, int]:
    """Count whom a key knows, and whom it knows alone, without the later ones."""
    known = _numbers(connection, [key.id])
    return _count(connection, known), _count(
        connection, sa.except_(known, _numbers(connection, [one.id for one in later]))
    )


def _unseen(connection: Connection, key: Key, former: Collection[str]) -> tuple[int, int]:
    """Count those whom only former keys know, and everybody."""
    known, before = _numbers(connection, [key.id]), _numbers(connection, former)
    unseen = _count(connection, sa.except_(before, known))
    return unseen, _count(connection, known) + unseen


def _numbers(connection: Connection, ids: Collection[str]) -> sa.Select[Any]:
    """Return the query of those whom some keys know. There may be millions of them."""
    found = sa.select(SUBJECTS.c.number).where(
        SUBJECTS.c.key_id.in_(ids), SUBJECTS.c.hash.is_not(None)
    )
    if not renewals.there(connection):
        return found
    more = sa.select(PSEUDONYMS.c.number).where(PSEUDONYMS.c.key_id.in_(ids))
    every = sa.union(found, more).subquery()
    return sa.select(every.c.number)


def _count(connection: Connection, numbers: sa.SelectBase) -> int:
    counted = sa.select(sa.func.count()).select_from(numbers.subquery())
    return int(connection.execute(counted).scalar_one())


def _counted(connection: Connection) -> int:
    """Return up to which entry of the spool nothing is needed any more."""
    if not sa.inspect(connection).has_table(LIVE.name):
        return 0
    found = connection.execute(sa.select(LIVE.c.value).where(LIVE.c.name == "position")).scalar()
    return int(found or 0)
