"""A server of the same store answers the command, which then works nothing out itself."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import ask, call, usage
from live.company import NOW, TODAY, deliver
from serve.running import Server, serving

PATIENCE = 120


@pytest.fixture
def server(company: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve the company's project at its own time, while commands have the clock's."""
    with serving(company) as running:
        monkeypatch.delenv("PERCAPITA_NOW")
        yield running


@contextlib.contextmanager
def watching(company: Path) -> Iterator[Iterator[dict[str, Any]]]:
    """Give what ``live --watch`` prints, as it comes."""
    command = [
        sys.executable, "-m", "percapita", "live", "--watch", "--format", "json",
        "--project", str(company),
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield (json.loads(line[line.index("{") :]) for line in process.stdout if "{" in line)
        finally:
            process.terminate()


def test_a_server_answers(company: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's moment, and the figures that the command works out for that moment."""
    found = ask(company, "live --by tier")
    shown = call("live", "--by", "tier", "--project", company).out
    monkeypatch.setenv("PERCAPITA_NOW", NOW)
    ours = ask(company, "live --by tier")

    assert found["meta"]["as_of"] == NOW
    assert found == ours
    assert call("live", "--by", "tier", "--project", company).out == shown
    assert server.process.poll() is None


def test_no_token_is_asked_for(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may read the store is answered where browsers have to sign in."""
    with serving(company, host="0.0.0.0", sign_in=True):  # noqa: S104
        monkeypatch.delenv("PERCAPITA_NOW")
        assert ask(company, "live")["meta"]["as_of"] == NOW


@pytest.mark.parametrize("end", [Server.stop, Server.kill])
def test_without_a_server_the_command_does_it(company: Path, server: Server, end: Any) -> None:  # noqa: ANN401
    """A server that was stopped or killed is not waited for; the figures come all the same."""
    end(server)
    found = ask(company, "live --by tier")

    assert found["meta"]["as_of"] > NOW
    assert found["meta"]["by"] == "tier"


def test_a_basis_is_worked_out(company: Path, server: Server) -> None:
    """A server knows no basis but the model's; the command answers where one is named."""
    found = ask(company, "live --basis effective")

    assert found["meta"]["basis"] == "effective"
    assert found["meta"]["as_of"] > NOW
    assert server.process.poll() is None


def test_a_wrong_question_is_refused_alike(company: Path, server: Server) -> None:
    """The message and the nearest name are those without a server."""
    asked = call("live", "--by", "teir", "--project", company)
    server.stop()

    assert asked.code == 2
    assert asked == call("live", "--by", "teir", "--project", company)


def test_watching_goes_on_after_the_server(company: Path, server: Server) -> None:
    """What comes in is seen while the server runs; when it ends, the command goes on by itself."""
    with watching(company) as documents:
        before = Decimal(next(documents)["totals"]["rate_hour"]["amount"])
        deliver(company, "autoscaler", usage((f"{TODAY}T10:00:00Z", "node.hours", "", 10)))
        rates = (Decimal(one["totals"]["rate_hour"]["amount"]) for one in documents)
        assert next(rate for rate in rates if rate != before) - before == Decimal("1.10")

        server.kill()
        moments = (one["meta"]["as_of"] for one in documents)
        assert next(moment for moment in moments if moment != NOW) > NOW


def test_only_its_user_may_ask(company: Path, server: Server) -> None:
    """The socket lies in a folder that nobody else may enter, and goes when the server goes."""
    told = json.loads((company / ".percapita" / "serve.lock").read_text())
    folder = Path(told["estimates"]).parent

    assert folder.stat().st_mode & 0o077 == 0
    assert folder.stat().st_uid == os.getuid()
    server.stop()
    assert not folder.exists()
