"""End to end: what exporters send becomes readings, each signal once, whatever happens between."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpans,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpans,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind

from percapita.cli.main import run
from percapita.core.subjects import USER
from percapita.core.tables import READINGS
from percapita.project import Project
from serve.running import Server, packed, spans, until

MODEL = """\
version: 1
currency: USD
pools:
  - pool: api
    match: {ServiceName: present}
    by: requests
"""
USERS = ("ada", "grace@example.com", "linus")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project that nothing was counted in."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    (tmp_path / "model.yaml").write_text(MODEL)
    return tmp_path


def counted(folder: Path) -> dict[str, int]:
    """Return how many requests each user made, as the readings say; others under their number."""
    with Project.open(folder).store() as store:
        names = {store.door.find(USER, user): user for user in USERS}
        store.bind(READINGS)
        rows = store.engine.rows(
            "SELECT subject, sum(signals), sum(quantity) FROM readings"
            " WHERE meter = 'requests' GROUP BY 1"
        )
    assert all(signals == quantity for _, signals, quantity in rows)
    return {names.get(subject, str(subject)): int(signals) for subject, signals, _ in rows}


def settled(server: Server) -> None:
    """Wait until all that was received is committed, and stop."""
    until(lambda: server.state()["counting"]["running"])
    until(lambda: server.state()["spool"]["waiting"] == 0)
    assert server.stop() == 0


def trace(exporter: SpanExporter, count: int) -> None:
    """Let users take turns in making requests."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=4096))
    tracer = provider.get_tracer("shop")
    for number in range(count):
        user = {"user.id": USERS[number % len(USERS)]}
        tracer.start_span("GET /cart", kind=SpanKind.SERVER, attributes=user).end()
    provider.shutdown()


def test_every_span_of_the_sdk_is_a_reading_once(folder: Path) -> None:
    """N spans of known users over both protocols, some sent twice, make exactly N readings."""
    server = Server(folder, command=[]).start()
    http, rpc = (f"http://127.0.0.1:{server.ports[f'otlp_{p}_port']}" for p in ("http", "grpc"))
    trace(HttpSpans(f"{http}/v1/traces", compression=Compression.Gzip), 900)
    trace(GrpcSpans(rpc, insecure=True, compression=grpc.Compression.Gzip), 600)
    again, _ = spans(300, user="ada")
    for _ in range(3):
        assert server.send(packed(again), content_encoding="gzip").status == 200
    settled(server)

    assert counted(folder) == {"ada": 800, "grace@example.com": 500, "linus": 500}


def test_the_key_is_rotated_while_users_come(folder: Path) -> None:
    """Rotated and retired under a running server: the same users, each signal once."""
    (folder / "model.yaml").write_text(f"{MODEL}identity: {{wait: 1}}\n")
    server = Server(folder, command=[]).start()
    http = f"http://127.0.0.1:{server.ports['otlp_http_port']}/v1/traces"
    key = ["key", "--project", str(folder)]
    twice, _ = spans(30, user="ada")

    def send() -> list[int | None]:
        trace(HttpSpans(http, compression=Compression.Gzip), 90)
        assert server.send(packed(twice), content_encoding="gzip").status == 200
        until(lambda: server.state()["spool"]["waiting"] == 0)
        return subjects(folder)

    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        until(lambda: server.state()["counting"]["running"])
        before = send()
        assert run([key[0], "rotate", *key[1:]]) == 0
        assert send() == before
        # Signals without a user wait for one first.
        until(lambda: run([key[0], "retire", *key[1:]]) == 0)
        assert send() == before

    assert subjects(folder) == before
    assert counted(folder) == {"ada": 120, "grace@example.com": 90, "linus": 90}


def test_counting_starts_again_where_the_key_changes_under_it(folder: Path) -> None:
    """Rotated between hashing and looking up: it ends, the server takes on, each signal once."""
    program = Path(__file__).with_name("rotating.py")
    server = Server(folder, command=[sys.executable, str(program), str(folder)]).start()
    ada, _ = spans(40, user="ada")
    with contextlib.ExitStack() as stack:
        stack.callback(server.stop)
        assert server.send(ada).status == 200
        until(lambda: server.state()["counting"]["running"])
        until(lambda: server.state()["spool"]["waiting"] == 0)
        before = subjects(folder)[0]
        (folder / "rotate").touch()
        # One who is known, and one who is new.
        linus, _ = spans(30, user="linus")
        for body in (ada, linus):
            assert server.send(body).status == 200
        until(lambda: server.state()["counting"]["restarts"] == 1)
        assert server.send(spans(20, user="ada")[0]).status == 200
        until(lambda: server.state()["counting"]["running"])
        until(lambda: server.state()["spool"]["waiting"] == 0)

    assert subjects(folder)[0] == before
    assert counted(folder) == {"ada": 60, "linus": 30}
    assert "was rotated while this went on" in server.log.read_text()


def subjects(folder: Path) -> list[int | None]:
    """Return the users' numbers."""
    with Project.open(folder).store() as store:
        return [store.door.find(USER, user) for user in USERS]


class Sender(threading.Thread):
    """Sends one body after another, each until it is acknowledged, as exporters do."""

    def __init__(self, user: str) -> None:
        super().__init__()
        self.user = user
        self.server: Server | None = None
        self.over = False
        self.sent = 0

    def run(self) -> None:
        """Send until it is over and the last body was acknowledged."""
        while not self.over:
            body, ids = spans(20, user=self.user)
            while not self._acknowledged(packed(body)):
                time.sleep(0.01)
            self.sent += len(ids)

    def _acknowledged(self, body: bytes) -> bool:
        try:
            return bool(
                self.server and self.server.send(body, content_encoding="gzip").status == 200
            )
        except (OSError, EOFError, KeyError):
            return False


@pytest.mark.slow
def test_kill_9_loses_nothing_and_counts_nothing_twice(folder: Path) -> None:
    """Killed 50 times at random moments under load: readings are what was acknowledged, exactly."""
    chance = random.Random(5)  # noqa: S311
    senders = [Sender(user) for user in USERS]
    for sender in senders:
        sender.start()
    for _ in range(50):
        server = Server(folder, command=[]).start()
        for sender in senders:
            sender.server = server
        # Some rounds are long enough that something is committed, some too short to start counting.
        time.sleep(chance.choice([0.05, 0.3, 1.0, 2.5]) * chance.random())
        server.kill()
    server = Server(folder, command=[]).start()
    for sender in senders:
        sender.server = server
        sender.over = True
    for sender in senders:
        sender.join()
    settled(server)
    sent = Counter({sender.user: sender.sent for sender in senders})

    assert sent.total() > 1000
    assert counted(folder) == dict(sent)
