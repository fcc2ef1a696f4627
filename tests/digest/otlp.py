"""What senders send: requests made by OpenTelemetry's own SDK and encoders, with known contents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

SHOP: dict[str, str] = {"service.name": "shop", "cloud.region": "eu-west-1"}
SECOND = 10**9
HOUR = 3_600 * SECOND
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
T = int(NOON.timestamp()) * SECOND
"""The instant that signals are given relative to."""


class Tracing:
    """A tracer of the real SDK whose finished spans are kept."""

    def __init__(self, resource: Mapping[str, str] = SHOP) -> None:
        self._kept = InMemorySpanExporter()
        self._provider = TracerProvider(resource=Resource(dict(resource)), shutdown_on_exit=False)
        self._provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer = self._provider.get_tracer("tests")

    def spans(self) -> list[ReadableSpan]:
        """Return what was finished since the last call."""
        found = list(self._kept.get_finished_spans())
        self._kept.clear()
        return found


def bodies(spans: Sequence[ReadableSpan], size: int = 512) -> list[bytes]:
    """Return spans as an exporter sends them, ``size`` a request."""
    return [
        encode_spans(spans[start : start + size]).SerializeToString()
        for start in range(0, len(spans), size)
    ]


def attribute(holder: Any, key: str, value: Any) -> None:  # noqa: ANN401
    """Add an attribute to what has them."""
    pair: KeyValue = holder.add()
    pair.key = key
    kinds = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    setattr(pair.value, kinds[type(value)], value)


def span(
    number: int,
    attributes: Mapping[str, Any] | None = None,
    *,
    trace: int | None = None,
    name: str = "GET /items",
    kind: int = Span.SPAN_KIND_SERVER,
    end: int = T,
    took: int = SECOND,
    state: str = "",
    error: bool = False,
    link: int | None = None,
) -> Span:
    """Return a span; ``number`` makes its ids."""
    made = Span(
        trace_id=(trace or number).to_bytes(16, "big"), span_id=number.to_bytes(8, "big"),
        name=name, kind=Span.SpanKind.ValueType(kind), trace_state=state,
        start_time_unix_nano=end - took, end_time_unix_nano=end,
    )  # fmt: skip
    for key, value in (attributes or {}).items():
        attribute(made.attributes, key, value)
    if error:
        made.status.code = made.status.STATUS_CODE_ERROR
    if link is not None:
        made.links.add(trace_id=link.to_bytes(16, "big"), span_id=b"linked__")
    return made


def traces(spans: Iterable[Span], resource: Mapping[str, Any] = SHOP, scope: str = "") -> bytes:
    """Return a request of spans of one resource."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    for key, value in resource.items():
        attribute(of_resource.resource.attributes, key, value)
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = scope
    of_scope.spans.extend(spans)
    return request.SerializeToString()


def logs(records: Iterable[Mapping[str, Any]], resource: Mapping[str, Any] = SHOP) -> bytes:
    """Return a request of log records: ``event``, ``time``, ``severity``, ``trace``, attributes."""
    request = ExportLogsServiceRequest()
    of_resource = request.resource_logs.add()
    for key, value in resource.items():
        attribute(of_resource.resource.attributes, key, value)
    of_scope = of_resource.scope_logs.add()
    for record in records:
        made = of_scope.log_records.add(
            event_name=record.get("event", ""), time_unix_nano=record.get("time", T),
            severity_number=record.get("severity", 9),
            trace_id=record.get("trace", 0).to_bytes(16, "big") if record.get("trace") else b"",
        )  # fmt: skip
        for key, value in record.get("attributes", {}).items():
            attribute(made.attributes, key, value)
    return request.SerializeToString()


def counter(
    points: Iterable[Mapping[str, Any]],
    *,
    metric: str = "jobs.time",
    unit: str = "s",
    kind: str = "sum",
    temporality: int = 2,
    monotonic: bool = True,
    resource: Mapping[str, Any] = SHOP,
) -> bytes:
    """Return a request of points of one metric: ``start``, ``at``, ``value``, attributes."""
    request = ExportMetricsServiceRequest()
    of_resource = request.resource_metrics.add()
    for key, value in resource.items():
        attribute(of_resource.resource.attributes, key, value)
    made = of_resource.scope_metrics.add().metrics.add(name=metric, unit=unit)
    data = getattr(made, kind)
    if kind != "gauge":
        data.aggregation_temporality = temporality
    if kind == "sum":
        data.is_monotonic = monotonic
    for point in points:
        one = data.data_points.add(
            start_time_unix_nano=point.get("start", 0), time_unix_nano=point.get("at", T)
        )
        if kind in ("sum", "gauge"):
            field = "as_int" if isinstance(point["value"], int) else "as_double"
            setattr(one, field, point["value"])
        else:
            one.sum, one.count = point["value"], point["count"]
        for key, value in point.get("attributes", {}).items():
            attribute(one.attributes, key, value)
    return request.SerializeToString()
