"""The audit log as it is read: who did what when, the newest first, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.report.numbers import instant
from percapita.report.table import Column, Page
from percapita.store import Store
from percapita.store.journal import Audited
from percapita.store.trail import Trail

COLUMNS: Final = ("id", "at", "who", "what", "ref", "detail")
MOST: Final = 10_000
"""Entries of one page."""


class CursorError(InputError):
    """A place in the log that it never named."""

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor!r} is no place in the audit log.",
                         hint="Give `next` of the page before, or leave it out.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Log:
    """One page of the audit log."""

    entries: Sequence[Audited]
    next: str
    """Where the page after it begins; empty after the last."""


def read(store: Store, *, who: str = "", what: str = "", cursor: str = "", most: int = 100) -> Log:
    """Read a page: entries that are added meanwhile move nothing in the pages after it.

    Raises:
        CursorError: nothing stands at the cursor.
    """
    if cursor and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):  # noqa: PLR2004 of a 64-bit number
        raise CursorError(cursor)
    most = min(most, MOST)
    before = int(cursor) if cursor else None
    found = Trail(store.catalog).read(who=who, what=what, before=before, most=most + 1)
    entries = found[:most]
    return Log(entries, str(entries[-1].id) if len(found) > most else "")


def to_json(log: Log) -> dict[str, Any]:
    """Return the page as JSON carries it."""
    return {
        "entries": [
            {"id": one.id, "at": instant(one.at), "who": one.who, "what": one.what, "ref": one.ref,
             "detail": one.detail}
            for one in log.entries
        ],
        "next": log.next or None,
    }  # fmt: skip


def flat(log: Log) -> list[list[object]]:
    """Return a row an entry."""
    return [
        [one.id, instant(one.at), one.who, one.what, one.ref, said(one.detail) or None]
        for one in log.entries
    ]


def said(detail: Any) -> str:  # noqa: ANN401 as it was written
    """Return an entry's detail in one line."""
    return ", ".join(f"{name} {_plain(value)}" for name, value in dict(detail).items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def show(page: Page, log: Log) -> None:
    """Print the page."""
    if not log.entries:
        page.line("Nothing of that kind was done.")
        return
    page.table(
        [
            Column("at", [f"{one.at:%Y-%m-%d %H:%M:%S}" for one in log.entries], number=False),
            Column("who", [one.who for one in log.entries], number=False),
            Column("what", [one.what for one in log.entries], number=False),
            Column("of", [one.ref for one in log.entries], number=False),
            Column("detail", [said(one.detail)[:60] for one in log.entries], number=False, rank=1),
        ]
    )
    if log.next:
        page.line(f"Older ones: percapita audit --after {log.next}")
