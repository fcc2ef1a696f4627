"""What nothing shows any more goes in time, and what is amiss with a store is said."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from invariants.folder import Inputs, ask, call, charge, made

MODEL = """
version: 1
currency: USD
pools:
  - {pool: nodes, match: {ServiceName: compute}, overhead: active}
"""
LINES = [charge("compute", "10", "2025-10-01T00:00:00Z", "2025-10-02T00:00:00Z")]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a project with two runs; the second one is published in the place of the first."""
    found = made(tmp_path / "acme", Inputs(MODEL, LINES))
    model = found / "model.yaml"
    model.write_text(f"# changed\n{MODEL}".replace("nodes", "machines"), encoding="utf-8")
    ask(found, "run")
    return found


def files(project: Path) -> set[Path]:
    """Return the stored files."""
    return set((project / ".percapita" / "tables").rglob("*.parquet"))


def test_a_replaced_run_goes_after_seven_days(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is marked at once and deleted later; the published one and its figures stay."""
    before, cost = files(project), ask(project, "cost --by pool")["rows"]
    first, second = (run["run"] for run in ask(project, "runs"))
    done = ask(project, "gc")
    assert done["marked"] > 0
    assert done["deleted"] == 0
    assert files(project) == before

    later = datetime.now(UTC) + timedelta(days=8)
    monkeypatch.setenv("PERCAPITA_NOW", later.isoformat())
    said = call("gc", "--project", project)
    assert said.code == 0
    assert f"Deleted {done['marked']} files" in said.out
    left = {path.parent.name for path in files(project)}
    assert f"run={max(first, second)}" in left
    assert f"run={min(first, second)}" not in left
    assert ask(project, "cost --by pool")["rows"] == cost
    assert ask(project, "gc")["deleted"] == 0


def test_a_run_that_is_to_stay_stays(project: Path) -> None:
    """A run that is named is kept; a name that is none is refused with the nearest one."""
    runs = [run["run"] for run in ask(project, "runs")]
    keep = [word for run in runs for word in ("--keep", run)]
    assert ask(project, "gc", *keep)["marked"] == 0

    said = call("gc", "--keep", "r00001", "--project", project)
    assert said.code == 2
    assert min(runs) in said.err


def test_the_doctor_names_the_file_that_is_gone(project: Path) -> None:
    """All agrees at first; a file that somebody deleted is named, with what to do."""
    well = call("doctor", "--project", project)
    assert (well.code, well.out) == (0, "Catalog, files and Delta logs agree.\n")

    lost = next(path for path in files(project) if "lines" in path.parts)
    lost.unlink()
    said = call("doctor", "--project", project, "--format", "json")
    (problem,) = json.loads(said.out)
    assert said.code == 1
    assert problem["code"] == "file-missing"
    assert problem["where"] == lost.relative_to(project / ".percapita" / "tables").as_posix()
    assert "--again" in problem["hint"]
    assert "file-missing" in call("doctor", "--project", project).out
