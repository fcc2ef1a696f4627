"""A bill that says no currency is in the model's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percapita.cli import main

BILL = (
    "ChargePeriodStart,ChargePeriodEnd,BilledCost,ServiceName{head}\n"
    "2025-10-01,2025-10-02,10,db{cell}\n"
)


def imported(
    folder: Path, capsys: pytest.CaptureFixture[str], head: str = "", cell: str = ""
) -> tuple[str, dict[str, object]]:
    """Import a bill beside a model in euros; return what was said, and the source."""
    (folder / "model.yaml").write_text("version: 1\ncurrency: EUR\n")
    (folder / "percapita.yaml").write_text("model: model.yaml\nsources: {bill: {path: bill.csv}}\n")
    (folder / "bill.csv").write_text(BILL.format(head=head, cell=cell))
    assert main.run(["import", "--project", str(folder)]) == 0
    said = capsys.readouterr()
    assert main.run(["sources", "--project", str(folder), "--format", "json"]) == 0
    return said.out + said.err, json.loads(capsys.readouterr().out)[0]


def test_amounts_without_a_currency_column_are_in_the_models(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rows are taken in, and the user is told as what."""
    said, source = imported(tmp_path, capsys)
    assert source["sums"] == {"EUR": {"billed": "10.00"}}
    assert source["format"] == "focus"
    assert "taken as EUR" in " ".join(said.split())


def test_an_empty_cell_in_a_currency_column_is_a_broken_row(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the file has the column, nothing is guessed."""
    _, source = imported(tmp_path, capsys, ",BillingCurrency", ",")
    assert (source["rows"], source["quarantined"]) == (0, 1)
