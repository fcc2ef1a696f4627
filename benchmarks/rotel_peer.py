"""The outside collector ``rotel`` under the same load: it receives and forwards, no more."""

from __future__ import annotations

import http.server
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import NamedTuple

import psutil
import rotel
from otlp_load import SPANS, Senders


class Peer(NamedTuple):
    """What the load cost the peer."""

    cpu: float
    """Microseconds a span."""
    rate: float
    peak: float
    """MiB."""


class _Sink(http.server.BaseHTTPRequestHandler):
    """Takes whatever is forwarded."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Read it, and say that it was taken."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def peer(seconds: float, senders: int, users: int) -> Peer:
    """Send to rotel for so long, which forwards to a sink."""
    sink = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    port, rpc = _free(), _free()
    command = [
        str(Path(rotel.__file__).with_name("rotel-agent")), "start",
        "--otlp-http-endpoint", f"127.0.0.1:{port}", "--otlp-grpc-endpoint", f"127.0.0.1:{rpc}",
        "--exporter", "otlp", "--otlp-exporter-protocol", "http",
        "--otlp-exporter-endpoint", f"http://127.0.0.1:{sink.server_address[1]}",
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _open(port)
            watched = psutil.Process(process.pid)
            before = watched.cpu_times()
            told = Senders(senders, port, users=users, rate=0, protocol="http").run(seconds)
            time.sleep(3)
            after = watched.cpu_times()
            peak = watched.memory_info().rss / 2**20
        finally:
            process.terminate()
            sink.shutdown()
    spent = after.user + after.system - before.user - before.system
    spans = told.bodies * SPANS
    return Peer(spent / spans * 1e6, spans / told.seconds, peak)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _open(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("rotel does not open its port")
