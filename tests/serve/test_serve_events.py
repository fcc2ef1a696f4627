"""What happened reaches the timeline from the real SDK, over both protocols."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource

from percapita.cli.main import run
from serve.running import Server, until

MODEL = """\
version: 1
currency: USD
pools:
  - pool: api
    match: {ServiceName: present}
    by: requests
"""


@pytest.mark.parametrize("way", ["http", "grpc"])
def test_an_event_of_the_sdk_is_on_the_timeline(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log record with the name of an event is there once; one without a name is not."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    (tmp_path / "model.yaml").write_text(MODEL)
    server = Server(tmp_path, command=[]).start()
    try:
        exporter: LogRecordExporter
        if way == "http":
            port = server.ports["otlp_http_port"]
            exporter = HttpLogs(f"http://127.0.0.1:{port}/v1/logs")
        else:
            exporter = GrpcLogs(f"http://127.0.0.1:{server.ports['otlp_grpc_port']}", insecure=True)
        provider = LoggerProvider(Resource.create({"service.name": "shop"}))
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
        logger = provider.get_logger("releases")
        logger.emit(
            event_name="com.acme.deploy.finished",
            attributes={"version": "v7", "user.id": "ada@example.com"},
        )
        logger.emit(body="an ordinary line", attributes={"user.id": "ada@example.com"})
        provider.shutdown()
        until(lambda: server.state()["counting"]["running"])
        until(lambda: server.state()["spool"]["waiting"] == 0)
    finally:
        assert server.stop() == 0

    assert run(["timeline", "--project", str(tmp_path), "--format", "json"]) == 0
    (event,) = json.loads(capsys.readouterr().out)["events"]
    assert (event["kind"], event["name"], event["service"]) == (
        "deploy", "com.acme.deploy.finished", "shop",
    )  # fmt: skip
    assert event["payload"]["version"] == "v7"
    assert "ada@example.com" not in json.dumps(event)
