"""The real OpenTelemetry SDK sends over both protocols, and all of it arrives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import (
    OTLPLogExporter as GrpcLogs,
)
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcMetrics,
)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpans,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import (
    OTLPLogExporter as HttpLogs,
)
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpMetrics,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpans,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from serve.running import Server, serving, until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server with the default limits."""
    with serving(tmp_path_factory.mktemp("exported")) as running:
        yield running


def http(server: Server, signal: str) -> str:
    """Return where an HTTP exporter sends a signal."""
    return f"http://127.0.0.1:{server.ports['otlp_http_port']}/v1/{signal}"


def rpc(server: Server) -> str:
    """Return where a gRPC exporter sends everything."""
    return f"http://127.0.0.1:{server.ports['otlp_grpc_port']}"


def trace(exporter: SpanExporter, count: int) -> list[str]:
    """Make spans through the SDK; return their ids."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=4096))
    tracer, ids = provider.get_tracer("shop"), []
    for number in range(count):
        with tracer.start_as_current_span(
            "GET /cart", attributes={"user.id": f"u{number}"}
        ) as span:
            ids.append(f"{span.get_span_context().span_id:016x}")
    provider.shutdown()
    return ids


def exporters(server: Server) -> dict[str, SpanExporter]:
    """Return span exporters of both protocols, packed and plain."""
    packed, plain = Compression.Gzip, Compression.NoCompression
    rpc_packed = grpc.Compression.Gzip
    return {
        "http": HttpSpans(http(server, "traces"), compression=plain),
        "http gzip": HttpSpans(http(server, "traces"), compression=packed),
        "grpc": GrpcSpans(rpc(server), insecure=True),
        "grpc gzip": GrpcSpans(rpc(server), insecure=True, compression=rpc_packed),
    }


@pytest.mark.parametrize("way", ["http", "http gzip", "grpc", "grpc gzip"])
def test_every_span_of_the_sdk_arrives_once(way: str, server: Server) -> None:
    """Spans ended under the batch processor are counted, each exactly once."""
    ids = trace(exporters(server)[way], 1300)

    until(lambda: set(ids) <= set(server.counted()))
    counted = Counter(server.counted())
    assert {counted[name] for name in ids} == {1}


@pytest.mark.parametrize("way", ["http", "grpc"])
def test_metrics_and_logs_of_the_sdk_arrive(way: str, server: Server) -> None:
    """A counter, a histogram and log records of the SDK are acknowledged over both protocols."""
    metrics: MetricExporter
    logs: LogRecordExporter
    if way == "http":
        metrics, logs = HttpMetrics(http(server, "metrics")), HttpLogs(http(server, "logs"))
    else:
        metrics = GrpcMetrics(rpc(server), insecure=True)
        logs = GrpcLogs(rpc(server), insecure=True)
    points = f'received_requests_total{{signal="metrics",protocol="{way}"}}'
    records = f'received_requests_total{{signal="logs",protocol="{way}"}}'

    meters = MeterProvider([PeriodicExportingMetricReader(metrics, 60_000)])
    meter = meters.get_meter("shop")
    meter.create_counter("orders").add(3, {"user.id": "ada"})
    meter.create_histogram("latency").record(0.2)
    meters.shutdown()
    provider = LoggerProvider()
    provider.add_log_record_processor(BatchLogRecordProcessor(logs))
    provider.get_logger("shop").emit(body="ordered", attributes={"user.id": "ada"})
    provider.shutdown()

    assert (server.metric(points), server.metric(records)) == (1, 1)


def test_exporters_outlast_a_restart(tmp_path: Path) -> None:
    """Spans sent while the server is down, on the same ports, arrive when it is back."""
    with serving(tmp_path) as server:
        ways = exporters(server)
        ids = [*trace(ways["http gzip"], 50), *trace(ways["grpc gzip"], 50)]
        again = Server(
            tmp_path,
            **{n: server.ports[n] for n in ("port", "otlp_http_port", "otlp_grpc_port")},
        )
        more = exporters(server)
        server.kill()
        again.start()
        ids += [*trace(more["http gzip"], 50), *trace(more["grpc gzip"], 50)]
        until(lambda: set(ids) <= set(again.counted()))
        assert again.stop() == 0

    assert len(set(ids)) == 200
