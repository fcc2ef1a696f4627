"""``percapita model``: what it prints and how it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percapita.cli.main import run
from percapita.model.reference import reference
from percapita.model.schema import schema

GOOD = """\
currency: USD
segments: {tier: {from: users.plan}}
pools:
  - pool: database
    match: {ServiceName: Managed Postgres}
    by: db.queries
"""
WARNED = f"{GOOD}    grain: day\n  - pool: never\n    match: {{ServiceName: Managed Postgres}}\n"
BAD = "currency: USD\nbases: list\npools: [{pool: a, by: {mix: {cpu: much}}}]\n"


def model_file(folder: Path, text: str) -> Path:
    """Write a model file."""
    path = folder / "costs.yaml"
    path.write_text(text)
    return path


def test_sound_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model without problems leaves with 0 and says what it has."""
    path = model_file(tmp_path, GOOD)
    code = run(["model", "check", "--model", str(path), "--project", str(tmp_path)])
    printed = " ".join(capsys.readouterr().out.split())

    assert code == 0
    assert "can be run: 1 pool, 1 unit, 1 segment; 0 errors, 0 warnings." in printed
    assert "No data was imported yet" in printed


def test_bad_model_leaves_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors are printed as a table of places, and the exit code is that of bad input."""
    path = model_file(tmp_path, BAD)
    code = run(["model", "check", "--model", str(path), "--project", str(tmp_path)])
    printed = " ".join(capsys.readouterr().out.split())

    assert code == 2
    assert "2:1" in printed
    assert "3:35" in printed
    assert "cannot be run: 2 errors, 0 warnings." in printed


def test_errors_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each error is a record with code, file, line, column, message and hint."""
    path = model_file(tmp_path, BAD)
    command = ["model", "check", "--model", str(path), "--project", str(tmp_path)]
    code = run([*command, "--format", "json"])
    found = json.loads(capsys.readouterr().out)

    assert code == 2
    assert (found["model"], found["hash"], found["warnings"]) == (str(path), None, [])
    assert found["errors"] == [
        {
            "code": "unknown-key",
            "file": str(path),
            "line": 2,
            "column": 1,
            "message": "'bases' is not a key of the model.",
            "hint": "Did you mean basis?",
        },
        {
            "code": "not-a-number",
            "file": str(path),
            "line": 3,
            "column": 35,
            "message": "'cpu' must be a number above 0, not 'much'.",
            "hint": "Write plain digits, such as 1250.75.",
        },
    ]


@pytest.mark.parametrize(("options", "expected"), [([], 0), (["--strict"], 1)])
def test_strict_fails_on_warnings(tmp_path: Path, options: list[str], expected: int) -> None:
    """Warnings let a model pass, unless --strict is given: then they leave with 1."""
    path = model_file(tmp_path, WARNED)
    command = ["model", "check", "--model", str(path), "--project", str(tmp_path)]

    assert run([*command, *options]) == expected


def test_strict_passes_a_clean_model(tmp_path: Path) -> None:
    """Without a warning, --strict changes nothing."""
    path = model_file(tmp_path, GOOD)

    assert (
        run(["model", "check", "--strict", "--model", str(path), "--project", str(tmp_path)]) == 0
    )


def test_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model file that is not there is bad input, told on stderr."""
    code = run(["model", "check", "--model", str(tmp_path / "no.yaml"), "--project", str(tmp_path)])
    streams = capsys.readouterr()

    assert code == 2
    assert "no.yaml cannot be read: no such file or directory." in streams.err
    assert streams.out == ""


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_describe_says_who_pays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    """The description names every pool, what it takes and how it is split."""
    path = model_file(tmp_path, GOOD)
    command = ["model", "describe", "--model", str(path), "--project", str(tmp_path)]
    assert run([*command, "--format", form]) == 0

    printed = " ".join(capsys.readouterr().out.replace("`", "").replace("│", " ").split())
    assert "Lines where ServiceName is Managed Postgres" in printed
    assert "In proportion to db.queries" in printed


def test_describe_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON form has a record a pool."""
    path = model_file(tmp_path, GOOD)
    command = ["model", "describe", "--model", str(path), "--project", str(tmp_path)]
    assert run([*command, "--format", "json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [(pool["pool"], pool["method"], pool["line"]) for pool in found["pools"]] == [
        ("database", "driver", 4)
    ]
    assert found["units"][0]["unit"] == "active user"


def test_describe_refuses_a_bad_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A model that cannot be run is not described: its problems are."""
    path = model_file(tmp_path, BAD)

    assert run(["model", "describe", "--model", str(path), "--project", str(tmp_path)]) == 2
    assert "'bases' is not a key of the model." in capsys.readouterr().err


def test_schema_in_both_forms(capsys: pytest.CaptureFixture[str]) -> None:
    """The grammar is printed as JSON Schema or as the reference page."""
    assert run(["model", "schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema()

    assert run(["model", "schema", "--format", "markdown"]) == 0
    assert capsys.readouterr().out == reference()
