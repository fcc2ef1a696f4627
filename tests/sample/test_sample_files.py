"""The sample company's files: deterministic, native in form, broken where they say."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from percapita.model.load import load
from percapita.sample.generate import generate

USERS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small company with everything planted."""
    made = tmp_path_factory.mktemp("sample") / "company"
    generate(made, seed=7, users=USERS)
    return made


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return whole.hexdigest()


def _charges(folder: Path) -> Iterator[dict[str, str]]:
    for path in sorted((folder / "bills").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def _truth(folder: Path) -> Any:  # noqa: ANN401
    return json.loads((folder / "truth.json").read_text(encoding="utf-8"))


def test_equal_seed_equal_bytes(folder: Path, tmp_path: Path) -> None:
    """The same seed writes the same bytes, another seed others."""
    generate(tmp_path / "again", seed=7, users=USERS)
    generate(tmp_path / "other", seed=8, users=USERS)

    assert _digest(tmp_path / "again") == _digest(folder)
    assert _digest(tmp_path / "other") != _digest(folder)


def test_bill_has_the_habits_of_real_exports(folder: Path) -> None:
    """Nulls are the word NULL, tiny amounts scientific, long ones keep up to 17 digits."""
    costs = [row["EffectiveCost"] for row in _charges(folder)]
    places = {-int(Decimal(cost).as_tuple().exponent) for cost in costs}

    assert any(row["ResourceId"] == "NULL" for row in _charges(folder))
    assert any("E-" in cost for cost in costs)
    assert 16 <= max(places) <= 17
    assert {"x_component", "x_cost_centre"} <= set(next(_charges(folder)))


def test_bill_has_every_kind_of_charge(folder: Path) -> None:
    """Usage, purchase, credit, tax, a correction of an earlier month, used and unused plan."""
    rows = list(_charges(folder))
    late = [row for row in rows if row["ChargeClass"] == "Correction"]

    assert {row["ChargeCategory"] for row in rows} == {"Usage", "Purchase", "Credit", "Tax"}
    assert {row["CommitmentDiscountStatus"] for row in rows} == {"NULL", "Used", "Unused"}
    assert [row["ChargePeriodStart"] < row["BillingPeriodStart"] for row in late] == [True]
    assert any(row["ChargeCategory"] == "Credit" and row["ResourceId"] == "NULL" for row in rows)
    assert any("CustomerID" in row["Tags"] for row in rows)


def test_savings_plan_is_paid_once(folder: Path) -> None:
    """What the plan costs is what its used and unused parts sum to, in every month."""
    for month in ("2025-08", "2025-09", "2025-10"):
        rows = [
            row
            for row in _charges(folder)
            if row["CommitmentDiscountId"] != "NULL" and row["BillingPeriodStart"][:7] == month
        ]
        billed = sum((Decimal(row["BilledCost"]) for row in rows), Decimal(0))
        effective = sum((Decimal(row["EffectiveCost"]) for row in rows), Decimal(0))

        assert billed == effective > 0


def test_planted_rows_stand_where_the_list_says(folder: Path) -> None:
    """File and row of every planted error lead to it."""
    errors: list[dict[str, Any]] = json.loads((folder / "planted.json").read_text("utf-8"))
    by_kind = {str(error["kind"]): error for error in errors}

    def row(kind: str) -> str:
        error = by_kind[kind]
        lines = (folder / str(error["file"])).read_text(encoding="utf-8").splitlines()
        return lines[int(error["row"]) - (1 if error["file"].endswith("jsonl") else 0)]

    assert "12o4" in row("bad number")
    assert "2025-09-31" in row("bad date")
    assert row("broken JSON").endswith('"bytes_')
    assert row("ragged row").count(",") == 2
    assert row("negative quantity").endswith(",-350")
    assert "db.cpu_capcity" in row("unknown meter")
    assert row("missing currency").endswith("310.00,")
    assert ",Pro," in row("user twice")
    assert ",Enterprize," in row("unknown tier")
    assert len(by_kind) == len(errors) >= 15


def test_truth_is_the_bill(folder: Path) -> None:
    """In both views everybody's true cost sums to all good charges and invoices."""
    bill = sum((
        Decimal(row["EffectiveCost"]) for row in _charges(folder)
        if row["ChargePeriodStart"] < row["ChargePeriodEnd"]
    ), Decimal(0))  # fmt: skip
    with (folder / "vendors.csv").open(encoding="utf-8", newline="") as file:
        bill += sum(
            (Decimal(r["amount"]) for r in csv.DictReader(file) if r["currency"]), Decimal(0)
        )
    with (folder / "support.csv").open(encoding="utf-8", newline="") as file:
        costs = (row["cost"].replace(",", "") for row in csv.DictReader(file))
        bill += sum(map(Decimal, costs), Decimal(0))

    for view in _truth(folder)["views"].values():
        found = Decimal(0)
        for month in view.values():
            found += Decimal(month["allocated"]["cost"])
            found += sum(map(Decimal, month["classes"].values()), Decimal(0))

        assert abs(found - bill) < Decimal("1e-15")


def test_planted_errors_move_only_what_they_say(folder: Path) -> None:
    """As delivered, the misspelt and the unknown tier hold a user each; the sum is the same."""
    views = _truth(folder)["views"]
    for month, true in views["true"].items():
        told = views["delivered"][month]

        assert set(told["tiers"]) - set(true["tiers"]) == {"", "Enterprize"}
        assert told["tiers"]["Enterprize"]["units"] == told["tiers"][""]["units"] == 1
        assert told["allocated"] == true["allocated"]


def test_clean_company_has_nothing_planted(tmp_path: Path) -> None:
    """Without planted errors there is one view only, and no tier but the three."""
    generate(tmp_path / "clean", seed=7, users=USERS, plant=False)
    views = _truth(tmp_path / "clean")["views"]

    assert json.loads((tmp_path / "clean" / "planted.json").read_text(encoding="utf-8")) == []
    assert set(views) == {"true"}
    assert set(views["true"]["2025-10"]["tiers"]) == {"Free", "Pro", "Enterprise"}


def test_model_of_the_sample_is_valid(folder: Path) -> None:
    """The sample's model loads, and uses every method a pool can have."""
    model = load(folder / "model.yaml")

    assert {pool.method for pool in model.pools} == {
        "exclude", "direct", "driver", "overhead", "through"
    }  # fmt: skip
    assert {pool.overhead.how for pool in model.pools if pool.overhead} == {
        "cost", "active", "weights"
    }  # fmt: skip
