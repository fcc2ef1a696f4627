"""A meter has one base unit in all sources, and capacity the unit of what is used of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from percapita.cli import main

HEAD = "model: model.yaml\nsources:\n  bill: {path: bill.csv}\n"
BILL = (
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,"
    "BillingCurrency,ChargeCategory,ServiceName\n"
    "2025-10-01,2025-11-01,2025-10-01,2025-10-02,10,10,USD,Usage,db\n"
)
MODEL = (
    "version: 1\ncurrency: USD\npools:\n  - pool: db\n    match: {ServiceName: db}\n"
    "    by: queries\n    idle: {capacity: capacity, used: used}\n"
)


def project(folder: Path, sources: str, **tables: str) -> Path:
    """Write a project of one bill and some tables of readings."""
    (folder / "percapita.yaml").write_text(HEAD + sources)
    (folder / "model.yaml").write_text(MODEL)
    (folder / "bill.csv").write_text(BILL)
    for name, body in tables.items():
        (folder / f"{name}.csv").write_text(body)
    return folder


def rows(meter: str, quantity: str, unit: str = "") -> str:
    """Return a table of one reading."""
    return f"day,user,meter,quantity,unit\n2025-10-01,ann,{meter},{quantity},{unit}\n"


@pytest.mark.parametrize(("first", "second"), [("ms", "kB"), ("ms", ""), ("", "GB-h")])
def test_a_meter_cannot_be_two_things(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: str, second: str
) -> None:
    """A second source that measures a meter in another unit is refused, naming both."""
    folder = project(
        tmp_path,
        "  one: {kind: readings, path: one.csv}\n  two: {kind: readings, path: two.csv}\n",
        one=rows("queries", "5", first),
        two=rows("queries", "7", second),
    )
    assert main.run(["import", "--project", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "'queries'" in said
    assert "'one'" in said
    assert "'two'" in said


@pytest.mark.parametrize(("first", "second"), [("ms", "h"), ("", "requests"), ("kB", "GiB")])
def test_units_of_one_kind_are_summed(tmp_path: Path, first: str, second: str) -> None:
    """Units that convert into each other, and counts by whatever name, go together."""
    folder = project(
        tmp_path,
        "  one: {kind: readings, path: one.csv}\n  two: {kind: readings, path: two.csv}\n",
        one=rows("queries", "5", first),
        two=rows("queries", "7", second),
    )
    assert main.run(["import", "--project", str(folder)]) == 0


def test_a_mended_unit_replaces_the_wrong_one(tmp_path: Path) -> None:
    """A source delivered anew is compared with the others, not with what it said before."""
    folder = project(tmp_path, "  one: {kind: readings, path: one.csv}\n", one=rows("queries", "5"))
    assert main.run(["import", "--project", str(folder)]) == 0
    (folder / "one.csv").write_text(rows("queries", "5", "ms"))
    assert main.run(["import", "--project", str(folder)]) == 0


def test_usage_is_not_taken_from_capacity_in_another_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that would compare milliseconds with a count stops and says what to mend."""
    folder = project(
        tmp_path,
        "  one: {kind: readings, path: one.csv}\n  two: {kind: readings, path: two.csv}\n",
        one=rows("capacity", "5"),
        two=rows("used", "7", "ms"),
    )
    assert main.run(["import", "--project", str(folder)]) == 0
    assert main.run(["run", "--project", str(folder)]) == 2
    said = capsys.readouterr().err
    assert "'db'" in said
    assert "'capacity'" in said
    assert "microsecond" in said
