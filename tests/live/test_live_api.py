"""The estimate over HTTP: the answer of the command, once and as it changes."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import ask, usage
from live.company import TODAY, deliver
from serve.running import Server, serving

PATIENCE = 120


@pytest.fixture
def server(company: Path) -> Iterator[Server]:
    """Serve a copy of the company's project."""
    with serving(company) as running:
        yield running


@contextlib.contextmanager
def answered(server: Server, path: str) -> Iterator[http.client.HTTPResponse]:
    """Give the answer to a question of a page, unread."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports["port"], timeout=PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", path)
        yield connection.getresponse()


def events(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    """Yield the estimates of a stream as they come."""
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def test_the_api_says_what_the_command_says(server: Server, company: Path) -> None:
    """GET /api/v1/live gives the very document of ``percapita live --format json``."""
    with answered(server, "/api/v1/live?by=tier") as response:
        found = json.loads(response.read())

    assert response.status == 200
    # How old the telemetry is, is the one thing that depends on the second.
    said = ask(company, "live --by tier")
    assert found == said


def test_a_stream_follows(server: Server, company: Path) -> None:
    """Twenty nodes start, and whoever listens sees it."""
    with answered(server, "/api/v1/live/stream") as response:
        assert response.getheader("content-type") == "text/event-stream"
        stream = events(response)
        before = Decimal(next(stream)["totals"]["rate_hour"]["amount"])
        deliver(company, "autoscaler", usage((f"{TODAY}T10:00:00Z", "node.hours", "", 10)))
        found = next(
            rate
            for found in stream
            if (rate := Decimal(found["totals"]["rate_hour"]["amount"])) != before
        )

    # A node hour costs ten cents, and a tenth of it in tax.
    assert found - before == Decimal("1.10")


def test_a_wrong_question_is_refused(server: Server) -> None:
    """What the estimate can't be cut by is said with the nearest name, and 400."""
    with answered(server, "/api/v1/live?by=teir") as response:
        found = json.loads(response.read())

    assert response.status == 400
    assert response.getheader("content-type") == "application/problem+json"
    assert found["detail"] == "Did you mean tier?"
