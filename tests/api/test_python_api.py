"""The Python API: the commands' answers as tables and frames."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import percapita
from percapita.api import Book, NoFrameError, NoTableError
from percapita.cli.main import run
from percapita.core.errors import InputError
from percapita.report.metrics.view import UnknownMetricError


def test_cost_is_that_of_the_command(
    cloudmetrics: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows and totals are those that `percapita cost --format json` prints."""
    with percapita.open(cloudmetrics) as book:
        ours = book.cost("tier", period="2025-10")
    capsys.readouterr()
    question = ["cost", "--by", "tier", "--period", "2025-10", "--format", "json"]
    assert run([*question, "--project", str(cloudmetrics)]) == 0

    theirs = json.loads(capsys.readouterr().out)
    for part in ("rows", "classes", "totals"):
        assert ours.data[part] == theirs[part]


def test_published_unit_costs(cloudmetrics: Path) -> None:
    """CloudMetrics' tiers cost 725.20, 103.00 and 27.49 a customer; amounts are Decimals."""
    with percapita.open(cloudmetrics) as book:
        rows = book.cost("tier", period="2025-10").dicts()

    costs = {row["tier"]: row["cost_per_unit"] for row in rows if row["line"] == "row"}
    assert costs["Enterprise"] == Decimal("725.2")
    assert costs["Professional"] == Decimal(103)
    assert round(costs["Starter"], 2) == Decimal("27.49")


def test_tables_of_arrow_keep_every_digit(book: Book) -> None:
    """Amounts are DECIMAL(38,18) in Arrow, counts are whole numbers, names are text."""
    found = book.cost("tier").arrow()

    assert found.schema.field("total").type == pa.decimal128(38, 18)
    assert found.schema.field("units").type == pa.int64()
    assert found.column("total").to_pylist() == [row["total"] for row in book.cost("tier").dicts()]


def test_frames_are_optional(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame of a package that is missing says what to install; Arrow needs neither."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "polars", None)

    with pytest.raises(NoFrameError, match="pandas is not installed"):
        book.cost("tier").pandas()
    with pytest.raises(NoFrameError, match="polars is not installed"):
        book.cost("tier").polars()


def test_frames_of_pandas_hold_decimals(book: Book) -> None:
    """A frame of pandas has the rows of the answer, its amounts as Decimals."""
    pytest.importorskip("pandas")
    found = book.cost("tier")

    frame = found.pandas()
    assert list(frame.columns) == list(found.header)
    assert list(frame["total"]) == [row["total"] for row in found.dicts()]


def test_reconciliation_closes(book: Book) -> None:
    """The bill less all that it was split into is nothing."""
    assert book.reconcile().data["difference"] == "0.00"


def test_an_explanation_sums_to_its_figure(cloudmetrics: Path) -> None:
    """The pools of a segment's explanation sum to its cost."""
    with percapita.open(cloudmetrics) as book:
        found = book.explain(segment={"tier": "Starter"}, period="2025-10").data

    assert sum(Decimal(one["amount"]) for one in found["pools"]) == Decimal(found["total"])
    assert found["total"] == "32990.00"


def test_stored_tables_are_arrow(book: Book) -> None:
    """The ledger and the lines behind it can be taken out whole, and sum to the bill."""
    bill = Decimal(book.cost().data["totals"]["bill_total"])

    ledger = book.table("ledger", period=book.periods()[-1])
    assert ledger.schema.field("amount").type == pa.decimal128(36, 18)
    parts = book.table("parts").column("amount").to_pylist()
    assert sum(part for part in parts if part is not None) == bill
    with pytest.raises(NoTableError, match="ledgr"):
        book.table("ledgr")


def test_wrong_questions_say_what_is_meant(book: Book) -> None:
    """A name that is not known is an error that names the nearest ones."""
    with pytest.raises(UnknownMetricError) as caught:
        book.metrics("cost_per_unt")
    assert "cost_per_unit" in caught.value.hint
    with pytest.raises(InputError, match="teir"):
        book.cost("teir")


def test_opening_nothing_says_how_to_start(tmp_path: Path) -> None:
    """A folder without a project is refused with the command that starts one."""
    with pytest.raises(InputError) as caught:
        percapita.open(tmp_path)
    assert "percapita init" in caught.value.hint
