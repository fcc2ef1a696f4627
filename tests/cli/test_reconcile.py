"""``percapita reconcile`` from the command line."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest

from figures.folder import make_project
from figures.shop import november, october
from figures.w1 import w1
from figures.world import World, deliver
from percapita.cli.main import run
from percapita.core.tables import LINES
from percapita.project import Project

PUBLISHED = """\
pool,Starter,Professional,Enterprise,total
object storage,"5,000","4,000","6,000","15,000"
functions,"2,200","2,300","3,500","8,000"
databases,"2,000","2,000","8,000","12,000"
PostgreSQL,"13,440","8,400","6,160","28,000"
application,"4,050","4,950","9,000","18,000"
redis,"2,700","1,800","1,500","6,000"
network,"1,200","1,800","2,000","5,000"
monitoring,,500,,500
total,"30,590","25,750","36,160","92,500"
"""
CELLS = [
    {"pool": "monitoring", "segment": "Starter", "theirs": "0.00", "ours": "2400.00",
     "difference": "2400.00"},
    {"pool": "monitoring", "segment": "Enterprise", "theirs": "0.00", "ours": "100.00",
     "difference": "100.00"},
]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give CloudMetrics' project."""
    return str(make_project(tmp_path_factory.mktemp("project"), w1()))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the clock and the width of the terminal."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T12:00:00Z")
    monkeypatch.setenv("COLUMNS", "80")


def reconcile(project: str, *options: str) -> int:
    """Run the command."""
    return run(["reconcile", "--project", project, *options])


def test_the_identity_closes(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The bill is what is allocated and every named line, in all, by pool and by period."""
    assert reconcile(project, "--period", "2025-10", "--format", "json") == 0

    found = json.loads(capsys.readouterr().out)
    keys = {
        "bill_total": "95000.00", "allocated": "95000.00", "idle": "0.00", "anonymous": "0.00",
        "bots": "0.00", "erased": "0.00", "excluded": "0.00", "unallocated": "0.00",
        "rounding": "0.00", "difference": "0.00",
    }  # fmt: skip
    assert list(found) == ["meta", *keys, "pools", "periods", "adjustments", "conversions"]
    assert {key: found[key] for key in keys} == keys
    (period,) = found["periods"]
    assert (period["billing_period"], period["pools"]) == ("2025-10", found["pools"])
    assert found["pools"][0] == {
        "pool": "postgresql", **keys, "bill_total": "28000.00", "allocated": "28000.00",
    }  # fmt: skip


def test_every_class_stands_in_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two billing periods with idle capacity, bots and strays, as text, CSV and JSON."""
    folder = make_project(tmp_path / "shop", october())
    with Project.open(folder).store(threads=1) as store:
        later = november()
        later.subjects = []
        _further(later).write(store)

    assert reconcile(str(folder), "--format", "csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    whole = {row["billing_period"]: row for row in rows if row["pool"] == "(all)"}
    assert whole["2025-10"]["unallocated"] == "7.00"
    assert whole["2025-11"]["bill_total"] == "100.00"
    assert sum(Decimal(row["bill_total"]) for row in rows if row["pool"] == "db") == 420

    assert reconcile(str(folder)) == 0
    printed = capsys.readouterr().out
    assert "difference: closes" in printed
    assert max(map(len, printed.splitlines())) <= 80


def _further(world: World) -> World:
    """Let a world's bill come as another source, so that it does not replace the first."""
    for line in world.rows["lines"]:
        line["source"] = "later"
    return world


def test_a_bill_that_changed_since_is_a_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """New lines are no fault of the run: the difference is shown, and code 1 says look."""
    folder = make_project(tmp_path / "late", w1())
    late = World(w1().model)
    late.line("late", "12.5")
    with Project.open(folder).store(threads=1) as store:
        deliver(store, "late bill", "bill", LINES, late.rows["lines"], "2025-10")

    assert reconcile(str(folder), "--format", "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["bill_total"], found["difference"]) == ("95012.50", "12.50")
    assert any("changed since the run" in note for note in found["meta"]["notes"])


def test_a_run_that_misses_its_bill_is_a_fault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures that do not close leave with code 3."""
    world = w1()
    world.rows["lines"][0]["EffectiveCost"] = "5001"
    folder = make_project(tmp_path / "broken", world)

    assert reconcile(str(folder)) == 3
    assert "The figures of 2025-10 miss the bill by 1.00." in capsys.readouterr().err


def test_a_published_table_is_checked_cell_by_cell(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table that forgot 2,500 of monitoring: how much, what part, and in which cells."""
    table = tmp_path / "published.csv"
    table.write_text(PUBLISHED, encoding="utf-8")

    assert reconcile(project, "--against", str(table), "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["theirs"], found["unallocated"]) == ("92500.00", "2500.00")
    assert found["unallocated_percent"] == "2.631578947368"
    assert found["cells"] == CELLS

    assert reconcile(project, "--against", str(table)) == 0
    printed = capsys.readouterr().out
    assert "2,500.00 USD unallocated: 2.63 % of the bill." in printed
    assert reconcile(project, "--against", str(table), "--fail-on-difference") == 1


def test_totals_alone_point_at_the_pool(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Segment totals that miss just what one pool has name that pool."""
    table = tmp_path / "totals.csv"
    table.write_text(
        "tier,customers,total\nStarter,1200,30590\nProfessional,250,25750\nEnterprise,50,36160\n",
        encoding="utf-8",
    )

    assert reconcile(project, "--against", str(table), "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["unallocated"] == "2500.00"
    assert found["cells"] == CELLS
    assert [gap["segment"] for gap in found["totals"]] == ["Starter", "Enterprise"]


def test_a_day_is_no_billing_period(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bill closes by the month."""
    assert reconcile(project, "--period", "2025-10-03") == 2
    assert "Ask for 2025-10." in capsys.readouterr().err


def test_a_table_that_cannot_be_read_is_answered(
    project: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong file or segment leaves with code 2 and says what is expected."""
    table = tmp_path / "odd.csv"
    table.write_text("name,colour\nx,red\n", encoding="utf-8")

    assert reconcile(project, "--against", str(table)) == 2
    assert "no column holds values of a segment (tier)" in capsys.readouterr().err
    assert reconcile(project, "--against", str(table), "--by", "teir") == 2
    assert "Did you mean tier" in capsys.readouterr().err
