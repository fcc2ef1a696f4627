"""What happened, in order, as a page, JSON and CSV."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from percapita.core.errors import InputError, nearest
from percapita.core.periods import Period, parse
from percapita.core.subjects import NOBODY
from percapita.core.tables import EVENT_KINDS
from percapita.report.numbers import instant
from percapita.report.table import Column, Page
from percapita.store import Store
from percapita.store.catalog.people import people
from percapita.store.read import events as read_events

COLUMNS: Final = ("at", "kind", "name", "service", "resource", "subject", "payload")
_NUMBER: Final = re.compile(r"[a-z]+:#(\d+)")
_SHOWN: Final = 60
"""Characters of a payload on a page."""


class UnknownKindError(InputError):
    """No kind of event."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"{kind!r} is no kind of event. {nearest(kind, EVENT_KINDS)}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened."""

    at: datetime
    kind: str
    name: str
    service: str | None
    resource: str | None
    subject: str | None
    payload: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened in a period, oldest first."""

    period: Period | None
    zone: ZoneInfo
    now: datetime
    entries: tuple[Entry, ...]


def timeline(
    store: Store,
    *,
    zone: ZoneInfo,
    now: datetime,
    period: str = "",
    kinds: Collection[str] = (),
    service: str = "",
) -> Timeline:
    """Gather what happened.

    Raises:
        InputError: the period, or a kind, is none.
    """
    for kind in kinds:
        if kind not in EVENT_KINDS:
            raise UnknownKindError(kind)
    asked = parse(period, zone) if period else None
    rows = read_events.events(store, asked.span if asked else None, sorted(kinds), service)
    names = _names(store, rows)
    return Timeline(asked, zone, now, tuple(_entry(row, names) for row in rows))


def _names(store: Store, rows: Sequence[read_events.Happened]) -> dict[int, str]:
    numbers = {row.subject for row in rows if row.subject != NOBODY}
    for row in rows:
        for value in row.payload.values():
            if match := _NUMBER.fullmatch(value):
                numbers.add(int(match[1]))
    return {number: person.name for number, person in people(store.catalog, numbers).items()}


def _entry(row: read_events.Happened, names: Mapping[int, str]) -> Entry:
    payload = {
        key: names[int(match[1])] if (match := _NUMBER.fullmatch(value)) else value
        for key, value in sorted(row.payload.items())
    }
    subject = names.get(row.subject) if row.subject != NOBODY else None
    return Entry(row.at, row.kind, row.name, row.service, row.resource, subject, payload)


def to_json(found: Timeline) -> dict[str, Any]:
    """Return it as JSON carries it."""
    return {
        "meta": {
            "period": found.period.label if found.period else None,
            "timezone": str(found.zone),
            "as_of": instant(found.now),
        },
        "events": [
            {
                "at": _at(one.at), "kind": one.kind, "name": one.name, "service": one.service,
                "resource": one.resource, "subject": one.subject, "payload": dict(one.payload),
            }
            for one in found.entries
        ],
    }  # fmt: skip


def _at(moment: datetime) -> str:
    """Write an instant in UTC, as exactly as it is known."""
    return moment.replace(tzinfo=None).isoformat() + "Z"


def flat(found: Timeline) -> list[list[Any]]:
    """Return a row an event, under ``COLUMNS``."""
    return [
        [_at(one.at), one.kind, one.name, one.service, one.resource, one.subject,
         json.dumps(dict(one.payload), ensure_ascii=False)]
        for one in found.entries
    ]  # fmt: skip


def show(page: Page, found: Timeline) -> None:
    """Print a line an event."""
    label = found.period.label if found.period else "all times"
    page.line(f"What happened in {label}, times in {found.zone}", "bold")
    if not found.entries:
        page.line("Nothing is known. Events come in with: percapita import FILE --kind events")
        return
    entries = found.entries
    page.table(
        [
            Column("at", [f"{e.at.astimezone(found.zone):%Y-%m-%d %H:%M:%S}" for e in entries],
                   number=False),
            Column("kind", [e.kind for e in entries], number=False),
            Column("name", [e.name for e in entries], number=False),
            Column("service", [e.service or "" for e in entries], number=False, rank=1),
            Column("resource", [e.resource or "" for e in entries], number=False, rank=3),
            Column("subject", [e.subject or "" for e in entries], number=False, rank=2),
            Column("more", [_more(e.payload) for e in entries], number=False, rank=4),
        ]
    )  # fmt: skip


def _more(payload: Mapping[str, str]) -> str:
    text = ", ".join(f"{key}={value}" for key, value in payload.items())
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
