"""``percapita model`` inside a project: the model is held against the imported data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percapita.cli.main import run
from percapita.core.sources import Source
from percapita.core.tables import LINES, READINGS, SEGMENTS, Table
from percapita.project import Project
from percapita.store.delivery import FileStat
from percapita.store.engine import quote, sql_type

PROJECT = """\
sources:
  bill: {kind: bill, path: bill.csv}
  usage: {kind: readings, path: usage.csv}
  users: {kind: segments, path: users.csv}
"""
MODEL = """\
currency: USD
segments: {tier: {from: users.plan}}
pools:
  - pool: database
    match: {tags.Team: data}
    by: db.query
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Start a project with a sound model."""
    (tmp_path / "percapita.yaml").write_text(PROJECT)
    (tmp_path / "model.yaml").write_text(MODEL)
    return tmp_path


def row(table: Table, **values: str) -> str:
    """Return one row as SQL; columns that are not named are null."""
    cells = [
        f"CAST({values.get(c.name, 'NULL')} AS {sql_type(c.type)}) AS {quote(c.name)}"
        for c in table.columns
    ]
    return f"SELECT {', '.join(cells)}"


def deliver(folder: Path, source: str, table: Table, relation: str) -> None:
    """Take one row in, as an import would."""
    with Project.open(folder).store() as store:
        file = FileStat(f"{source}.csv", 1, source)
        with store.begin_import(Source(source, f"{source}.csv"), [file]) as tx:
            tx.write(table, relation, period="2025-10" if table.partition[0] == "period" else None)
            tx.commit()


def check(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the warnings of ``model check`` as place and message."""
    assert run(["model", "check", "--project", str(folder), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    return [f"{w['line']}:{w['column']} {w['message']} {w['hint']}" for w in found["warnings"]]


def test_nothing_is_compared_before_an_import(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a store the model is checked alone, and no store is made."""
    assert check(project, capsys) == []
    assert not (project / ".percapita").exists()


def test_names_are_held_against_the_data(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Meters, tags and attributes that the imported data does not have are warnings."""
    line = row(LINES, LineId="'l'", source="'bill'", Tags="MAP {'team': 'data'}", Extra="MAP {}",
               BillingAccountId="'a'")  # fmt: skip
    reading = row(READINGS, meter="'db.queries'", time="'2025-10-01'", grain="'day'", subject="0",
                  signals="1", quantity="1")  # fmt: skip
    deliver(project, "bill", LINES, line)
    deliver(project, "usage", READINGS, reading)
    deliver(project, "users", SEGMENTS, row(SEGMENTS, source="'users'", attribute="'tier'",
                                            subject="1", value="'Pro'"))  # fmt: skip

    assert check(project, capsys) == [
        "2:25 The source 'users' has no column 'plan'. Known: tier.",
        "5:13 No bill line carries the tag 'Team'. Did you mean team?",
        "6:9 No reading of the meter 'db.query' was imported. Did you mean db.queries?",
    ]


def test_sources_are_the_projects(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A source that percapita.yaml does not name is a warning, even before an import."""
    (project / "model.yaml").write_text(MODEL.replace("users.plan", "user.plan"))

    assert check(project, capsys) == [
        "2:25 There is no source 'user' in the project. Did you mean users or usage?"
    ]


def test_another_model_in_the_project(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--model names another file; the project's data is what it is held against."""
    other = project / "other.yaml"
    other.write_text(MODEL.replace("users.plan", "crm.plan"))
    command = ["model", "check", "--project", str(project), "--model", str(other)]

    assert run([*command, "--strict", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["warnings"][0]["code"] == "unknown-source"


def test_folder_without_project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a project and without --model there is nothing to check: bad input."""
    assert run(["model", "check", "--project", str(tmp_path)]) == 2
    assert "percapita init" in capsys.readouterr().err
