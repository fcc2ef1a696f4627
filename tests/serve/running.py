"""A server under test: started, spoken to, stopped, killed."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HERE = Path(__file__).parent
PATIENCE = 30.0
PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 any JSON
        """Return the body, read."""
        return json.loads(self.body)


class Server:
    """A process that serves a project."""

    def __init__(self, folder: Path, **asked: object) -> None:
        self.folder = folder
        ports = {"port": 0, "otlp_http_port": 0, "otlp_grpc_port": 0}
        self._asked = json.dumps({**ports, **asked})
        self.ports: dict[str, Any] = {}
        self.process: subprocess.Popen[str]
        self.log = folder / "log"

    def start(self) -> Server:
        """Start it, and wait until its ports are open."""
        command = [sys.executable, str(HERE / "program.py"), str(self.folder), self._asked]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(  # noqa: S603
                command, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self._ended()
            raise AssertionError(self.log.read_text())
        self.ports = json.loads(line)
        return self

    def stop(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.terminate()
        return self._ended()

    def kill(self) -> None:
        """End it as a power cut would, but for the disk."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "",
        port: str = "otlp_http_port",
    ) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[port], timeout=PATIENCE)
        with contextlib.closing(connection):
            how = method or ("GET" if body is None else "POST")
            connection.request(how, path, body, dict(headers or {}))
            found = connection.getresponse()
            names = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, names, found.read())

    def send(self, body: bytes, **headers: str) -> Answer:
        """Send traces in protobuf."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("/v1/traces", body, {**PROTOBUF, **named})

    def state(self) -> Any:  # noqa: ANN401 any JSON
        """Return what /readyz says."""
        return self.ask("/readyz").json()

    def metric(self, line: str) -> float:
        """Return one value of /metrics; 0 where it is not there."""
        for found in self.ask("/metrics").body.decode().splitlines():
            if found.startswith(f"percapita_{line} "):
                return float(found.rpartition(" ")[2])
        return 0.0

    def counted(self) -> list[str]:
        """Return the ids of spans that were counted."""
        path = self.folder / "counted"
        lines = path.read_text().splitlines() if path.exists() else []
        return [name for line in lines for name in line.split()[1:]]


def until(reached: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def spans(count: int, *, user: str = "ada@example.com") -> tuple[bytes, list[str]]:
    """Return a request of traces and the ids of its spans."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    ids = []
    for _ in range(count):
        span = scope.spans.add(
            trace_id=secrets.token_bytes(16), span_id=secrets.token_bytes(8), name="GET /",
            kind=2, start_time_unix_nano=time.time_ns() - 10**8,
            end_time_unix_nano=time.time_ns(),
        )  # fmt: skip
        attribute = span.attributes.add(key="user.id")
        attribute.value.string_value = user
        ids.append(span.span_id.hex())
    return request.SerializeToString(), ids


def packed(body: bytes) -> bytes:
    """Return a body in gzip."""
    return gzip.compress(body, 1)


@contextlib.contextmanager
def serving(folder: Path, **asked: object) -> Iterator[Server]:
    """Give a server of a new project; it is stopped at the end."""
    if not (folder / "percapita.yaml").exists():
        (folder / "percapita.yaml").write_text("version: 1\n")
    server = Server(folder, **asked).start()
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        elif server.process.stdout is not None:
            server.process.stdout.close()
