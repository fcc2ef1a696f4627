"""What of a request can be counted: every body is parsed whole before it is taken.

A bad body is refused as a whole. In a good one, what could never be counted once only (spans
without ids, metrics without a name) is left out and said back to the sender, as OTLP wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from percapita.store.spool import Signal
from percapita.telemetry.receive import otlp_json
from percapita.telemetry.receive.refusals import BadBodyError

_TRACE_ID, _SPAN_ID = 16, 8
_NO_TRACE, _NO_SPAN = bytes(_TRACE_ID), bytes(_SPAN_ID)
_TRACES, _IDS = attrgetter("trace_id"), attrgetter("span_id")


class Checked(NamedTuple):
    """A request that can be counted."""

    body: bytes
    """In protobuf, without what was refused."""
    whole: bool
    """The body as it came is all of it."""
    items: int
    """Spans, metric points or log records in it."""
    refused: int
    why: str


@dataclass(frozen=True, slots=True)
class Kind:
    """One of OTLP's signals."""

    signal: Signal
    items: str
    """What partial success counts them as."""
    service: str
    request: Callable[[], Any]
    response: Callable[[], Any]
    count: Callable[[Any], Checked]

    @property
    def path(self) -> str:
        """Where it is posted to."""
        return f"/v1/{self.signal}"

    @property
    def method(self) -> str:
        """What gRPC calls it."""
        return f"/opentelemetry.proto.collector.{self.service}/Export"


def check(kind: Kind, body: bytes, *, is_json: bool = False) -> Checked:
    """Parse a body whole; return what of it is taken.

    Raises:
        BadBodyError: it is not this signal's request.
    """
    request = kind.request()
    if is_json:
        otlp_json.parse(body, request)
        return _as_protobuf(kind.count(request), request)
    try:
        request.ParseFromString(body)
    except DecodeError:
        raise BadBodyError(f"The body is not an OTLP request of {kind.signal}.") from None
    checked = kind.count(request)
    if checked.refused:
        return _as_protobuf(checked, request)
    return checked._replace(body=body, whole=True)


def answer(kind: Kind, checked: Checked) -> Any:  # noqa: ANN401 one of three generated classes
    """Return the response: empty, or what was refused inside a good body."""
    response = kind.response()
    if checked.refused:
        partial = response.partial_success
        setattr(partial, f"rejected_{kind.items}", checked.refused)
        partial.error_message = checked.why
    return response


def _as_protobuf(checked: Checked, request: Any) -> Checked:  # noqa: ANN401 likewise
    return checked._replace(body=request.SerializeToString())


def _spans(request: Any) -> Checked:  # noqa: ANN401 generated
    items = refused = 0
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            spans = scope.spans
            # One call a span and id: this is half of what a check costs.
            held = list(spans)
            traces, ids = list(map(_TRACES, held)), list(map(_IDS, held))
            bad: list[int] = []
            if (
                set(map(len, traces)) != {_TRACE_ID}
                or set(map(len, ids)) != {_SPAN_ID}
                or _NO_TRACE in traces
                or _NO_SPAN in ids
            ):
                bad = [at for at, of in enumerate(zip(traces, ids, strict=True)) if _is_bad(*of)]
            for at in reversed(bad):
                del spans[at]
            items += len(spans)
            refused += len(bad)
    return Checked(b"", False, items, refused, "spans need a trace id and a span id, not all zero")


def _is_bad(trace: bytes, span: bytes) -> bool:
    return (
        len(trace) != _TRACE_ID or len(span) != _SPAN_ID or trace == _NO_TRACE or span == _NO_SPAN
    )


def _points(request: Any) -> Checked:  # noqa: ANN401 generated
    items = refused = 0
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            metrics = scope.metrics
            for at in reversed(range(len(metrics))):
                points = _points_of(metrics[at])
                if metrics[at].name:
                    items += points
                else:
                    refused += points
                    del metrics[at]
    return Checked(b"", False, items, refused, "metrics need a name")


def _points_of(metric: Metric) -> int:
    which = metric.WhichOneof("data")
    return len(getattr(metric, which).data_points) if which else 0


def _records(request: Any) -> Checked:  # noqa: ANN401 generated
    items = sum(
        len(scope.log_records)
        for resource in request.resource_logs
        for scope in resource.scope_logs
    )
    return Checked(b"", False, items, 0, "")


KINDS: Final = (
    Kind("traces", "spans", "trace.v1.TraceService", ExportTraceServiceRequest,
         ExportTraceServiceResponse, _spans),
    Kind("metrics", "data_points", "metrics.v1.MetricsService", ExportMetricsServiceRequest,
         ExportMetricsServiceResponse, _points),
    Kind("logs", "log_records", "logs.v1.LogsService", ExportLogsServiceRequest,
         ExportLogsServiceResponse, _records),
)  # fmt: skip
BY_PATH: Final[Mapping[str, Kind]] = {kind.path: kind for kind in KINDS}
