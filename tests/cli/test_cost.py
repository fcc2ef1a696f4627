"""``percapita cost`` from the command line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from figures.folder import make_project
from figures.shop import october
from figures.w1 import w1
from percapita.cli.main import run


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give CloudMetrics' project."""
    return str(make_project(tmp_path_factory.mktemp("project"), w1()))


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fix the clock and the width of the terminal."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T12:00:00Z")
    monkeypatch.setenv("COLUMNS", "80")


def cost(project: str, *options: str) -> int:
    """Run the command."""
    return run(["cost", "--project", project, *options])


def test_json_is_all_that_is_printed(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Machines read standard output as it is."""
    assert cost(project, "--by", "tier", "--period", "2025-10", "--format", "json") == 0

    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["meta", "rows", "classes", "totals", "adjustments", "benchmark"]
    assert found["meta"]["as_of"] == "2025-11-03T12:00:00Z"
    assert {row["tier"]: row["cost_per_unit"] for row in found["rows"]} == {
        "Starter": "27.491666666667", "Professional": "103.00", "Enterprise": "725.20",
    }  # fmt: skip


def test_a_terminal_of_80_columns_is_enough(
    project: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What does not fit is named; what it costs and earns each stays."""
    assert cost(project, "--by", "tier") == 0

    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80
    (starter,) = (line for line in printed.splitlines() if line.startswith("Starter"))
    assert starter.split() == ["Starter", "1,200", "32,990.00", "27.49", "49.00", "21.51", "43.89"]
    assert "\u2212226.20" in printed
    assert "Too narrow for: direct USD, shared USD" in printed


def test_csv_sums_to_the_bill(project: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows and named lines of the file are its bill total."""
    assert cost(project, "--by", "pool", "--scope", "infrastructure", "--format", "csv") == 0

    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    amounts = {row["line"]: Decimal(row["total"]) for row in rows if row["line"] != "row"}
    listed = sum(Decimal(row["total"]) for row in rows if row["line"] == "row")
    assert listed == amounts.pop("allocated") == Decimal(92000)
    assert listed + sum(amounts.values()) - amounts["bill_total"] == amounts["bill_total"] == 95000


def test_parquet_keeps_decimals(project: str, tmp_path: Path) -> None:
    """Amounts are decimals in the file, not floats."""
    out = tmp_path / "cost.parquet"
    assert cost(project, "--by", "tier", "--format", "parquet", "--out", str(out)) == 0

    found = pq.read_table(out)
    assert str(found.schema.field("total").type) == "decimal128(38, 18)"
    assert found["total"].to_pylist()[0] == Decimal(36260)
    assert found["units"].to_pylist()[:3] == [50, 1200, 250]


def test_parquet_needs_a_file(project: str) -> None:
    """Binary output has no place in a terminal."""
    assert cost(project, "--format", "parquet") == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "tyer"], "Did you mean tier"),
        (["--period", "2025-13"], "is not a period"),
        (["--period", "2031-01"], "There are no figures for 2031-01"),
        (["--run", "r9"], "There is no run 'r9'"),
        (["--basis", "billed"], "No figures of billed cost are published"),
        (["--unit", "seat"], "is not a unit of the model"),
    ],
)
def test_wrong_input_is_answered(
    project: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistake leaves with code 2 and says what to do."""
    assert cost(project, *options) == 2
    assert message in capsys.readouterr().err


def test_users_and_their_distribution(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Text and JSON show percentiles, concentration and who is dormant."""
    shop = str(make_project(tmp_path / "shop", october()))
    assert cost(shop, "--by", "user", "--distribution", "--top", "2") == 0
    printed = capsys.readouterr().out
    assert "1 have cost but no activity: 32.00 USD." in printed
    assert "2 others" in printed

    assert cost(shop, "--distribution", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["distribution"]["gini"] == "0.235827664399"
    assert found["rows"][0]["total"] == found["totals"]["total"]


def test_reading_imports_neither_ibis_nor_pandas(project: str) -> None:
    """A figure is there before either would be loaded."""
    code = (
        "import sys; from percapita.cli.main import run;"
        f"run(['cost', '--by', 'tier', '--project', {project!r}]);"
        "sys.exit(sum(name in sys.modules for name in ('ibis', 'pandas', 'sqlglot', 'deltalake')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr.decode()
