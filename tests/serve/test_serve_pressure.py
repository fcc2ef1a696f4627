"""Overload, a full disk, a counting program that stands still: refused, said, recovered from."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import grpc
import psutil
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2  # type: ignore[import-untyped] # noqa: F401 it names RetryInfo
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from serve.running import PROTOBUF, Server, serving, spans, until

TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def rpc(server: Server, body: bytes) -> grpc.RpcError | None:
    """Send over gRPC; return the error, if there was one."""
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['otlp_grpc_port']}") as channel:
        try:
            channel.unary_unary(TRACES, None, None)(body, timeout=30)
        except grpc.RpcError as error:
            return error
    return None


def test_a_full_spool_asks_to_send_again_and_recovers(tmp_path: Path) -> None:
    """While nothing is counted the spool fills; senders are told when to come back."""
    stop = tmp_path / "stop"
    stop.touch()
    with serving(tmp_path, spool_bytes=200_000) as server:
        until(lambda: server.state()["status"] == "ready")
        kept: list[str] = []
        while True:
            body, ids = spans(400)
            answer = server.send(body)
            if answer.status != 200:
                break
            kept += ids
        status = MessageToDict(Status.FromString(answer.body))
        error: Any = rpc(server, body)
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        state = server.state()
        stop.unlink()
        until(lambda: server.send(body).status == 200)
        until(lambda: {*kept, *ids} <= set(server.counted()))

        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert status["details"][0]["retryDelay"] == f"{answer.headers['retry-after']}s"
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        told = MessageToDict(Status.FromString(details))
        assert (told["code"], told["details"]) == (status["code"], status["details"])
        assert state["status"] == "not ready"
        assert "wait to be counted" in state["why"][0]
        assert server.state()["status"] == "ready"


def test_a_disk_that_takes_no_more_asks_to_send_again(tmp_path: Path) -> None:
    """Where the system refuses to write, nothing is acknowledged; what fits still is."""
    with serving(tmp_path, largest_file=60_000) as server:
        small, few = spans(20)
        large, _ = spans(800)

        assert server.send(large).status == 503
        assert server.send(small).status == 200
        assert server.send(large).status == 503
        assert server.metric('refused_requests_total{reason="full",protocol="http"}') == 2
        until(lambda: set(few) <= set(server.counted()))
        assert len(server.counted()) == 20


def test_what_counts_is_started_again(tmp_path: Path) -> None:
    """A counting program that dies is started anew; readiness says so; nothing is lost."""
    with serving(tmp_path) as server:
        until(lambda: server.state()["status"] == "ready")
        crash = tmp_path / "crash"
        crash.touch()
        until(lambda: server.state()["counting"]["restarts"] > 0)
        body, ids = spans(10)
        assert server.send(body).status == 200
        until(lambda: server.state()["status"] == "not ready")
        crash.unlink()
        until(lambda: server.state()["status"] == "ready")
        until(lambda: set(ids) <= set(server.counted()))

        assert server.ask("/healthz").json() == {"status": "ok"}
        assert "counting stopped (code 9)" in server.log.read_text()


def test_memory_is_bounded_by_what_is_in_flight(tmp_path: Path) -> None:
    """Many large requests at once: some are asked to come back, none is lost, memory stays."""
    limits = {"body": 4 << 20, "flight": 12 << 20}
    with serving(tmp_path, limits=limits) as server:
        body, _ = spans(30_000)
        answers: list[int] = []

        def send() -> None:
            answers.append(server.ask("/v1/traces", body, PROTOBUF).status)

        threads = [threading.Thread(target=send) for _ in range(24)]
        before = psutil.Process(server.process.pid).memory_info().rss
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = psutil.Process(server.process.pid).memory_info().rss

        assert set(answers) == {200, 503}
        assert after - before < 150 << 20
        assert server.send(spans(1)[0]).status == 200
