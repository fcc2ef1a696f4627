"""Erasure of one subject: who it was is forgotten, what it used and cost stays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from percapita.core.errors import InputError
from percapita.core.subjects import SESSION, TENANT, USER
from percapita.core.tables import CLAIMS
from percapita.store.catalog.tables import SUBJECTS
from percapita.store.kept.on_disk import OnDisk
from percapita.store.store import Store

KINDS: Final = (USER, SESSION, TENANT)


class UnknownSubjectError(InputError):
    """Nobody of that id is known."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(
            f"The store knows no {kind} of that id (key {key}).",
            hint="Check the spelling and the kind: user:ID, session:ID or tenant:ID.",
        )


def erase(store: Store, kind: str, name: str, *, now: datetime | None = None) -> list[int]:
    """Forget who a subject was, with its aliases and the sessions that were found to be its own.

    Its number stays in every table, and leads to nobody: sums are what they were. Who comes again
    under the same id is somebody new.

    Raises:
        UnknownSubjectError: there is no such subject.
    """
    number = store.door.find(kind, name)
    if number is None:
        raise UnknownSubjectError(kind, store.key.id)
    gone = _all_of(store, number)
    store.door.forget(gone, now=now)
    OnDisk(store.root).forget()
    return gone


def _all_of(store: Store, number: int) -> list[int]:
    """Return a subject's number, those of its aliases, and of what was claimed for it."""
    store.bind(CLAIMS)
    rows: Sequence[tuple[int]] = store.engine.rows(
        'SELECT DISTINCT subject FROM claims WHERE "of" = ?', [number]
    )
    with store.catalog.read() as connection:
        wanted = sa.select(SUBJECTS.c.number).where(SUBJECTS.c.alias_of == number)
        aliases = list(connection.execute(wanted).scalars())
    return sorted({number, *aliases, *(subject for (subject,) in rows)})
