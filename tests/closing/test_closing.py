"""A closed month keeps its figures; what is imported for it later is booked in an open one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from crash.books import Goal, inputs, restate
from invariants.folder import ask, bill, call
from percapita.project import Project
from percapita.store.crash import CLOSING_POINTS, ENVIRONMENT, KILLED

MAIN = "import sys; from percapita.cli import main; sys.exit(main.run(sys.argv[1:]))"


@pytest.fixture
def folder(peace: Goal, tmp_path: Path) -> Path:
    """Give a project of two months, run."""
    return Path(shutil.copytree(peace.folder, tmp_path / "p"))


@pytest.fixture(scope="module")
def once_booked(peace: Goal, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give it with November closed, restated and run again. Copy it."""
    folder = Path(shutil.copytree(peace.folder, tmp_path_factory.mktemp("booked") / "p"))
    ask(folder, "close 2025-11 --sign-off Dana")
    restate(folder)
    ask(folder, "run")
    return folder


@pytest.fixture
def booked(once_booked: Path, tmp_path: Path) -> Path:
    """Give a copy with November closed, restated and run again."""
    return Path(shutil.copytree(once_booked, tmp_path / "p"))


def total(rows: list[dict[str, Any]], **only: str) -> Decimal:
    """Return the sum of the rows that have these values."""
    chosen = [r for r in rows if all(r[name] == value for name, value in only.items())]
    return sum((Decimal(row["amount"]) for row in chosen), Decimal(0))


def ledger(folder: Path, period: str = "2025") -> list[dict[str, Any]]:
    """Return the printed ledger."""
    rows: list[dict[str, Any]] = ask(folder, f"ledger --period {period}")
    return rows


def live(folder: Path) -> Decimal:
    """Return the bill as it is now."""
    return total([{"amount": line["EffectiveCost"]} for line in ask(folder, "lines --period 2025")])


def audit(folder: Path) -> list[tuple[str, str]]:
    """Return what was done to which month."""
    with Project.open(folder).store(create=False) as store:
        return [(one.what, one.ref) for one in store.audit()]


def test_a_closed_month_keeps_its_figures(booked: Path, peace: Goal) -> None:
    """A restated bill, new usage and another model change no figure of a closed month."""
    model = booked / "model.yaml"
    model.write_text(model.read_text("utf-8").replace("overhead: cost", "overhead: active"))
    ask(booked, "run")
    before, after = (
        ask(peace.folder, "cost --by user --period 2025-11"),
        ask(booked, "cost --by user --period 2025-11"),
    )

    assert after["rows"] == before["rows"]
    assert after["totals"] == before["totals"]
    assert (before["meta"]["status"], after["meta"]["status"]) == ("open", "closed")


def test_the_difference_is_booked_in_the_next_open_month(booked: Path) -> None:
    """Adjustment rows carry the difference, user by user; all months sum to the bill as it is."""
    rows = ledger(booked)

    assert total(rows, status="adjustment", billing_period="2025-12") == Decimal("11.04")
    assert total(rows, status="closed", billing_period="2025-11") == Decimal("53.03")
    assert total(rows) == live(booked)
    assert {row["status"] for row in ledger(booked, "2025-10")} == {"open"}


def test_cost_shows_what_is_booked_beside_the_bill(booked: Path) -> None:
    """Cost names each adjustment of its period; bill total and booked are the bill as it is now."""
    year = ask(booked, "cost --by pool --period 2025")
    filtered = ask(booked, "cost --by pool --period 2025 --scope infrastructure")
    november = ask(booked, "cost --by pool --period 2025-11")
    said = call("cost", "--by", "pool", "--period", "2025", "--project", booked)

    (step,) = year["adjustments"]
    assert (step["billing_period"], step["booked_in"], step["amount"]) == (
        "2025-11", "2025-12", "11.04",
    )  # fmt: skip
    assert Decimal(year["totals"]["booked_total"]) == live(booked)
    assert "booked for 2025-11" in said.out
    assert filtered["adjustments"] == november["adjustments"] == []
    assert any("2025-12" in note for note in november["meta"]["notes"])


def test_reconcile_says_what_is_booked(booked: Path) -> None:
    """The closed month answers to the bill it was closed with; the rest is named."""
    found = ask(booked, "reconcile --period 2025-11")

    assert (found["bill_total"], found["difference"]) == ("53.03", "0.00")
    assert found["meta"]["status"] == "closed"
    (step,) = found["adjustments"]
    assert (step["billing_period"], step["booked_in"], step["amount"]) == (
        "2025-11", "2025-12", "11.04",
    )  # fmt: skip


def test_a_restatement_that_no_run_booked_is_pending(folder: Path) -> None:
    """Between import and run, reconcile leaves with code 1 and names the amount."""
    ask(folder, "close 2025-11")
    restate(folder)
    assert call("import", "--project", folder).code == 0
    said = call("reconcile", "--period", "2025-11", "--project", folder)

    assert said.code == 1
    assert "11.04" in said.out


def test_a_second_restatement_replaces_the_open_adjustment(booked: Path) -> None:
    """As long as the month it is booked in is open, there is one adjustment: the last."""
    (booked / "bill.csv").write_text(bill(inputs("40.03").lines), encoding="utf-8")
    ask(booked, "run")

    assert total(ledger(booked), status="adjustment") == Decimal(-10)
    assert total(ledger(booked)) == live(booked)


def test_an_adjustment_in_a_closed_month_stands(folder: Path) -> None:
    """Once the month it is booked in is closed too, the next difference goes to the one after."""
    ask(folder, "close 2025-10")
    october = (folder / "bill.csv").read_text("utf-8")
    (folder / "bill.csv").write_text(october.replace("100.01", "102.01"), encoding="utf-8")
    ask(folder, "run")
    assert total(ledger(folder), status="adjustment", billing_period="2025-11") == 2
    ask(folder, "close 2025-11")
    (folder / "bill.csv").write_text(october.replace("100.01", "105.01"), encoding="utf-8")
    ask(folder, "run")
    rows = ledger(folder)

    assert total(rows, status="adjustment", billing_period="2025-11") == 2
    assert total(rows, status="adjustment", billing_period="2025-12") == 3
    assert total(rows) == live(folder)


def test_a_reopened_month_is_rewritten(booked: Path) -> None:
    """Reopened with a reason, the next run gives it the new figures and no adjustment is left."""
    ask(booked, "close 2025-11 --reopen", "invoice was wrong")
    ask(booked, "run")
    rows = ledger(booked)

    assert {row["status"] for row in rows} == {"open"}
    assert total(rows, billing_period="2025-11") == Decimal("64.07")
    assert total(rows) == live(booked)


def test_collection_keeps_what_closed_months_need(booked: Path) -> None:
    """The runs that an adjustment lies between are never collected."""
    with Project.open(booked).store(create=False) as store:
        for days in (0, 30):
            store.gc(now=datetime(2025, 12, 3, tzinfo=UTC) + timedelta(days=days))

    assert total(ledger(booked), status="adjustment") == Decimal("11.04")
    assert total(ledger(booked)) == live(booked)


def test_closing_is_audited(booked: Path) -> None:
    """Who closed, signed off, adjusted and reopened which month stands in the audit log."""
    ask(booked, "close 2025-11 --sign-off Max")
    ask(booked, "close 2025-11 --reopen", "typo")
    done = audit(booked)

    for what in ("close", "adjust", "sign-off", "reopen"):
        assert (what, "2025-11") in done


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("close 2025-11", "is closed"),
        ("close 2025-12", "no published figures"),
        ("close 2025-13", "no billing month"),
        ("close 2025-10 --reopen late", "not closed"),
        ("close --sign-off Dana", "Name the month"),
    ],
)
def test_what_cannot_be_closed_is_said(folder: Path, words: str, says: str) -> None:
    """A month that is closed, unknown, misspelt or open is refused with the reason."""
    ask(folder, "close 2025-11")
    said = call(*words.split(), "--project", folder)

    assert said.code == 2
    assert says in said.err


def test_a_month_restated_since_its_run_is_not_closed(folder: Path) -> None:
    """Figures that are behind the imports are not made final."""
    restate(folder)
    assert call("import", "--project", folder).code == 0
    said = call("close", "2025-11", "--project", folder)

    assert said.code == 2
    assert "percapita run" in said.err


def test_all_closed_and_unchanged_is_nothing_to_do(folder: Path) -> None:
    """A run with no open month and nothing new says so."""
    for month in ("2025-10", "2025-11"):
        ask(folder, f"close {month}")
    said = call("run", "--project", folder)

    assert said.code == 2
    assert "Nothing to do" in said.err


def start(folder: Path, crash_at: str, *words: str) -> int:
    """Type a command in a process that dies at a point; return its code."""
    environment = {**os.environ, "PERCAPITA_NOW": "2025-12-03T00:00:00Z", ENVIRONMENT: crash_at}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-c", MAIN, *words, "--project", str(folder)],
        env=environment, check=False, capture_output=True,
    ).returncode  # fmt: skip


@pytest.mark.parametrize("name", CLOSING_POINTS)
def test_killed_while_closing(name: str, folder: Path) -> None:
    """Killed at this point, the month is open or closed; its adjustment is there or not at all."""
    words = ["close", "2025-11"]
    if "adjustments" in name:
        for month in ("2025-10", "2025-11"):
            ask(folder, f"close {month}")
        restate(folder)
        words = ["run"]
    assert start(folder, name, *words) == KILLED
    said = json.loads(call("close", "--project", folder, "--format", "json").out)
    november = said["periods"][1]
    done = name.endswith("committed")

    if "adjustments" in name:
        assert [one["amount"] for one in november["adjustments"]] == (["11.04"] if done else [])
    else:
        assert november["status"] == ("closed" if done else "open")
    if not done:
        ask(folder, " ".join(words))
    assert total(ledger(folder)) == live(folder)
    with Project.open(folder).store(create=False) as store:
        assert {problem.code for problem in store.doctor()} <= {"stray-file"}
