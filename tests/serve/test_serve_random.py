"""Whatever bytes arrive: an answer that OTLP knows, nothing half kept, and service goes on."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from percapita.core.privacy import Key
from percapita.store.spool import Spool
from percapita.telemetry.receive.access import Access
from percapita.telemetry.receive.counters import Counters
from percapita.telemetry.receive.http import OtlpHttp
from percapita.telemetry.receive.intake import Intake, Limits
from serve.running import spans

LIMIT = 100_000
GOOD = spans(12)[0]
TYPES = (
    "application/x-protobuf",
    "application/json",
    "application/json; charset=utf-8",
    "text/x",
    "",
)
ENCODINGS = ("", "gzip", "deflate", "identity", "br")
PATHS = ("/v1/traces", "/v1/metrics", "/v1/logs", "/v1/x", "/")

mutated = st.builds(
    lambda at, piece, drop: GOOD[:at] + piece + GOOD[at + drop :],
    st.integers(0, len(GOOD)), st.binary(max_size=40), st.integers(0, 60),
)  # fmt: skip
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId", "name", "attributes"]),
        inner, max_size=4,
    ),
    max_leaves=25,
).map(lambda value: repr(value).replace("'", '"').encode())  # fmt: skip
bodies = st.one_of(
    st.binary(max_size=300), mutated, mutated.map(gzip.compress), json_like,
    st.integers(0, 3 * LIMIT).map(bytes),
    st.integers(0, 50 * LIMIT).map(lambda size: gzip.compress(bytes(size), 1)),
)  # fmt: skip


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spool]:
    """Return a spool to receive into."""
    with Spool(tmp_path_factory.mktemp("random"), Key(bytes(32))) as opened:
        yield opened.start()


def post(
    receiver: OtlpHttp, path: str, headers: dict[str, str], parts: list[bytes]
) -> tuple[int, bytes]:
    """Send a request to the ASGI callable; return status and body."""
    sent: list[Any] = []
    waiting = list(parts) or [b""]

    async def receive() -> dict[str, Any]:
        part = waiting.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(waiting)}

    async def send(message: Any) -> None:  # noqa: ANN401 ASGI
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path,
        "headers": [(n.encode(), v.encode()) for n, v in headers.items()],
    }  # fmt: skip
    asyncio.run(receiver(scope, receive, send))
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=bodies, kind=st.sampled_from(TYPES), encoding=st.sampled_from(ENCODINGS),
    path=st.sampled_from(PATHS), cut=st.integers(0, 400),
)  # fmt: skip
def test_any_bytes_get_an_answer(
    spool: Spool, body: bytes, kind: str, encoding: str, path: str, cut: int
) -> None:
    """Only a body that parses is kept; every other gets a client's error; no memory stays taken."""
    counters = Counters()
    intake = Intake(spool, Limits(body=LIMIT), counters)
    receiver = OtlpHttp(intake, Access("127.0.0.1", lambda _token: False))
    before = spool.head
    headers = {"host": "localhost", "content-type": kind, "content-encoding": encoding}
    status, said = post(receiver, path, headers, [body[:cut], body[cut:]])
    intake.close()
    kept = spool.read(before, LIMIT)

    assert status in {200, 400, 404, 413, 415}
    assert len(kept) == (status == 200)
    assert intake.in_flight == 0
    assert sum(counters.refused.values()) == (status != 200)
    if status == 200 and path == "/v1/traces":
        ExportTraceServiceRequest.FromString(kept[0].body)
    elif status != 200:
        assert said
