"""I4: every amount names its basis, and I5: what is not known is null, never zero."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import Inputs, ask, call, charge, closes, made, usage

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
segments: {tier: {from: users.plan}}
pools:
  - {pool: db, match: {ServiceName: db}, by: queries, grain: month}
"""
OCTOBER = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
NOVEMBER = ("2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z")
LINE = charge("db", "70", *OCTOBER, BilledCost="14", ContractedCost="75", ListCost="91")
ANN_AND_BOB = usage(("2025-10", "queries", "ann", 3), ("2025-10", "queries", "bob", 4))
ALL = ("--basis", "billed", "--basis", "list", "--basis", "contracted")


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project with all four bases run."""
    return made(tmp_path_factory.mktemp("bases"), Inputs(MODEL, [LINE], ANN_AND_BOB), *ALL)


@pytest.mark.parametrize(
    ("basis", "bill", "ann"),
    [("effective", 70, 30), ("billed", 14, 6), ("list", 91, 39), ("contracted", 75, "32.14")],
)
def test_each_basis_has_its_own_total_and_the_same_weights(
    bases: Path, basis: str, bill: int, ann: int | str
) -> None:
    """A basis beside the model's splits its own cost by the same shares."""
    found = ask(bases, f"cost --by user --basis {basis}")
    explained = ask(bases, f"explain ann --basis {basis}")

    assert found["meta"]["basis"] == explained["meta"]["basis"] == basis
    assert Decimal(found["totals"]["bill_total"]) == bill
    assert closes(found)
    (share,) = explained["pools"][0]["groups"]
    assert (share["w"], share["total"]) == (3, 7)
    assert Decimal(explained["total"]).quantize(Decimal("0.01")) == Decimal(ann)
    statement = ask(bases, f"reconcile --basis {basis}")
    assert (statement["meta"]["basis"], statement["difference"]) == (basis, "0.00")


def test_every_stored_amount_names_its_basis(bases: Path) -> None:
    """Ledger and groups carry the basis that was asked for, and no other."""
    for basis in ("effective", "list"):
        for verb in ("ledger", "groups"):
            rows = ask(bases, f"{verb} --period 2025-10 --basis {basis}")

            assert {row["basis"] for row in rows} == {basis}


def test_a_basis_that_was_not_run_is_no_zero(october: Path) -> None:
    """Asking for it is an error that names the command, not a statement of nothing."""
    said = call("cost", "--basis", "list", "--project", october)

    assert said.code == 2
    assert "percapita run --basis list" in said.err


def test_month_without_readings_has_no_units(tmp_path: Path) -> None:
    """November was billed and never measured: null units, null per unit, and it says so."""
    lines = [LINE, charge("db", "50", *NOVEMBER)]
    project = made(tmp_path, Inputs(MODEL, lines, ANN_AND_BOB))
    found = ask(project, "cost --period 2025-11")

    assert found["totals"]["units"] is None
    assert found["totals"]["cost_per_unit"] is None
    assert found["totals"]["revenue"] is None
    assert "units" in found["meta"]["missing"]
    assert found["classes"]["unallocated"] == found["totals"]["bill_total"] == "50.00"
    known = ask(project, "cost --period 2025-10")
    assert (known["totals"]["units"], known["totals"]["cost_per_unit"]) == (2, "35.00")


def test_every_statement_carries_what_it_rests_on(
    bases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """as_of is the fixed clock; status, model, run and what is missing stand beside it."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-05T06:07:08+01:00")
    model = ask(bases, "runs")[0]["model"]
    for question in ("cost", "reconcile", "explain ann"):
        meta = ask(bases, question)["meta"]

        assert meta["as_of"] == "2025-11-05T05:07:08Z"
        assert (meta["status"], meta["model"], meta["run"]) == ("open", model, "r000001")
    meta = ask(bases, "cost")["meta"]
    assert meta["complete_through"] == "2025-11-01T00:00:00Z"
    assert meta["missing"] == ["revenue"]


def test_nothing_measured_at_all(tmp_path: Path) -> None:
    """Without any usage nothing becomes zero; a cost the bill does not give stays unknown too."""
    project = made(tmp_path, Inputs(MODEL, [charge("db", "70", *OCTOBER, ListCost="")]))
    found = ask(project, "cost")

    assert found["totals"]["units"] is None
    assert found["totals"]["cost_per_unit"] is None
    assert "units" in found["meta"]["missing"]
    assert found["meta"]["as_of"]
    (stored,) = ask(project, "lines --period 2025-10")
    assert stored["ListCost"] is None
    assert stored["EffectiveCost"] == "70.00"
