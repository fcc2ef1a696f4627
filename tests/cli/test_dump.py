"""The stored rows as anyone can have them: lines, groups, weights and ledger."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from percapita.core import money
from percapita.core.privacy import Key
from percapita.core.sources import Source
from percapita.core.split import split
from percapita.core.tables import GROUPS, LEDGER, LINES, PARTS, SLICES, Table
from percapita.store import FileStat, Store

DAY = datetime(2025, 10, 1, tzinfo=UTC)
NEXT = datetime(2025, 10, 2, tzinfo=UTC)
AMOUNT = Decimal("100.000000000000000001")
WEIGHTS = [3, 3, 1]
MODEL = """\
version: 1
currency: USD
units: {active user: {subject: user}}
pools:
  - {pool: database, match: {ServiceName: db}, by: queries}
"""
Dump = Callable[..., Any]


def group(number: int, pool: str, amount: Decimal, total: int) -> tuple[Any, ...]:
    """A row of groups."""
    return (
        "effective", number, pool, "driver", "queries", "2025-10", DAY, NEXT, "day", None, "own",
        DAY, NEXT, amount, amount, 12, 0, Decimal(0), Decimal(total), 0, 1, 0, 3,
    )  # fmt: skip


def line(name: str, amount: Decimal) -> tuple[Any, ...]:
    """A row of lines."""
    known = {
        "LineId": name, "EffectiveCost": amount, "ServiceName": "db",
        "ChargePeriodStart": DAY, "ChargePeriodEnd": NEXT,
        "Tags": [("Team", "data")], "Extra": [], "row": 1, "file": "bill.csv", "source": "bill",
    }  # fmt: skip
    return tuple(known.get(column.name) for column in LINES.columns)


def outputs() -> dict[Table, list[tuple[Any, ...]]]:
    """A run that split 100 over three users and left 5 unallocated."""
    parts = split(AMOUNT, WEIGHTS)
    ledger: list[tuple[Any, ...]] = [
        ("effective", 1, number, 0, None, "GET", None, weight, part)
        for number, (weight, part) in enumerate(zip(WEIGHTS, parts, strict=True), start=1)
    ]
    five = Decimal(5)
    ledger.append(("effective", 2, -3, -3, None, None, None, 1, five))
    entered = [("a", 1, AMOUNT), ("b", 2, five)]
    return {
        GROUPS: [group(1, "database", AMOUNT, 7), group(2, "unallocated", five, 1)],
        LEDGER: ledger,
        SLICES: [(0, "user", []), (-3, "unallocated", [])],
        PARTS: [
            ("effective", number, name, None, None, DAY, NEXT, amount)
            for name, number, amount in entered
        ],
    }


def fill(store: Store, table: Table, rows: Sequence[tuple[Any, ...]]) -> str:
    """Load rows of a table; return the query of them."""
    store.engine.load("given", {column.name: column.type for column in table.columns}, rows)
    return "SELECT * FROM given"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one bill and one published run."""
    (tmp_path / "percapita.yaml").write_text("model: model.yaml\nkey: percapita.key\n")
    (tmp_path / "model.yaml").write_text(MODEL)
    key = Key(bytes(32))
    (tmp_path / "percapita.key").write_text(key.secret.hex() + "\n")
    with Store.open(tmp_path / ".percapita", key, now=NEXT, who="tester") as store:
        with store.begin_import(
            Source("bill", "bill.csv", kind="bill"), [FileStat("bill.csv", 1, "d")]
        ) as delivery:
            rows = [line("b", Decimal(5)), line("a", AMOUNT)]
            delivery.write(LINES, fill(store, LINES, rows), period="2025-10")
            delivery.commit()
        with store.begin_run(model_text=MODEL, model_hash="h", bases=["effective"]) as tx:
            for table, made in outputs().items():
                tx.write(table, "2025-10", fill(store, table, made))
            tx.commit({}, tx.ledger_hash())
            tx.publish([("effective", "2025-10")])
    return tmp_path


@pytest.fixture
def dump(project: Path, capfd: pytest.CaptureFixture[str]) -> Dump:
    """Run a verb on the project; return what it printed, read as JSON or as CSV."""

    def call(verb: str, *options: str, form: str = "json") -> Any:  # noqa: ANN401
        capfd.readouterr()
        code = run([verb, "--project", str(project), "--period", "2025-10", "--format", form,
                    *options])  # fmt: skip
        printed = capfd.readouterr().out
        assert code == 0
        return json.loads(printed) if form == "json" else list(csv.DictReader(StringIO(printed)))

    return call


def test_the_ledger_has_the_published_columns(dump: Dump) -> None:
    """Columns stand in the documented order; times are UTC, amounts text with every digit."""
    rows = dump("ledger")

    assert list(rows[0]) == [
        "run", "start", "end", "grain", "billing_period", "pool", "subject", "subject_kind",
        "slice", "feature", "operation", "region", "amount", "basis", "status",
    ]  # fmt: skip
    assert rows[0]["start"] == "2025-10-01T00:00:00Z"
    assert {row["subject_kind"] for row in rows} == {"user", "unallocated"}
    assert money.total([Decimal(row["amount"]) for row in rows]) == AMOUNT + 5


def test_weights_and_groups_give_the_ledger_again(dump: Dump) -> None:
    """Whoever splits the groups' amounts over the weights gets the ledger's amounts."""
    groups = {row["group"]: row for row in dump("groups", "--pool", "database")}
    weights = [row for row in dump("weights", "--pool", "database") if row["group"] in groups]
    ledger = dump("ledger", "--pool", "database")
    parts = split(Decimal(groups[1]["amount"]), [row["w"] for row in weights])

    assert groups[1]["total"] == sum(row["w"] for row in weights) == 7
    assert [money.text(part) for part in parts] == [row["amount"] for row in ledger]
    assert [row["subject"] for row in weights] == [1, 2, 3]


def test_the_hash_of_the_ledger_can_be_taken_from_its_csv(project: Path, dump: Dump) -> None:
    """The rows as printed, without the run, are what the run's ledger hash was taken of."""
    rows = dump("ledger", form="csv")
    lines = "".join("\t".join(list(row.values())[1:]) + "\n" for row in rows)
    with Store.open(project / ".percapita", Key(bytes(32)), create=False) as store:
        (record,) = store.runs()

    assert hashlib.sha256(lines.encode()).hexdigest() == record.ledger_hash


def test_lines_need_no_run_but_for_a_pool(dump: Dump) -> None:
    """Lines come in the order of their ids, tags as an object; a pool narrows them by the run."""
    every = dump("lines")

    assert [row["LineId"] for row in every] == ["a", "b"]
    assert every[0]["EffectiveCost"] == "100.000000000000000001"
    assert every[0]["Tags"] == {"Team": "data"}
    assert [row["LineId"] for row in dump("lines", "--pool", "unallocated")] == ["b"]


def test_csv_and_json_are_the_same_rows(dump: Dump) -> None:
    """A value reads the same in both, null as an empty field."""
    for verb in ("groups", "weights", "ledger"):
        as_json, as_csv = dump(verb), dump(verb, form="csv")

        assert [
            {name: "" if value is None else str(value) for name, value in row.items()}
            for row in as_json
        ] == as_csv


def test_parquet_keeps_types(project: Path) -> None:
    """Amounts are DECIMAL(36,18), times instants, in a file of one's own choice."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    out = project / "ledger.parquet"
    code = run(["ledger", "--project", str(project), "--period", "2025-10", "--format", "parquet",
                "--out", str(out)])  # fmt: skip
    table = pq.read_table(out)

    assert code == 0
    assert str(table.schema.field("amount").type) == "decimal128(36, 18)"
    assert str(table.schema.field("start").type) == "timestamp[us, tz=UTC]"
    assert table.num_rows == 4


def test_a_limit_and_an_empty_answer(dump: Dump) -> None:
    """A limit takes the first rows; nothing found is an empty array."""
    assert len(dump("ledger", "--limit", "2")) == 2
    assert dump("ledger", "--pool", "nowhere") == []


def test_a_period_without_figures_stops(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A month that no run has is an input error that names the known ones."""
    code = run(["ledger", "--project", str(project), "--period", "2025-09"])

    assert code == 2
    assert "2025-10" in capfd.readouterr().err
