"""Every table is a Delta Lake table that other engines can read."""

from __future__ import annotations

import json
from decimal import Decimal

from deltalake import DeltaTable

from percapita.core.sources import Source
from percapita.core.tables import LINES, READINGS, SEGMENTS, TABLES
from percapita.store import FileStat, Store
from percapita.store.files import delta
from store.store_rows import Deliver, bound, line, relation


def adds(store: Store, table: str) -> list[dict[str, object]]:
    """Return the add actions of a log, as written."""
    logs = sorted((store.root / "tables" / table / "_delta_log").glob("*.json"))
    lines = [json.loads(text) for log in logs for text in log.read_text().splitlines()]
    return [entry["add"] for entry in lines if "add" in entry]


def test_the_schema_is_made_from_the_declared_table() -> None:
    """Every declared type has its Delta type; every column may be null."""
    for table in TABLES.values():
        fields = {field.name: field for field in delta.schema(table).fields}

        assert list(fields) == [*table.names, *table.partition]
        assert all(field.nullable for field in fields.values())
    lines = {field.name: str(field.type) for field in delta.schema(LINES).fields}
    assert "decimal(36,18)" in lines["BilledCost"]
    assert "map" in lines["Tags"].lower()
    assert "timestamp" in lines["ChargePeriodStart"]


def test_the_log_names_the_files_of_committed_imports(store: Store, deliver: Deliver) -> None:
    """The log has a version for each import, partitioned by period and import."""
    deliver("1", {"2025-10": [line("a", "1")], "2025-11": [line("b", "2")]})
    deliver("2", {"2025-11": [line("c", "3")]})

    assert store.logged(LINES) == {
        "period=2025-10/import=i000001": ["lines/period=2025-10/import=i000001/part-0.parquet"],
        "period=2025-11/import=i000001": ["lines/period=2025-11/import=i000001/part-0.parquet"],
        "period=2025-11/import=i000002": ["lines/period=2025-11/import=i000002/part-0.parquet"],
    }
    assert len(store.logged(LINES, version=1)) == 2
    assert store.logged(SEGMENTS) == {}


def test_statistics_are_exact_or_absent(store: Store) -> None:
    """Counts, nulls and bounds of integers, texts and instants; none of decimals and long texts."""
    rows = [
        {"time": "2025-10-01T00:00:00.123456Z", "meter": "a", "quantity": "9",
         "trace_squares": "1"},
        {"time": "2025-10-02T00:00:00.123456Z", "meter": "b", "quantity": "-10",
         "feature": "x" * 300},
    ]  # fmt: skip
    with store.begin_import(Source("use", "u", kind="readings"), [FileStat("u", 1, "1")]) as tx:
        tx.write(READINGS, relation(READINGS, rows), period="2025-10")
        tx.commit()

    (add,) = adds(store, "readings")
    stats = json.loads(str(add["stats"]))
    assert stats["numRecords"] == 2
    assert stats["nullCount"]["feature"] == 1
    assert stats["nullCount"]["region"] == 2
    assert stats["minValues"] == {
        "time": "2025-10-01T00:00:00.123Z", "meter": "a", "quantity": -10,
    }  # fmt: skip
    assert stats["maxValues"] == {"time": "2025-10-02T00:00:00.124Z", "meter": "b", "quantity": 9}


def test_other_engines_read_the_same_rows(store: Store, deliver: Deliver) -> None:
    """What the log names, read by its own library, is what the store binds."""
    deliver("1", {"2025-10": [line("a", "1.000000000000000001")]})
    found = bound(store)
    log = DeltaTable(store.root / "tables" / "lines")

    assert log.metadata().partition_columns == ["period", "import"]
    paths = [uri.removeprefix("file://") for uri in log.file_uris()]
    rows = store.engine.rows(f"SELECT LineId, BilledCost FROM read_parquet({paths})")
    assert rows == [("a", Decimal("1.000000000000000001"))]
    assert [row[0] for row in found] == ["a"]
