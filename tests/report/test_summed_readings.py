"""Questions that ask of nobody are answered from sums of files, and come to what the files say."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from percapita.project import Project
from percapita.store.kept import summed_readings

MODEL = """
version: 1
currency: USD
pools:
  - {pool: api, match: {ServiceName: api}, by: requests}
"""
PROJECT = """
model: model.yaml
sources:
  bill: {kind: bill, format: mapped, path: bill.csv, columns: {ChargePeriodStart: day, cost: cost},
         values: {ServiceName: api, BillingCurrency: USD, ChargeCategory: Usage}}
  usage: {kind: readings, path: usage.csv, columns: {time: time, subject: user, quantity: n,
          meter: meter, service: service, feature: feature}}
"""
ASKED = (
    *(["readings", "--by", by, "--period", "2025-10"] for by in ("meter", "service", "feature")),
    ["attribution", "--period", "2025-10"],
    ["check"],
    ["check", "--period", "2025-10"],
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with two months of usage; some of it names nobody."""
    folder = tmp_path_factory.mktemp("summed")
    draw = random.Random(7)  # noqa: S311 no secret
    (folder / "model.yaml").write_text(MODEL, encoding="utf-8")
    (folder / "percapita.yaml").write_text(PROJECT, encoding="utf-8")
    days = [f"2025-{month}-{day:02}" for month in (10, 11) for day in range(1, 31)]
    bill = "".join(f"{day},{draw.randint(1, 900)}.17\n" for day in days)
    (folder / "bill.csv").write_text("day,cost\n" + bill, encoding="utf-8")
    with (folder / "usage.csv").open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file)
        write.writerow(["time", "user", "n", "meter", "service", "feature"])
        for day in days:
            for _ in range(8):
                write.writerow([
                    f"{day}T{draw.randint(0, 23):02}:00:00Z",
                    draw.choice(["", *(f"u{at}" for at in range(9))]), draw.randint(0, 1 << 55),
                    draw.choice(["requests", "storage_bytes"]), draw.choice(["api", "web", ""]),
                    draw.choice(["search", ""]),
                ])  # fmt: skip
    assert run(["import", "--project", str(folder)]) == 0
    assert run(["run", "--project", str(folder)]) == 0
    return folder


def _told(folder: Path, asked: list[str], capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401
    capsys.readouterr()
    run([*asked, "--project", str(folder), "--format", "json"])
    found = json.loads(capsys.readouterr().out)
    found.get("meta", {}).pop("as_of", None)
    return found


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_sums_of_files_answer_as_the_files_do(
    folder: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Large files are summed once, small ones are read: both say the same."""
    small = _told(folder, asked, capsys)
    monkeypatch.setattr(summed_readings, "_LARGE", 1)
    first, again = (_told(folder, asked, capsys) for _ in range(2))

    assert small == first == again
    assert list((folder / ".percapita" / "answers").glob("summed-*.parquet"))


def test_sums_are_those_of_the_usage(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Quantities beyond 53 bits add up to the last one."""
    monkeypatch.setattr(summed_readings, "_LARGE", 1)
    with (folder / "usage.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["time"] < "2025-11"]
    sums: dict[tuple[str, str | None], int] = defaultdict(int)
    for row in rows:
        sums[row["meter"], row["service"] or None] += int(row["n"])

    found = _told(folder, ["readings", "--by", "service", "--period", "2025-10"], capsys)

    assert {(one["meter"], one["service"]): one["quantity"] for one in found["readings"]} == sums
    whose = _told(folder, ["attribution", "--period", "2025-10"], capsys)
    named = sum(bool(row["user"]) for row in rows)
    assert whose["rate"] == f"{named / len(rows):.6f}"


def test_sums_go_with_their_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a file is gone, its sums are removed as soon as another one is summed; others stay."""
    project = tmp_path / "project"
    shutil.copytree(folder, project)
    monkeypatch.setattr(summed_readings, "_LARGE", 1)

    def do(*verbs: str, day: int) -> set[str]:
        monkeypatch.setenv("PERCAPITA_NOW", f"2026-01-{day:02}T00:00:00Z")
        for verb in verbs:
            assert run([verb, "--project", str(project)]) == 0
        return {path.name for path in (project / ".percapita" / "answers").glob("summed-*")}

    def more(row: str) -> None:
        with (project / "usage.csv").open("a", encoding="utf-8") as file:
            file.write(row)

    first = do("check", day=1)
    more("2025-11-30T00:00:00Z,u1,1,requests,api,\n")
    both = do("import", "check", day=2)
    do("run", day=3)
    with Project.open(project).store() as store:
        for day in (3, 20):
            store.gc(now=datetime(2026, 1, day, tzinfo=UTC))
    assert do(day=20) == both
    more("2025-11-30T00:00:00Z,u2,1,requests,api,\n")

    last = do("import", "check", day=21)

    assert len(first) > 0
    assert first < both
    assert not first & last
    assert both - first < last
