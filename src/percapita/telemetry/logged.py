"""Events that come as log records: what OTLP calls an event, and what a webhook was made into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from percapita.core.tables import EVENT_KINDS, EVENTS
from percapita.store.door import Door
from percapita.store.engine import arrow_type
from percapita.store.spool import Entry
from percapita.telemetry.timeline import Event, keys, kind_of, rows

if TYPE_CHECKING:
    import pyarrow as pa

KIND: Final = "percapita.event.kind"
"""Attribute that says which kind an event is, where its name does not tell."""
RESOURCE: Final = "percapita.event.resource"
_NAME: Final = "event.name"
_SERVICE: Final = "service.name"
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
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (  # noqa: PLC0415
        ExportLogsServiceRequest,
    )

    try:
        request = ExportLogsServiceRequest.FromString(body)
    except DecodeError:
        # It is counted as malformed where its records are counted.
        return
    named_by_attribute = _NAME.encode() in body
    for of in request.resource_logs:
        resource: dict[str, str] | None = None
        for scope in of.scope_logs:
            for record in scope.log_records:
                if not record.event_name and not named_by_attribute:
                    continue
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


class Happened:
    """The events among the entries of one turn, until the turn takes them along."""

    def __init__(self, door: Door, identity: Callable[[], Mapping[str, Sequence[str]]]) -> None:
        self._door = door
        self._identity = identity
        """Level to the attributes that name a subject, as the model says now."""
        self._events: list[Event] = []

    def see(self, entries: Iterable[Entry]) -> None:
        """Keep what happened by entries of the spool that were not read before."""
        for entry in entries:
            if entry.signal == "logs":
                self._events += events(entry.body, entry.received)

    def taken(self) -> pa.Table | None:
        """Return what happened, in the columns of its table; nothing where nothing did."""
        import pyarrow as pa  # noqa: PLC0415

        if not self._events:
            return None
        found, self._events = sorted(self._events, key=lambda one: one[:3]), []
        columns = zip(*rows(self._door, found, keys(self._identity())), strict=True)
        types = [arrow_type(column.type) for column in EVENTS.columns]
        arrays = [pa.array(list(c), of) for c, of in zip(columns, types, strict=True)]
        return pa.table(dict(zip(EVENTS.names, arrays, strict=True)))
