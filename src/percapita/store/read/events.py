"""The stored events, as a timeline asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from percapita.core.periods import Span
from percapita.core.tables import EVENTS
from percapita.store.engine import literal
from percapita.store.store import Store


class Happened(NamedTuple):
    """A stored event."""

    at: datetime
    kind: str
    name: str
    service: str | None
    resource: str | None
    subject: int
    payload: Mapping[str, str]


class Quarter(NamedTuple):
    """The events of one kind in a quarter of an hour, which lies in one day of any time zone."""

    first: datetime
    kind: str
    name: str
    """Of the first."""
    events: int


def quarters(store: Store, span: Span, kinds: Sequence[str]) -> list[Quarter]:
    """Return how many events of these kinds each quarter of an hour has, oldest first."""
    first, last = span.start.isoformat(), span.end.isoformat()
    view = store.bind(EVENTS, "bound_events")
    rows = store.engine.rows(
        f'SELECT min("at"), kind, arg_min(name, ("at", name)), count(*) FROM {view}'
        f" WHERE \"at\" >= TIMESTAMPTZ '{first}' AND \"at\" < TIMESTAMPTZ '{last}'"
        f" AND kind IN ({', '.join(map(literal, kinds))})"
        ' GROUP BY kind, epoch_us("at") // 900000000 ORDER BY 1, 2'
    )
    return [Quarter(*row) for row in rows]


def events(
    store: Store, span: Span | None = None, kinds: Sequence[str] = (), service: str = ""
) -> list[Happened]:
    """Return the live events of a span, of these kinds or all, oldest first."""
    tests = ["true"]
    if span is not None:
        first, last = span.start.isoformat(), span.end.isoformat()
        tests.append(f"\"at\" >= TIMESTAMPTZ '{first}' AND \"at\" < TIMESTAMPTZ '{last}'")
    if kinds:
        tests.append(f"kind IN ({', '.join(map(literal, kinds))})")
    if service:
        tests.append(f"service = {literal(service)}")
    view = store.bind(EVENTS, "bound_events")
    rows = store.engine.rows(
        f'SELECT "at", kind, name, service, resource, subject, payload FROM {view}'
        f' WHERE {" AND ".join(tests)} ORDER BY "at", kind, name, service, resource, subject'
    )
    return [Happened(*row) for row in rows]
