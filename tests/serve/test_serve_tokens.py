"""Tokens of language models, as spans and as metrics of the real SDK: each counts once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, TraceState

from percapita.cli.main import run
from serve.running import Server, until

PERIOD = "2020..2100"
MODEL = """\
currency: USD
pools:
  - {pool: models, match: {ServiceName: Models}, by: llm.tokens.output}
"""
NEW = {
    "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1_000,
    "gen_ai.usage.cache_read.input_tokens": 600, "gen_ai.usage.cache_write.input_tokens": 100,
    "gen_ai.usage.output_tokens": 50,
}  # fmt: skip
OLD = {
    "llm.request.type": "completion", "gen_ai.usage.prompt_tokens": 200,
    "gen_ai.usage.completion_tokens": 30,
}  # fmt: skip


class OneInFour(Sampler):
    """Keeps every fourth trace, and says so."""

    def __init__(self) -> None:
        self._seen = 0

    def should_sample(self, *args: Any, **named: Any) -> SamplingResult:  # noqa: ANN401
        """Decide."""
        self._seen += 1
        found = ALWAYS_ON.should_sample(*args, **named)
        if self._seen % 4:
            return SamplingResult(found.decision.DROP)
        return SamplingResult(found.decision, found.attributes, TraceState([("ot", "th:c")]))

    def get_description(self) -> str:
        """Say what it does."""
        return "one in four"


def calls(server: Server, service: str, attributes: dict[str, Any], *, count: int) -> None:
    """Make calls of a model by two users in turn, one in four of them kept."""
    resource = Resource({"service.name": service})
    provider = TracerProvider(sampler=OneInFour(), resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url(server, "traces"))))
    tracer = provider.get_tracer("models")
    for number in range(count):
        user = {"user.id": "ada" if number // 4 % 2 else "grace"}
        tracer.start_span("chat", kind=SpanKind.CLIENT, attributes={**attributes, **user}).end()
    provider.shutdown()


def usage(server: Server, service: str, counters: dict[str, int], **histogram: int) -> None:
    """Report usage as metrics: counters of today, the histogram of before."""
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(url(server, "metrics")))
    provider = MeterProvider([reader], resource=Resource({"service.name": service}))
    meter = provider.get_meter("models")
    for name, value in counters.items():
        counter = meter.create_counter(f"gen_ai.client.inference.usage.{name}", "{token}")
        counter.add(value, {"gen_ai.request.model": "m", "gen_ai.token.modality": "text"})
    old = meter.create_histogram("gen_ai.client.token.usage", "{token}")
    for kind, value in histogram.items():
        old.record(value, {"gen_ai.token.type": kind})
    provider.shutdown()


def url(server: Server, signal: str) -> str:
    """Return where a signal goes."""
    return f"http://127.0.0.1:{server.ports['otlp_http_port']}/v1/{signal}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project that has received both generations, as spans and as metrics."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    (tmp_path / "model.yaml").write_text(MODEL)
    server = Server(tmp_path, command=[]).start()
    try:
        calls(server, "new", NEW, count=40)
        usage(
            server, "new",
            {"input_tokens": 41_000, "cache_read.input_tokens": 25_000, "output_tokens": 2_100},
            input=41_000, output=2_100,
        )  # fmt: skip
        calls(server, "old", OLD, count=40)
        usage(server, "old", {}, input=8_400, output=1_250)
        until(lambda: server.state()["counting"]["running"])
        until(lambda: server.state()["spool"]["waiting"] == 0)
    finally:
        server.stop()
    return tmp_path


def readings(folder: Path, by: str, capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401
    """Return (meter, service) to what was counted, what it comes to, and which meter knows."""
    capsys.readouterr()
    words = ["readings", "--by", by, "--period", PERIOD, "--format", "json"]
    assert run([*words, "--project", str(folder)]) == 0
    return {
        (row["meter"], row.get("service")): (
            row["quantity"], row["calibrated"], row["calibrated_by"],
        )
        for row in json.loads(capsys.readouterr().out)["readings"]
        if row["meter"].startswith("llm.tokens")
    }  # fmt: skip


def test_unsampled_metrics_win_over_sampled_spans(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counters before the histogram, never both; parts of the input are told apart, none twice."""
    assert readings(folder, "service", capsys) == {
        ("llm.tokens.cached", "new"): (24_000, 25_000, "llm.usage.cached"),
        # 41,000 less the 25,000 read from the cache, as 300 to 100 in the kept spans.
        ("llm.tokens.input", "new"): (12_000, 12_000, "llm.usage.input"),
        ("llm.tokens.cache_write", "new"): (4_000, 4_000, "llm.usage.input"),
        ("llm.tokens.output", "new"): (2_000, 2_100, "llm.usage.output"),
        ("llm.tokens.input", "old"): (8_000, 8_400, "llm.histogram.input"),
        ("llm.tokens.output", "old"): (1_200, 1_250, "llm.histogram.output"),
    }
    both = readings(folder, "meter", capsys)
    knows = "llm.usage.output, llm.histogram.output"
    assert both["llm.tokens.output", None] == (3_200, 3_350, knows)


def test_it_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The terminal names the meter that wins."""
    words = ["readings", "--by", "service", "--period", PERIOD, "--project", str(folder)]
    assert run(words) == 0
    said = capsys.readouterr().out
    assert "llm.tokens.output of new: 2,100 by llm.usage.output, which is not sampled" in said
