"""``percapita timeline`` from the command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from percapita.cli.main import run

EVENTS = """\
- {at: 2025-10-31T23:30:00Z, kind: deploy, name: v7, service: shop, commit: 3f2a}
- {at: 2025-10-31T22:30:00Z, kind: incident, name: disk full, service: db}
- {at: 2025-11-02, kind: business, name: signup, user: jane@example.com, plan: pro}
"""


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Give a project in Berlin with three events."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T12:00:00Z")
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    model = folder / "model.yaml"
    text = model.read_text(encoding="utf-8").replace("timezone: UTC", "timezone: Europe/Berlin")
    model.write_text(text, encoding="utf-8")
    (folder / "events.yaml").write_text(EVENTS, encoding="utf-8")
    file = str(folder / "events.yaml")
    assert run(["import", file, "--kind", "events", "--project", str(folder)]) == 0
    capsys.readouterr()
    return str(folder)


def shown(project: str, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    """Run the command and return what it prints."""
    assert run(["timeline", "--project", project, *options]) == 0
    return capsys.readouterr().out


def test_a_period_is_one_of_the_models_time_zone(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What happens after midnight in Berlin is of the new month; JSON says it in UTC."""
    found = json.loads(shown(project, capsys, "--period", "2025-11", "--format", "json"))

    assert found["meta"]["timezone"] == "Europe/Berlin"
    assert [(e["at"], e["kind"], e["name"]) for e in found["events"]] == [
        ("2025-10-31T23:30:00Z", "deploy", "v7"),
        ("2025-11-02T00:00:00Z", "business", "signup"),
    ]
    assert found["events"][0]["payload"] == {"commit": "3f2a"}


def test_kinds_and_services_are_chosen(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Only events of the kinds and the service asked for are shown."""
    asked = "--kind deploy --kind incident --service db --format csv"
    rows = list(csv.reader(io.StringIO(shown(project, capsys, *asked.split()))))

    assert [row[:4] for row in rows[1:]] == [
        ["2025-10-31T22:30:00Z", "incident", "disk full", "db"]
    ]


def test_nobody_is_named_anywhere(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The page, at 80 columns, and every file of the store hold a pseudonym, not the address."""
    page = shown(project, capsys)

    assert "user " in page
    assert "jane@" not in page
    assert max(map(len, page.splitlines())) <= 80
    for path in (Path(project) / ".percapita").rglob("*"):
        assert path.is_dir() or b"jane@" not in path.read_bytes()


def test_an_unknown_kind_is_an_error(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A kind that there is none of is answered with the nearest."""
    assert run(["timeline", "--project", project, "--kind", "deploys"]) == 2
    assert "Did you mean deploy?" in capsys.readouterr().err
