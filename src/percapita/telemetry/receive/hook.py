"""Events by webhook: JSON for ``POST /v1/events`` becomes log records of OTLP, durable likewise."""

from __future__ import annotations

import json
from typing import Any, Final

from percapita.telemetry.happenings import Refused, event
from percapita.telemetry.logged import request
from percapita.telemetry.receive.refusals import BadBodyError

PATH: Final = "/v1/events"
TYPES: Final = frozenset({
    "application/json", "application/cloudevents+json", "application/cloudevents-batch+json",
})  # fmt: skip
_MOST: Final = 10_000
"""Events of one request."""


def as_logs(body: bytes) -> bytes:
    """Return the request of OTLP logs that a body means: one event, or a list of them.

    Raises:
        BadBodyError: it is no JSON, or an event has no time, name or kind. Nothing is taken then.
    """
    try:
        read: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise BadBodyError("The body is not JSON.") from None
    records = read if isinstance(read, list) else [read]
    if len(records) > _MOST:
        raise BadBodyError(f"The request has more than {_MOST:,} events. Send fewer at once.")
    found = []
    for at, record in enumerate(records):
        if not isinstance(record, dict):
            raise BadBodyError(f"Event {at} is not a JSON object.")
        one = event(record)
        if isinstance(one, Refused):
            _, reason, fix = one.why
            raise BadBodyError(f"Event {at}, {one.part}: {reason}. {fix}")
        found.append(one)
    return request(found)
