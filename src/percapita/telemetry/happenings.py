"""Records of what happened, from files and requests, as events of the timeline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from percapita.core.errors import nearest
from percapita.core.tables import EVENT_KINDS
from percapita.telemetry.timeline import Event, kind_of

_NAMES: Final = {
    "at": ("at", "time", "timestamp", "@timestamp", "ts", "date", "when", "start", "startsat"),
    "kind": ("kind", "category"),
    "name": ("name", "title", "event", "event.name", "version", "type"),
    "service": ("service", "service.name", "app"),
    "resource": ("resource", "host"),
}
"""Our name -> what a record may call it, the best first."""
_NESTED: Final = ("payload", "data", "attributes", "labels")
"""Objects whose keys are the payload's own."""
_EPOCH: Final = re.compile(r"\d{10}(\.\d+)?|\d{13}|\d{16}|\d{19}")
_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2101, 1, 1, tzinfo=UTC)


class Refused(NamedTuple):
    """Why a record is no event."""

    part: str
    value: str
    why: tuple[str, str, str]
    """Code, reason and fix."""


def event(
    record: Mapping[str, Any],
    columns: Mapping[str, str] | None = None,
    values: Mapping[str, str] | None = None,
) -> Event | Refused:
    """Read one record: a row, an object, or a CloudEvent.

    Args:
        record: key to value; values may be nested.
        columns: our name -> the record's, where it has one of its own.
        values: our name -> what stands in where the record has nothing.
    """
    flat = _cloud(record) if "specversion" in record else _flat(record)
    parts = {part: _take(flat, part, (columns or {}).get(part)) for part in _NAMES}
    said = {part: parts[part] or (values or {}).get(part, "") for part in parts}
    moment = instant(said["at"])
    if moment is None:
        fix = "Write 2025-10-03T14:05:00+02:00; without an offset it is UTC."
        return Refused("at", said["at"], ("not-a-time", "is not a time", fix))
    if not said["name"]:
        return Refused("name", "", ("missing", "the record has no name", "Say what happened."))
    kind = said["kind"].lower() or kind_of(said["name"]) or ""
    if kind not in EVENT_KINDS:
        fix = nearest(kind, EVENT_KINDS) if kind else f"Say which: {', '.join(EVENT_KINDS)}."
        shown = said["kind"] or said["name"]
        return Refused("kind", shown, ("unknown-event", "is no kind of event", fix))
    return Event(
        moment, kind, said["name"], said["service"] or None, said["resource"] or None, flat
    )


def instant(text: str) -> datetime | None:
    """Return the instant a text names; ``None`` if none that anything can have happened at."""
    try:
        if _EPOCH.fullmatch(text):
            whole = text.partition(".")[0]
            moment = datetime.fromtimestamp(float(text) / 10 ** (len(whole) - 10), UTC)
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if _FIRST <= moment < _LAST else None


def _take(flat: dict[str, str], part: str, theirs: str | None) -> str:
    """Take a part out of a record and return it."""
    if theirs is not None:
        return flat.pop(theirs, "")
    plain = {key.lower(): key for key in reversed(flat)}
    found = next((plain[name] for name in _NAMES[part] if name in plain), None)
    return flat.pop(found) if found else ""


def _flat(record: Mapping[str, Any]) -> dict[str, str]:
    result: dict[str, str] = {}
    for key, value in record.items():
        inside = isinstance(value, Mapping) and key.lower() in _NESTED
        _spread("" if inside else str(key), value, result.setdefault)
    return result


def _spread(key: str, value: Any, put: Callable[[str, str], object]) -> None:  # noqa: ANN401
    """Put a value under its key, and nested ones under ``a.b``; empty ones nowhere."""
    if isinstance(value, Mapping):
        for inner, below in value.items():
            _spread(f"{key}.{inner}" if key else str(inner), below, put)
    elif isinstance(value, list):
        put(key, json.dumps(value, ensure_ascii=False))
    elif isinstance(value, bool):
        put(key, str(value).lower())
    elif value not in (None, ""):
        put(key, str(value))


def _cloud(record: Mapping[str, Any]) -> dict[str, str]:
    """Read a CloudEvent: its data says most, its attributes what the data does not."""
    data = record.get("data")
    flat = _flat(data) if isinstance(data, Mapping) else _flat({"data": data})
    attributes = _flat({k: v for k, v in record.items() if k not in ("data", "data_base64")})
    attributes.pop("specversion")
    flat.setdefault("at", attributes.pop("time", ""))
    kind = attributes.pop("type", "")
    flat.setdefault("kind", kind_of(kind) or "")
    flat.setdefault("name", kind)
    flat.setdefault("service", attributes.pop("source", ""))
    flat.setdefault("resource", attributes.pop("subject", ""))
    for key, value in attributes.items():
        if key != "datacontenttype":
            flat.setdefault(f"event.{key}", value)
    return {key: value for key, value in flat.items() if value != ""}
