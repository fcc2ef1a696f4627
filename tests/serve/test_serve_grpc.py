"""OTLP/gRPC: the same answers, in gRPC's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2  # type: ignore[import-untyped] # noqa: F401 it names RetryInfo
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from serve.running import Server, spans, until

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
Call = Callable[..., Any]


@pytest.fixture(scope="module")
def call(server: Server) -> Iterator[Call]:
    """Return what sends bytes to a method, packed."""
    options = [("grpc.max_send_message_length", -1)]
    address = f"127.0.0.1:{server.ports['otlp_grpc_port']}"
    with grpc.insecure_channel(address, options, compression=grpc.Compression.Gzip) as channel:

        def send(body: bytes, method: str = TRACES) -> bytes:
            answer: bytes = channel.unary_unary(method, None, None)(body, timeout=30)
            return answer

        yield send


def refused(send: Call, body: bytes) -> tuple[grpc.StatusCode, dict[str, Any]]:
    """Send what is refused; return the code and the google.rpc.Status."""
    with pytest.raises(grpc.RpcError) as raised:
        send(body)
    error: Any = raised.value
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
    return error.code(), MessageToDict(Status.FromString(details))


def test_bad_spans_inside_a_good_request_are_said(server: Server, call: Call) -> None:
    """Partial success counts the spans that were left out."""
    body, ids = spans(3)
    request = ExportTraceServiceRequest.FromString(body)
    request.resource_spans[0].scope_spans[0].spans[0].span_id = b"\0" * 8
    said = ExportTraceServiceResponse.FromString(call(request.SerializeToString()))

    assert said.partial_success.rejected_spans == 1
    until(lambda: set(ids[1:]) <= set(server.counted()))


def test_a_malformed_request_is_an_invalid_argument(call: Call) -> None:
    """What is not OTLP gets INVALID_ARGUMENT and a Status that says so."""
    code, status = refused(call, b"\xff\xff not protobuf")

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert status["code"] == 3
    assert "not an OTLP request of traces" in status["message"]


def test_a_bomb_is_not_unpacked(server: Server, call: Call) -> None:
    """64 MiB of zeros in 64 KiB are refused at the limit of 1 MiB; service goes on."""
    code, _ = refused(call, bytes(64 << 20))
    body, ids = spans(5)
    call(body)

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    until(lambda: set(ids) <= set(server.counted()))


def test_other_methods_are_unimplemented(call: Call) -> None:
    """Profiles and the like are answered by UNIMPLEMENTED."""
    with pytest.raises(grpc.RpcError) as raised:
        call(b"", "/opentelemetry.proto.collector.profiles.v1.ProfilesService/Export")
    error: Any = raised.value

    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
