"""OTLP/HTTP: every good body is kept, every bad one gets the protocol's own answer."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import zlib

import pytest
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from serve.running import JSON, PROTOBUF, Server, packed, spans, until


def test_protobuf_plain_and_packed_is_counted(server: Server) -> None:
    """The same kind of body, plain, in gzip, in two gzip members and in deflate, is taken."""
    wanted: set[str] = set()
    for pack, encoding in (
        (bytes, "identity"),
        (packed, "gzip"),
        (lambda b: gzip.compress(b[:50]) + gzip.compress(b[50:]), "gzip"),
        (zlib.compress, "deflate"),
    ):
        body, ids = spans(20)
        answer = server.send(pack(body), content_encoding=encoding)

        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-type"] == "application/x-protobuf"
        wanted |= set(ids)
    until(lambda: wanted <= set(server.counted()))


def test_json_means_the_same(server: Server) -> None:
    """Hex ids, int64 as text, camelCase, unknown keys and enum numbers are read as OTLP says."""
    body = {
        "resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "api"}}]},
            "scopeSpans": [{"spans": [{
                "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174",
                "parentSpanId": "eee19b7ec3c1b173", "name": "GET", "kind": 2,
                "newField": {"x": [1]}, "startTimeUnixNano": "1544712660000000000",
                "endTimeUnixNano": "1544712661000000000",
                "attributes": [{"key": "n", "value": {"intValue": "42"}}],
                "links": [{"traceId": "5b8efff798038103d269b633813fc60d",
                           "spanId": "eee19b7ec3c1b175"}],
            }]}],
        }],
    }  # fmt: skip
    answer = server.ask("/v1/traces", json.dumps(body).encode(), JSON)

    assert (answer.status, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"
    until(lambda: "eee19b7ec3c1b174" in server.counted())


def test_metrics_and_logs_have_their_own_paths(server: Server) -> None:
    """Metric points and log records are acknowledged, and counted by signal."""
    metric = {"name": "m", "sum": {"dataPoints": [{"asInt": "1"}, {"asInt": "2"}]}}
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]}
    before = [server.metric(f'received_items_total{{signal="{s}"}}') for s in ("metrics", "logs")]

    assert server.ask("/v1/metrics", json.dumps(metrics).encode(), JSON).status == 200
    assert server.ask("/v1/logs", json.dumps(logs).encode(), JSON).status == 200
    after = [server.metric(f'received_items_total{{signal="{s}"}}') for s in ("metrics", "logs")]
    assert [b - a for a, b in zip(before, after, strict=True)] == [2, 1]


def test_spans_without_ids_are_left_out_and_said(server: Server) -> None:
    """A good body with bad spans is taken without them; the sender hears how many."""
    body, ids = spans(6)
    request = ExportTraceServiceRequest.FromString(body)
    found = request.resource_spans[0].scope_spans[0].spans
    found[1].trace_id, found[3].span_id = b"short", b""
    found[5].trace_id = bytes(16)
    answer = server.send(request.SerializeToString())
    said = ExportTraceServiceResponse.FromString(answer.body).partial_success

    assert answer.status == 200
    assert said.rejected_spans == 3
    assert "trace id" in said.error_message
    until(lambda: ids[4] in server.counted())
    assert {ids[1], ids[3], ids[5]} & set(server.counted()) == set()


BAD = {
    "no protobuf": (b"\xff\xff\xff not protobuf", PROTOBUF, 400),
    "cut off": (spans(3)[0][:-4], PROTOBUF, 400),
    "another field's type": (b"\x08\x96\x01\x0a\x05ab", PROTOBUF, 400),
    "no gzip": (b"plain", {**PROTOBUF, "content-encoding": "gzip"}, 400),
    "half a gzip": (packed(spans(9)[0])[:-9], {**PROTOBUF, "content-encoding": "gzip"}, 400),
    "unknown packing": (b"x", {**PROTOBUF, "content-encoding": "zstd"}, 415),
    "no JSON": (b'{"resourceSpans": [', JSON, 400),
    "a list": (b"[]", JSON, 400),
    "not UTF-8": (b'{"a": "\xff\xfe"}', JSON, 400),
    "NaN": (b'{"resourceSpans": NaN}', JSON, 400),
    "wrong type": (b'{"resourceSpans": {"a": 1}}', JSON, 400),
    "id not hex": (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}',
                   JSON, 400),
    "deep": (b'{"a":' * 5000 + b"1" + b"}" * 5000, JSON, 400),
    "deeper": (b'{"resourceSpans":' + b"[" * 95 + b"]" * 95 + b"}", JSON, 400),
    "form": (b"a=b", {"content-type": "application/x-www-form-urlencoded"}, 415),
    "no type": (b"x", {}, 415),
    "too large": (bytes(1 << 20 | 1), PROTOBUF, 413),
    "bomb": (packed(bytes(64 << 20)), {**PROTOBUF, "content-encoding": "gzip"}, 413),
    "deflate bomb": (zlib.compress(bytes(32 << 20)),
                     {**PROTOBUF, "content-encoding": "deflate"}, 413),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_body_gets_a_status(case: str, server: Server) -> None:
    """Bad bodies get 400, 413 or 415 with a google.rpc.Status of the request's own type."""
    body, headers, wanted = BAD[case]
    before = server.state()["spool"]["position"]
    answer = server.ask("/v1/traces", body, headers)
    if headers.get("content-type") == PROTOBUF["content-type"]:
        assert answer.headers["content-type"] == PROTOBUF["content-type"]
        said = MessageToDict(Status.FromString(answer.body))
    else:
        said = answer.json()

    assert answer.status == wanted
    assert said["code"] == (8 if wanted == 413 else 3)
    assert said["message"]
    assert server.state()["spool"]["position"] == before


def test_other_paths_and_methods_are_refused(server: Server) -> None:
    """Nothing is received elsewhere, and nothing but POST."""
    wrong = server.ask("/v1/profiles", b"", PROTOBUF)
    got = server.ask("/v1/traces", None, PROTOBUF)

    assert wrong.status == 404
    assert (got.status, got.headers["allow"]) == (405, "POST")


def test_connections_are_kept(server: Server) -> None:
    """Many requests go over one connection, also after a bad one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["otlp_http_port"], timeout=30)
    for body, status in ((spans(2)[0], 200), (b"\xff", 400), (spans(2)[0], 200)):
        connection.request("POST", "/v1/traces", body, dict(PROTOBUF))
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
        assert answer.getheader("connection") != "close"
    connection.close()


def test_a_body_that_trickles_is_given_up(server: Server) -> None:
    """A sender that takes longer than allowed gets 408, and the connection ends."""
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"
        b"Content-Length: 1000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.ports["otlp_http_port"]), 30) as slow:
        slow.sendall(head + b"\x0a")
        answer = b"".join(iter(lambda: slow.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert server.send(spans(1)[0]).status == 200


def test_an_endless_head_is_cut(server: Server) -> None:
    """Headers without an end are read up to 32 KiB; then the connection ends."""
    sent = 0
    with (
        socket.create_connection(("127.0.0.1", server.ports["otlp_http_port"]), 30) as endless,
        contextlib.suppress(BrokenPipeError, ConnectionResetError),
    ):
        endless.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\n")
        while sent < 100 << 20:
            sent += endless.send(b"X-More: " + b"y" * 10_000 + b"\r\n")

    assert sent < 100 << 20
    assert server.send(spans(1)[0]).status == 200


def test_a_sender_that_hangs_up_is_forgotten(server: Server) -> None:
    """Half a request and a closed connection leave nothing behind, and nothing in the log."""
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", server.ports["otlp_http_port"]), 30) as gone:
            gone.sendall(
                b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n"
                b"Content-Type: application/x-protobuf\r\n\r\nhalf"
            )

    assert server.send(spans(1)[0]).status == 200
    assert "Traceback" not in server.log.read_text()


def test_a_chunked_body_is_read_and_bounded(server: Server) -> None:
    """A body without a length is taken; one without an end is refused at the limit."""

    def send(parts: list[bytes]) -> int:
        connection = http.client.HTTPConnection(
            "127.0.0.1", server.ports["otlp_http_port"], timeout=30
        )
        try:
            connection.request("POST", "/v1/traces", iter(parts), dict(PROTOBUF))
            return connection.getresponse().status
        except (BrokenPipeError, ConnectionResetError):
            return 413
        finally:
            connection.close()

    body = spans(30)[0]

    assert send([body[:100], body[100:]]) == 200
    assert send([bytes(60_000)] * 40) == 413


def test_events_are_posted_as_json(server: Server) -> None:
    """One event, a list and a CloudEvent are acknowledged; what is none is refused, and why."""
    event = {"at": "2025-10-03T12:00:00Z", "kind": "deploy", "name": "v7", "service": "shop"}
    cloud = {"specversion": "1.0", "id": "1", "type": "incident.opened", "source": "db",
             "time": "2025-10-03T12:00:00Z"}  # fmt: skip
    sent = 'received_items_total{signal="logs"}'
    before = server.metric(sent)
    kinds = {"content-type": "application/cloudevents+json"}

    assert server.ask("/v1/events", json.dumps([event, event]).encode(), JSON).json() == {}
    assert server.ask("/v1/events", json.dumps(cloud).encode(), kinds).status == 200
    refused = server.ask("/v1/events", b'{"name": "deploy"}', JSON)
    assert (refused.status, "Event 0, at" in refused.json()["message"]) == (400, True)
    assert server.ask("/v1/events", b"x", PROTOBUF).status == 415
    assert server.metric(sent) - before == 3
