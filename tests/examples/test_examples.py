"""Every example runs from its files by the commands of its README and gives its table exactly."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from percapita.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("cloudmetrics", "segments")


def command(*arguments: str) -> str:
    """Run a command in this process and return what it writes to stdout."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main.run(list(arguments))

    assert code == 0, f"percapita {' '.join(arguments)} left with {code}"
    return out.getvalue()


def asked(project: Path, question: str) -> Any:  # noqa: ANN401
    """Return the JSON answer to a command line."""
    return json.loads(command(*question.split(), "--project", str(project), "--format", "json"))


def copied(name: str, tmp_path: Path) -> Path:
    """Return a copy of an example, so that its store is not left in the tree."""
    return shutil.copytree(EXAMPLES / name, tmp_path / name)


def agree(expected: Any, found: Any, where: str = "") -> None:  # noqa: ANN401
    """Compare all that is expected; what is found may say more. Rows come in any order."""
    if isinstance(expected, Mapping):
        for key, value in expected.items():
            assert key in found, f"{where}.{key} is missing"
            agree(value, found[key], f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), f"{where} has {len(found)} rows"
        names = [key for key in expected[0] if key in ("tier", "segment", "pool")]
        by_name = {tuple(row[name] for name in names): row for row in found}
        for row in expected:
            key = tuple(row[name] for name in names)
            agree(row, by_name.get(key), f"{where}{list(key)}")
    else:
        assert found == expected, where


def check(project: Path) -> None:
    """Run a project and compare every answer with its expected.json."""
    command("run", "--project", str(project))
    expected = json.loads((project / "expected.json").read_text(encoding="utf-8"))
    for question, answer in expected.items():
        agree(answer, asked(project, question), question)


@pytest.mark.parametrize("name", NAMES)
def test_example_gives_its_table(name: str, tmp_path: Path) -> None:
    """The printed table is matched to the last of twelve digits."""
    check(copied(name, tmp_path))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grain", ["day", "month"])
def test_grain_changes_no_figure(name: str, grain: str, tmp_path: Path) -> None:
    """Pools that are split by the day, or by the month, give the same table."""
    project = copied(name, tmp_path)
    model = project / "model.yaml"
    text = model.read_text(encoding="utf-8")
    model.write_text(text.replace("  - pool:", f"  - grain: {grain}\n    pool:"), encoding="utf-8")

    check(project)


def daily(path: Path) -> None:
    """Cut every monthly line of a FOCUS file into 31 daily ones that sum to it."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            amount = Decimal(row["EffectiveCost"])
            part = (amount / 31).quantize(Decimal("0.0000000001"))
            for at in range(31):
                day = date(2025, 10, 1) + timedelta(days=at)
                cost = amount - 30 * part if at == 30 else part
                span = {"ChargePeriodStart": f"{day}T00:00:00Z",
                        "ChargePeriodEnd": f"{day + timedelta(days=1)}T00:00:00Z"}  # fmt: skip
                costs = {f"{basis}Cost": str(cost) for basis in ("Billed", "Effective")}
                writer.writerow({**row, **span, **costs})


def test_daily_lines_change_no_figure(tmp_path: Path) -> None:
    """A bill with a line a day gives the same table as one with a line a month."""
    project = copied("cloudmetrics", tmp_path)
    daily(project / "bill-2025-10.csv")

    check(project)


def test_published_table_is_checked_against_the_bill(tmp_path: Path) -> None:
    """The published table lacks 2,500.00 of the bill, 2.63 %, in two cells of monitoring."""
    project = copied("cloudmetrics", tmp_path)
    command("run", "--project", str(project))
    found = asked(project, f"reconcile --period 2025-10 --against {project / 'published.csv'}")
    told = json.dumps(found)

    assert '"2500.00"' in told
    assert '"2.631578947368"' in told
    assert '"2400.00"' in told
    assert '"100.00"' in told


def test_readme_names_the_commands_and_figures() -> None:
    """Each README shows how to run the example, and the costs per unit that it gives."""
    for name in NAMES:
        text = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
        expected = json.loads((EXAMPLES / name / "expected.json").read_text(encoding="utf-8"))
        answer = next(answer for answer in expected.values() if "totals" in answer)

        assert f"percapita run --project examples/{name}" in text
        for row in (*answer["rows"], answer["totals"]):
            assert f"{Decimal(row['cost_per_unit']):,.2f}" in text
