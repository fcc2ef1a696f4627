"""Events that come as log records: what OTLP calls an event, and what a webhook was made into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from percapita.core.sources import Source
from percapita.core.tables import EVENT_KINDS
from percapita.store import Store
from percapita.store.imports.positions import reached
from percapita.store.spool import Entry
from percapita.telemetry.timeline import Event, keys, kind_of, write

KIND: Final = "percapita.event.kind"
"""Attribute that says which kind an event is, where its name does not tell."""
RESOURCE: Final = "percapita.event.resource"
_NAME: Final = "event.name"
_SERVICE: Final = "service.name"
_SOURCE: Final = Source("otlp events", "", "events", "otlp", "append")
_NANOS: Final = 1_000


def request(events: Iterable[Event]) -> bytes:
    """Return events as a request of OTLP logs; the ids in them are as they came."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
        ExportLogsServiceRequest,
    )

    result = ExportLogsServiceRequest()
    for event in events:
        of = result.resource_logs.add()
        if event.service:
            _put(of.resource.attributes.add(), _SERVICE, event.service)
        record = of.scope_logs.add().log_records.add()
        record.event_name = event.name
        record.time_unix_nano = int(event.at.timestamp() * 1_000_000) * _NANOS
        said = {**event.payload, KIND: event.kind}
        if event.resource:
            said[RESOURCE] = event.resource
        for key, value in said.items():
            _put(record.attributes.add(), key, value)
    packed: bytes = result.SerializeToString()
    return packed


def _put(pair: Any, key: str, value: str) -> None:  # noqa: ANN401
    pair.key = key
    pair.value.string_value = value


def events(body: bytes, received: datetime) -> Iterator[Event]:
    """Yield the log records of a request that are entries of the timeline."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
        ExportLogsServiceRequest,
    )

    for of in ExportLogsServiceRequest.FromString(body).resource_logs:
        resource: dict[str, str] | None = None
        for scope in of.scope_logs:
            for record in scope.log_records:
                attributes = _texts(record.attributes)
                name = record.event_name or attributes.pop(_NAME, "")
                kind = attributes.pop(KIND, "") or (kind_of(name) if name else None)
                if not name or kind not in EVENT_KINDS:
                    continue
                resource = _texts(of.resource.attributes) if resource is None else resource
                moment = record.time_unix_nano or record.observed_time_unix_nano
                yield Event(
                    _instant(moment) if moment else received, str(kind), name,
                    attributes.pop(_SERVICE, None) or resource.get(_SERVICE),
                    attributes.pop(RESOURCE, None) or _resource(resource), attributes,
                )  # fmt: skip


def _instant(nanoseconds: int) -> datetime:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // _NANOS)


def _resource(resource: Mapping[str, str]) -> str | None:
    keys = ("cloud.resource_id", "k8s.node.name", "host.id")
    return next((resource[key] for key in keys if key in resource), None)


def _texts(attributes: Iterable[Any]) -> dict[str, str]:
    """Return attributes that have a plain value, as text."""
    found = {}
    for pair in attributes:
        kind = pair.value.WhichOneof("value")
        if kind == "bool_value":
            found[pair.key] = str(pair.value.bool_value).lower()
        elif kind in ("string_value", "int_value", "double_value"):
            found[pair.key] = str(getattr(pair.value, kind))
    return found


def take(
    store: Store, entries: Sequence[Entry], identity: Mapping[str, Sequence[str]], now: datetime
) -> int:
    """Put the events of the spool's entries on the timeline, each once; return how many.

    ``identity`` is the model's: level to the attributes that name a subject. The place in the spool
    is kept with the events: what is read again after a crash is passed over.
    Call it before the entries are forgotten.
    """
    logs = [entry for entry in entries if entry.signal == "logs"]
    if not logs:
        return 0
    kept = reached(store.catalog, _SOURCE.name)
    fresh = [entry for entry in logs if kept is None or entry.position > kept["read"]]
    found = [event for entry in fresh for event in events(entry.body, entry.received)]
    if not found:
        return 0
    with store.begin_import(_SOURCE, (), now=now, again=True) as tx:
        count = write(store, tx, found, keys(identity))
        tx.reach({"read": fresh[-1].position})
        tx.commit(rows=count)
    return count
