"""The timeline: what happened, beside what was used. Ids of people go through the door."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from percapita.core.subjects import NOBODY, SESSION, TENANT, USER
from percapita.core.tables import EVENTS
from percapita.store import Store
from percapita.store.door import Door
from percapita.store.imports.transaction import ImportTx

IDENTITY: Final[Mapping[str, Sequence[str]]] = {
    USER: ("user.id", "enduser.id", "enduser.pseudo.id", "user", "user_id", "userId"),
    SESSION: ("session.id", "session", "session_id", "sessionId"),
    TENANT: ("tenant.id", "tenant", "tenant_id", "tenantId"),
}
"""Keys of a payload that name a subject, the closest level first."""

_WORDS: Final = {
    "deploy": ("deploy", "deployment", "deployed", "release", "released", "rollout", "rollback",
               "build"),
    "scale": ("scale", "scaled", "scaling", "autoscaling", "autoscaler", "hpa"),
    "flag": ("flag", "feature_flag", "featureflag", "experiment"),
    "incident": ("incident", "alert", "outage", "alertmanager"),
    "maintenance": ("maintenance", "migration", "backup"),
    "business": ("business", "signup", "sign_up", "registration", "registered", "conversion",
                 "converted", "churn", "churned", "subscription", "plan", "upgrade", "downgrade",
                 "purchase", "order", "trial", "cancellation"),
}  # fmt: skip
"""Words of a name that tell the kind of what happened."""
_KIND_OF: Final = {word: kind for kind, words in _WORDS.items() for word in words}
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_STAGED: Final = {column.name: column.type for column in EVENTS.columns} | {"period": "string"}


def keys(*named: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Return level to the keys that name a subject: those given, then the usual ones."""
    return {
        level: tuple(key for known in (*named, IDENTITY) for key in known.get(level, ()))
        for level in IDENTITY
    }


class Event(NamedTuple):
    """One thing that happened, with the ids as they came."""

    at: datetime
    kind: str
    """One of ``EVENT_KINDS``."""
    name: str
    service: str | None = None
    resource: str | None = None
    payload: Mapping[str, str] = {}


def kind_of(name: str) -> str | None:
    """Return the kind that an event's name tells, ``None`` for what is no entry of a timeline.

    The words of the name are looked at from the left: ``com.acme.deploy.finished`` is a deploy.
    """
    plain = name.lower().replace("-", "_")
    words = re.split(r"[./:\s]+", plain)
    parts = [part for word in words for part in (word, *word.split("_"))]
    return next((_KIND_OF[part] for part in parts if part in _KIND_OF), None)


def write(
    store: Store,
    tx: ImportTx,
    events: Sequence[Event],
    identity: Mapping[str, Sequence[str]] = IDENTITY,
) -> int:
    """Stage events in an import; return how many."""
    found = rows(store.door, events, identity)
    staged = ((*row, f"{event.at:%Y-%m}") for row, event in zip(found, events, strict=True))
    store.engine.load("_events", _STAGED, staged)
    tx.write_by_period(EVENTS, 'SELECT * FROM _events ORDER BY "at", kind, name')
    return len(found)


def rows(
    door: Door, events: Sequence[Event], identity: Mapping[str, Sequence[str]] = IDENTITY
) -> list[tuple[object, ...]]:
    """Return events as rows of their table, without anybody's id.

    The closest id that a payload names by its key becomes the event's subject. Every id, e-mail
    address and IP address in it gives way to its subject's number, which leads nowhere once the
    subject is erased; names of tenants stay where the store keeps them readable.
    """
    levels = {key: level for level, keys in identity.items() for key in keys}
    found = [_ids(event, levels) for event in events]
    names: dict[str, set[str]] = defaultdict(set)
    for ids in found:
        for level, name in ids.values():
            names[level].add(name)
    numbers = {of: door.numbers(of, sorted(known)) for of, known in names.items()}
    return [
        _row(door, event, ids, numbers, identity) for event, ids in zip(events, found, strict=True)
    ]


def _ids(event: Event, levels: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return key -> level and id, of the payload's values that name somebody."""
    found = {}
    for key, value in event.payload.items():
        level = levels.get(key) or _guess(value)
        if level and value:
            found[key] = (level, value)
    return found


def _guess(value: str) -> str | None:
    if _MAIL.fullmatch(value):
        return USER
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return None
    return SESSION


def _row(
    door: Door,
    event: Event,
    ids: Mapping[str, tuple[str, str]],
    numbers: Mapping[str, Mapping[str, int]],
    identity: Mapping[str, Sequence[str]],
) -> tuple[object, ...]:
    payload = dict(event.payload)
    subjects: dict[str, int] = {}
    for key, (level, name) in ids.items():
        number = numbers[level][name]
        # An address that merely stands in the payload is hidden, and is not whom it is about.
        if key in identity[level]:
            subjects.setdefault(level, number)
        if not door.keeps(level):
            payload[key] = f"{level}:#{number}"
    closest = next((level for level in identity if level in subjects), None)
    subject = NOBODY if closest is None else subjects[closest]
    return (
        event.at, event.kind, event.name, event.service, event.resource, subject, closest,
        list(payload.items()),
    )  # fmt: skip
