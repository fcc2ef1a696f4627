"""Identity tags from ``percapita.yaml`` to every answer: figures name the person, texts do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percapita.cli.main import run

ID = "ada@acme.example"
MODEL = """\
version: 1
currency: USD
units:
  active user: {subject: user, active: any reading, window: month}
pools:
  - pool: own
    match: {tags.user_id: present}
    direct: {user: tags.user_id}
  - pool: shared
    match: {ServiceName: T}
    by: requests
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a project whose bill and readings name the same user."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T12:00:00Z")
    Path("percapita.yaml").write_text("identity tags: [user_id]\n")
    Path("model.yaml").write_text(MODEL)
    Path("bill.csv").write_text(
        "BilledCost,EffectiveCost,BillingCurrency,ChargePeriodStart,ChargeCategory,ServiceName,"
        f'Tags\n10,10,USD,2025-10-01,Usage,S,"{{""user_id"": ""{ID}""}}"\n'
        "4,4,USD,2025-10-01,Usage,T,\n"
    )
    Path("usage.csv").write_text(
        f"time,user,meter,quantity\n2025-10-01,{ID},requests,1\n2025-10-01,bob,requests,3\n"
    )
    assert run(["import", "bill.csv", "usage.csv"]) == 0
    assert run(["run"]) == 0


def asked(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command in this folder; return all that it prints."""
    capsys.readouterr()
    assert run(command.split()) == 0, capsys.readouterr().err
    return "".join(capsys.readouterr())


def test_direct_pool_finds_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    """Cost of the tag and cost by usage fall on one user."""
    answer = asked(f"explain {ID} --format json", capsys)

    assert '"11.00"' in answer


def test_no_answer_shows_the_id(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines in every format and the way of a line down to its receivers show the pseudonym."""
    lines = asked("lines --period 2025-10 --format json", capsys)
    line = next(row["LineId"] for row in json.loads(lines) if row["ServiceName"] == "S")
    answers = [lines, asked("lines --period 2025-10 --format csv", capsys)]
    answers += [asked(f"explain --line {line} --format {f}", capsys) for f in ("text", "json")]

    assert "user:" in lines
    assert not [answer for answer in answers if ID in answer]


def test_check_names_pools_that_read_ids_in_clear(capsys: pytest.CaptureFixture[str]) -> None:
    """A direct pool on a tag that is not listed is a warning; a listed one is none."""
    assert "clear-id" not in asked("check --format json", capsys)
    Path("percapita.yaml").write_text("identity tags: [other]\n")
    found = json.loads(asked("check --format json", capsys))["findings"]

    (one,) = [finding for finding in found if finding["code"] == "clear-id"]
    assert (one["severity"], one["where"]) == ("warning", "own")
    assert "identity tags: [user_id]" in one["advice"]


def test_a_tag_may_name_another_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """The list may say of each tag what kind of subject it names, for one source too."""
    Path("percapita.yaml").write_text(
        "sources:\n  bill.csv: {kind: bill, path: bill.csv, identity tags: {user_id: session}}\n"
    )
    asked("import bill.csv", capsys)

    assert '"session:' in asked("lines --period 2025-10 --format json", capsys)
