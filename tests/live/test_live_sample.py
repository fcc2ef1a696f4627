"""From a span that is acknowledged to a figure that moves: nothing in between is a stand-in."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from invariants.folder import ask
from percapita.sample import live
from percapita.sample.live import Account, requests, send
from serve.running import serving

PATIENCE = 120


def test_what_is_sent_is_seen(company: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two users send requests to the server, and the estimate has them within seconds."""
    monkeypatch.delenv("PERCAPITA_NOW")
    command = [sys.executable, "-m", "percapita", "digest", "--project", str(company)]
    with serving(company, command=command) as server:
        url = f"http://127.0.0.1:{server.ports['otlp_http_port']}"
        known = [Account("ann", "eu"), Account("bob", "eu")]
        send(url, requests(Random(7), known, 40, time.time()))  # noqa: S311
        found = _until_seen(company)

    assert found["totals"]["active_24h"] == 2
    assert found["meta"]["telemetry_age_seconds"] < PATIENCE
    (requested,) = [one for one in found["attribution"] if one["meter"] == "requests"]
    assert requested["quantity"] == requested["attributed"] == 40
    # The bill is a year old: its prices stand, and the intervals say how little is known.
    assert {pool["cold"] for pool in found["pools"]} == {True}


def _until_seen(project: Path) -> Any:  # noqa: ANN401 any JSON
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = ask(project, "live")
        seen = any(one["meter"] == "db.queries" for one in found["sampling"])
        # Heads are as they were last counted, some seconds ago.
        if seen and found["totals"]["active_24h"]:
            return found
        time.sleep(0.5)
    raise AssertionError("nothing was ever seen")


def test_accounts_are_those_of_the_list(tmp_path: Path) -> None:
    """Each account of the sample company sends once in the list, from its region."""
    rows = "account,tenant,plan,signup,region,valid_from,valid_to\n" + "".join(
        f"{account},t,Pro,2024-01-01,us,,\n" for account in ("u2", "u1", "u2")
    )
    (tmp_path / "users.csv").write_text(rows, encoding="utf-8")

    assert live.accounts(tmp_path) == [Account("u1", "us"), Account("u2", "us")]


def test_a_closed_port_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no server listens, the sender says which command starts it."""
    (tmp_path / "users.csv").write_text("account,region\nu1,us\n", encoding="utf-8")

    assert live.main([str(tmp_path), "--url", "http://127.0.0.1:9", "--seconds", "1"]) == 2
    assert "percapita serve --project" in capsys.readouterr().err
