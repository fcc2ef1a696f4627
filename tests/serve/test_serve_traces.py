"""End to end: spans of two services' SDKs are one trace, whatever happens to the server between."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from invariants.folder import ask
from serve.running import Server, until


def requested() -> tuple[list[ReadableSpan], list[ReadableSpan]]:
    """Make a request of one service to another, which calls a third party in vain."""
    kept = {name: InMemorySpanExporter() for name in ("web", "api")}
    tracers = {}
    for name, exporter in kept.items():
        provider = TracerProvider(resource=Resource({"service.name": name}), shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracers[name] = provider.get_tracer("shop")
    web, api = tracers["web"], tracers["api"]
    user = {"user.id": "ada@example.com", "http.route": "/buy"}
    with web.start_as_current_span("POST /buy", kind=SpanKind.SERVER, attributes=user) as root:
        call = web.start_span("POST", kind=SpanKind.CLIENT, attributes={"server.address": "api"})
        there = set_span_in_context(call)
        with api.start_as_current_span("POST /pay", context=there, kind=SpanKind.SERVER):
            peer = {"server.address": "api.stripe.com"}
            with api.start_as_current_span("POST", kind=SpanKind.CLIENT, attributes=peer) as paid:
                paid.set_status(Status(StatusCode.ERROR))
        call.end()
        assert root.is_recording()
    return list(kept["web"].get_finished_spans()), list(kept["api"].get_finished_spans())


def test_a_trace_of_two_services_outlives_kill_9(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was acknowledged before ``kill -9`` and what came after it are one trace of the list."""
    monkeypatch.delenv("PERCAPITA_NOW", raising=False)
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    (tmp_path / "model.yaml").write_text("version: 1\ncurrency: USD\n")
    web, api = requested()
    server = Server(tmp_path, command=[]).start()
    _export(server, api)
    server.kill()
    server = Server(tmp_path, command=[]).start()
    _export(server, web)
    until(lambda: server.state()["counting"]["running"])
    until(lambda: server.state()["spool"]["waiting"] == 0)
    assert server.stop() == 0

    (one,) = ask(tmp_path, "traces")["traces"]
    assert (one["service"], one["operation"], one["spans"], one["failed"]) == ("web", "/buy", 4, 1)
    rows = ask(tmp_path, "traces", one["trace"])["rows"]
    assert [(row["service"], row["kind"], row["depth"]) for row in rows] == [
        ("web", "server", 0), ("web", "client", 1), ("api", "server", 2), ("api", "client", 3),
    ]  # fmt: skip
    assert "ada" not in json.dumps(rows)
    calls = {row["peer"]: row["failed"] for row in ask(tmp_path, "calls")["calls"]}
    assert calls == {"api": 0, "api.stripe.com": 1}


def _export(server: Server, spans: list[ReadableSpan]) -> None:
    port = server.ports["otlp_http_port"]
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces")
    assert exporter.export(spans).name == "SUCCESS"
