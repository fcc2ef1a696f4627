"""An access log from the command line to a cost per visitor."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from percapita.cli.main import run

MODEL = """\
version: 1
currency: USD
units: {visitor: {subject: session, active: any reading, window: month, exclude: [bot]}}
pools: [{pool: web, match: {ServiceName: Web}, by: requests}]
"""
LINE = '{client} - - [03/Oct/2025:14:05:0{n} +0000] "GET /a/{n} HTTP/1.1" 200 7 "-" "{agent}"'


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """Give a project with a bill and a log of two people and a crawler; one line is cut off."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    (folder / "model.yaml").write_text(MODEL)
    (folder / "bill.csv").write_text(
        "ChargePeriodStart,cost,BillingCurrency,ServiceName,ChargeCategory\n"
        "2025-10,100,USD,Web,Usage\n"
    )
    (folder / "percapita.yaml").write_text(
        "sources:\n  bill: {format: mapped, path: bill.csv, columns: {cost: cost}}\n"
    )
    who = [("192.0.2.1", "Chrome"), ("192.0.2.2", "Chrome"), ("192.0.2.3", "Googlebot/2.1")]
    lines = [LINE.format(client=c, n=n, agent=a) for n, (c, a) in enumerate([*who, who[0]])]
    (folder / "access.log").write_text("\n".join([lines[0], lines[1][:-5], *lines[1:]]))
    assert run(["import", str(folder / "access.log"), "--project", str(folder)]) == 0
    assert run(["run", "--project", str(folder)]) == 0
    capsys.readouterr()
    return folder


def test_cost_per_visitor(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two visitors share the bill with the crawler by requests; its part is a line of its own."""
    assert run(["cost", "--project", str(project), "--format", "json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert round(Decimal(found["classes"]["bots"]), 6) == 25
    assert found["totals"]["units"] == 2
    assert round(Decimal(found["totals"]["cost_per_unit"]), 6) == Decimal("37.5")


def test_the_line_itself_is_shown_when_asked_for(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line that was set aside has the number it has in the file, and can be read again there."""
    assert run(["quarantine", "--rows", "--project", str(project), "--format", "json"]) == 0

    (broken,) = json.loads(capsys.readouterr().out)
    assert (broken["row"], broken["code"], broken["value"]) == (2, "broken-line", "")
    assert broken["text"].startswith("192.0.2.2 - - [03/Oct/2025:14:05:01")
