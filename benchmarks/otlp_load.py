"""OTLP traces as an exporter's batch processor sends them, and processes that send them.

Every span has nine attributes. Bodies are made from templates: ids, users and times are put in at
known places, so that a sender makes a new body faster than anything can take it in.
"""

from __future__ import annotations

import contextlib
import http.client
import multiprocessing
import time
import zlib
from multiprocessing.synchronize import Event
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

SPANS: Final = 512
"""In a body: the default of the SDKs."""
_ROUTES: Final = ("/cart", "/api/v1/orders/{id}", "/search", "/api/v1/users/{id}/invoices", "/")
_DIGITS: Final = 7
_TRACE, _SPAN, _USER = b"\x01" * 16, b"\x02" * 8, b"u" + b"9" * _DIGITS
_START, _END = 0x1111111111111111, 0x2222222222222222
_HEADERS: Final = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]


class Told(NamedTuple):
    """What a sender did."""

    bodies: int
    refused: int
    seconds: float


class Bodies:
    """Makes bodies without end, from a seed."""

    def __init__(self, seed: int, users: int) -> None:
        self._random = np.random.default_rng(seed)
        self._users = users
        self._given = 0
        self._template: Bytes = np.frombuffer(_template(seed), dtype=np.uint8).copy()
        raw = self._template.tobytes()
        self._traces = _places(raw, _TRACE)
        self._spans = _places(raw, _SPAN)
        self._names = _places(raw, _USER)[:, 1:]
        self._starts = _places(raw, _START.to_bytes(8, "little"))
        self._ends = _places(raw, _END.to_bytes(8, "little"))

    def plain(self) -> bytes:
        """Return a new body, not packed. Users come round robin, so that all of them come."""
        body = self._template.copy()
        body[self._traces] = self._random.integers(1, 256, self._traces.shape, dtype=np.uint8)
        body[self._spans] = self._random.integers(1, 256, self._spans.shape, dtype=np.uint8)
        users = (self._given + np.arange(SPANS)) * 7919 % self._users
        self._given += SPANS
        powers = 10 ** np.arange(_DIGITS - 1, -1, -1)
        body[self._names] = (users[:, None] // powers % 10 + ord("0")).astype(np.uint8)
        now = time.time_ns() - np.arange(SPANS, dtype=np.int64) * 1_000_000
        lasted = self._random.integers(1_000_000, 300_000_000, SPANS)
        body[self._starts] = (now - lasted).view(np.uint8).reshape(SPANS, 8)
        body[self._ends] = now.view(np.uint8).reshape(SPANS, 8)
        return body.tobytes()

    def packed(self) -> bytes:
        """Return a new body in gzip."""
        return pack(self.plain())


def pack(body: bytes) -> bytes:
    """Return a body in gzip, fast rather than small: the sender is not measured."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(body) + packer.flush()


def _places(raw: bytes, mark: bytes) -> Places:
    """Return the places of a mark's bytes, a row for each span."""
    found, at = [], raw.find(mark)
    while at >= 0:
        found.append(at)
        at = raw.find(mark, at + len(mark))
    if len(found) != SPANS:
        raise ValueError(f"{mark!r} is there {len(found)} times")
    return np.array(found)[:, None] + np.arange(len(mark))


def _attribute(key: str, value: str | int) -> KeyValue:
    made = KeyValue(key=key)
    if isinstance(value, int):
        made.value.int_value = value
    else:
        made.value.string_value = value
    return made


def _template(seed: int) -> bytes:
    random = np.random.default_rng(seed)
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in (
        ("service.name", "shop"), ("service.version", "4.2.1"),
        ("telemetry.sdk.name", "opentelemetry"), ("telemetry.sdk.language", "python"),
        ("telemetry.sdk.version", "1.45.2"), ("k8s.cluster.name", "prod"),
        ("k8s.namespace.name", "shop"), ("cloud.region", "eu-central-1"),
    ):  # fmt: skip
        group.resource.attributes.append(_attribute(key, value))
    scope = group.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.asgi"
    for _ in range(SPANS):
        route = _ROUTES[int(random.integers(len(_ROUTES)))]
        span = scope.spans.add(
            trace_id=_TRACE, span_id=_SPAN, name=f"GET {route}", kind=2,
            start_time_unix_nano=_START, end_time_unix_nano=_END,
        )  # fmt: skip
        for key, value in (
            ("http.request.method", "GET"), ("http.route", route), ("url.scheme", "https"),
            ("url.path", route.replace("{id}", str(int(random.integers(10**6))))),
            ("http.response.status_code", int(random.choice([200, 200, 200, 404, 500]))),
            ("server.address", f"shop-{int(random.integers(12))}.internal"), ("server.port", 8443),
            ("network.protocol.version", "1.1"), ("user.id", _USER.decode()),
        ):  # fmt: skip
            span.attributes.append(_attribute(key, value))
    return request.SerializeToString()


class Senders:
    """Processes that send as fast as they get answers, or at a rate, until told to stop."""

    def __init__(self, count: int, port: int, *, users: int, rate: float, protocol: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._stop = context.Event()
        self._told = context.Queue()
        arguments = (port, users, rate / count if rate else 0.0, protocol, self._stop, self._told)
        self._processes = [
            context.Process(target=_send, args=(seed, *arguments)) for seed in range(count)
        ]

    def run(self, seconds: float) -> Told:
        """Send for so long; return what was acknowledged."""
        for process in self._processes:
            process.start()
        started = time.monotonic()
        time.sleep(seconds)
        self._stop.set()
        told = [cast("tuple[int, int]", self._told.get(timeout=60)) for _ in self._processes]
        for process in self._processes:
            process.join()
        bodies, refused = (sum(values) for values in zip(*told, strict=True))
        return Told(bodies, refused, time.monotonic() - started)


def _send(
    seed: int,
    port: int,
    users: int,
    rate: float,
    protocol: str,
    stop: Event,
    told: multiprocessing.Queue[tuple[int, int]],
) -> None:
    made = Bodies(seed, users)
    send = _over_grpc(port) if protocol == "grpc" else _Http(port)
    kept = refused = 0
    due = time.monotonic()
    while not stop.is_set():
        if send(made):
            kept += 1
        else:
            refused += 1
            time.sleep(0.2)
        if rate:
            due += SPANS / rate
            time.sleep(max(0.0, due - time.monotonic()))
    told.put((kept, refused))


class _Http:
    """Sends over one connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def __call__(self, made: Bodies) -> bool:
        self._connection.request("POST", "/v1/traces", made.packed(), _HEADERS)
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == http.HTTPStatus.OK


class _over_grpc:  # noqa: N801 it is called like the other
    """Sends over one channel, which packs."""

    def __init__(self, port: int) -> None:
        import grpc  # noqa: PLC0415 the HTTP senders do without

        self._error = grpc.RpcError
        channel = grpc.insecure_channel(
            f"127.0.0.1:{port}", [("grpc.max_send_message_length", -1)],
            compression=grpc.Compression.Gzip,
        )  # fmt: skip
        method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        self._call = channel.unary_unary(method, None, None)

    def __call__(self, made: Bodies) -> bool:
        with contextlib.suppress(self._error):
            self._call(made.plain(), timeout=60)
            return True
        return False
