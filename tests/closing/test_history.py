"""Why a figure moved: every cause is found, and the causes sum to the move exactly."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from crash.books import Goal
from invariants.folder import Inputs, Row, ask, bill, call, charge, table, usage, write
from percapita.core.errors import InputError
from percapita.core.money import total
from percapita.core.subjects import CLASS_OF_KIND
from percapita.core.tables import LEDGER, PARTS, SLICES
from percapita.reconcile.causes import Version
from percapita.report.close.history import Figure, move
from percapita.report.opened import Opened
from percapita.store import Run, Store
from reference.harness import KEY, NOW, run_engine
from reference.strategies import worlds
from reference.world import World

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
pools:
  - {pool: db, match: {ServiceName: db, tags.env: prod}, by: queries}
  - {pool: mail, match: {ServiceName: mail}, by: mails}
  - {pool: tax, match: {ChargeCategory: Tax}, overhead: cost}
"""
OCTOBER = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
PROD = {"env": "prod"}
QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def lines() -> list[Row]:
    """Return a month's bill."""
    return [
        charge("db", "100.01", *OCTOBER, tags=PROD, ResourceId="r1"),
        charge("db", "30", *OCTOBER, tags=PROD, ResourceId="r2"),
        charge("mail", "20", *OCTOBER),
        charge("stray", "7", *OCTOBER),
        charge("tax", "9.1", *OCTOBER, ChargeCategory="Tax"),
    ]


READINGS = usage(
    ("2025-10", "queries", "ann", 3),
    ("2025-10", "queries", "bob", 4),
    ("2025-10", "mails", "ann", 1),
)
Change = Callable[[list[Row]], list[Row]]


def changed(at: int, **columns: Any) -> Change:  # noqa: ANN401
    """Return a change of one line."""
    return lambda rows: [{**r, **columns} if i == at else r for i, r in enumerate(rows)]


CHANGES: dict[str, Change] = {
    "late lines": lambda rows: [*rows, charge("mail", "5", *OCTOBER, ResourceId="late")],
    "withdrawn lines": lambda rows: rows[:2] + rows[3:],
    "corrections": changed(
        0, BilledCost="90.5", EffectiveCost="90.5", ContractedCost="90.5", ListCost="90.5"
    ),
    "credits": lambda rows: [
        *rows,
        charge("db", "-12", *OCTOBER, ChargeCategory="Credit", ResourceId="r1"),
    ],
    "tags": changed(1, Tags="{}"),
}


def moved(folder: Path) -> dict[str, Any]:
    """Run again and return the last move of October."""
    ask(folder, "run")
    found: dict[str, Any] = ask(folder, "history 2025-10")["moves"][-1]
    return found


def sums(move: dict[str, Any]) -> None:
    """The causes sum to the move, in every column."""
    for column in ("bill_total", "allocated", "cost_per_unit"):
        amounts = [Decimal(one[column] or 0) for one in move["causes"]]
        assert sum(amounts) == Decimal(move[column]), column


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project, run once. Copy it."""
    folder = write(tmp_path_factory.mktemp("history"), Inputs(MODEL, lines(), READINGS))
    ask(folder, "run")
    return folder


@pytest.fixture
def folder(ran: Path, tmp_path: Path) -> Path:
    """Give a project of its own, run once."""
    return Path(shutil.copytree(ran, tmp_path / "p"))


@pytest.mark.parametrize("cause", CHANGES)
def test_what_changed_in_the_bill_is_the_cause(cause: str, folder: Path) -> None:
    """A late, withdrawn, corrected, credited or retagged line is told as such, and all sums."""
    (folder / "bill.csv").write_text(bill(CHANGES[cause](lines())), encoding="utf-8")
    move = moved(folder)

    assert {one["cause"] for one in move["causes"]} - {"knock-on", "credits"} == {cause} - {
        "credits"
    }
    assert cause in {one["cause"] for one in move["causes"]}
    sums(move)


def test_a_changed_model_is_the_cause(folder: Path) -> None:
    """With the same bill, another rule moves what is allocated, and it is the model's doing."""
    model = folder / "model.yaml"
    model.write_text(model.read_text("utf-8").replace("ServiceName: mail", "ServiceName: nothing"))
    move = moved(folder)

    assert move["bill_total"] == "0.00"
    assert move["causes"][0]["cause"] == "model"
    assert Decimal(move["causes"][0]["allocated"]) == -20
    sums(move)


def test_changed_usage_is_the_cause(folder: Path) -> None:
    """New users change the cost per unit, though bill and model are the same."""
    more = [*READINGS, *usage(("2025-10", "queries", "carol", 5))]
    (folder / "usage.csv").write_text(table(more), encoding="utf-8")
    move = moved(folder)

    assert (move["bill_total"], move["allocated"]) == ("0.00", "0.00")
    assert [one["cause"] for one in move["causes"]] == ["units"]
    sums(move)


def test_everything_at_once_still_sums(folder: Path) -> None:
    """All changes together, with another model and new usage: each cause is told, all sum."""
    rows = lines()
    for name in ("corrections", "tags", "late lines", "credits"):
        rows = CHANGES[name](rows)
    (folder / "bill.csv").write_text(bill(rows), encoding="utf-8")
    (folder / "usage.csv").write_text(
        table([*READINGS, *usage(("2025-10", "mails", "carol", 5))]), encoding="utf-8"
    )
    model = folder / "model.yaml"
    model.write_text(model.read_text("utf-8").replace("overhead: cost", "overhead: active"))
    move = moved(folder)

    assert {"corrections", "tags", "late lines", "credits"} <= {m["cause"] for m in move["causes"]}
    sums(move)


def test_two_runs_can_be_chosen(folder: Path) -> None:
    """--runs compares any two, also backwards: the move is the other way round."""
    (folder / "bill.csv").write_text(bill(CHANGES["late lines"](lines())), encoding="utf-8")
    forward = moved(folder)
    back = ask(folder, "history 2025-10 --runs r000002 r000001")["moves"][0]

    assert Decimal(back["bill_total"]) == -Decimal(forward["bill_total"]) == -5
    assert "withdrawn lines" in {one["cause"] for one in back["causes"]}
    sums(back)


def test_versions_say_run_model_and_imports(peace: Goal) -> None:
    """A version carries run, time, role, model, imports, bill and cost per unit."""
    (version,) = ask(peace.folder, "history 2025-11")["versions"]

    assert (version["run"], version["role"]) == ("r000001", "published")
    assert (version["bill_total"], version["units"]) == ("53.03", 2)
    assert version["imports"]
    assert len(version["model"]) == 64


def test_a_month_without_figures_has_no_history(peace: Goal) -> None:
    """It is refused with what to look at."""
    said = call("history", "2024-01", "--project", peace.folder)

    assert said.code == 2
    assert "2024-01" in said.err


def figure(store: Store, run: Run, basis: str, month: str) -> Figure:
    """Return a run's figure, read from its tables."""
    for one in (PARTS, LEDGER, SLICES):
        store.bind(one, run=run.id, periods=[month])
    bill = store.engine.value("SELECT coalesce(sum(amount), 0) FROM parts WHERE basis = ?", [basis])
    kinds = store.engine.rows(
        "SELECT s.kind, sum(l.amount) FROM ledger l JOIN slices s ON s.slice = l.slice"
        " WHERE l.basis = ? GROUP BY ALL",
        [basis],
    )
    allocated = total([amount for kind, amount in kinds if kind not in CLASS_OF_KIND])
    return Figure(run, "past", Version(bill, allocated, None))


def check(world: World) -> None:
    """Run a world, then again without its first line: the causes sum for every month and basis."""
    with TemporaryDirectory() as folder:
        try:
            run_engine(world, Path(folder))
            run_engine(replace(world, lines=world.lines[1:]), Path(folder))
        except InputError:
            return  # pools that serve only each other, or no line left
        with Store.open(Path(folder) / "store", KEY, threads=1, now=NOW) as store:
            first, second = store.runs()
            for basis in second.bases:
                for month in sorted(set(first.periods) & set(second.periods)):
                    opened = Opened(store, basis, {month: second.id}, world.model, NOW)
                    ends = (figure(store, run, basis, month) for run in (first, second))
                    found = move(opened, month, *ends)

                    bills = [effect.bill for effect in found.effects.values()]
                    assert total([found.before.version.bill, *bills]) == found.after.version.bill


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_causes_of_random_worlds_sum(world: World) -> None:
    """For generated models and bills the causes sum to the move, or the command stops."""
    check(world)
