"""Collection keeps what is named; the doctor sees what does not agree."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from percapita.core.tables import LEDGER, LINES
from percapita.store import RunGoneError, Store
from percapita.store.care import RETENTION
from store.store_rows import NOW, Deliver, bound, line, relation

LATER = NOW + RETENTION + timedelta(seconds=1)
ROW = relation(LEDGER, [{"basis": "billed", "group": 1, "subject": 1, "amount": "1"}])


def run(store: Store, *, publish: bool = False) -> str:
    """Make a run of one ledger row."""
    with store.begin_run(model_text="", model_hash="", bases=["billed"]) as tx:
        tx.write(LEDGER, "2025-10", ROW)
        tx.commit({}, "")
    if publish:
        tx.publish([("billed", "2025-10")])
    return tx.id


def stored(store: Store) -> set[str]:
    """Return the imports and runs that have files."""
    return {path.parent.name for path in (store.root / "tables").rglob("*.parquet")} - {
        "_delta_log"
    }


def test_collection_keeps_live_imports_and_published_and_named_runs(
    store: Store, deliver: Deliver
) -> None:
    """A replaced import and an unpublished run go; everything named stays readable."""
    deliver("1", {"2025-10": [line("a", "1")]})
    deliver("2", {"2025-10": [line("b", "1")]})
    published, kept, loose = run(store, publish=True), run(store), run(store)
    done = store.gc(keep=[kept])

    assert (done.marked, done.deleted) == (2, 0)
    assert store.doctor() == []
    assert {"import=i000001", f"run={loose}"} <= stored(store)
    assert store.gc(now=LATER, keep=[kept]).deleted == 2
    assert stored(store) == {"import=i000002", f"run={published}", f"run={kept}"}
    assert [row[0] for row in bound(store)] == ["b"]
    with pytest.raises(RunGoneError):
        store.bind(LEDGER, run=loose)
    assert store.run(loose).collected
    assert store.doctor() == []


def test_collection_keeps_what_explains_a_kept_run(store: Store, deliver: Deliver) -> None:
    """The lines that a published run read stay, though a later delivery replaced them."""
    deliver("1", {"2025-10": [line("a", "1")]})
    published = run(store, publish=True)
    deliver("2", {"2025-10": [line("b", "1")]})
    store.gc()
    store.gc(now=LATER)

    assert [row[0] for row in bound(store, run=published)] == ["a"]


def test_collection_takes_replaced_months_of_a_live_import(store: Store, deliver: Deliver) -> None:
    """An import that is live in November only keeps November only, in the log as well."""
    deliver("1", {"2025-10": [line("a", "1")], "2025-11": [line("b", "1")]})
    deliver("2", {"2025-10": [line("c", "1")]})
    store.gc()
    deliver("3", {"2025-11": [line("d", "1")]})
    store.gc()

    assert list(store.logged(LINES)) == [
        "period=2025-10/import=i000002", "period=2025-11/import=i000003",
    ]  # fmt: skip
    assert store.doctor() == []


def test_files_of_dead_writers_go_in_time(store: Store) -> None:
    """What a killed run wrote is left while it may still be going on, then deleted."""
    tx = store.begin_run(model_text="", model_hash="", bases=["billed"])
    tx.write(LEDGER, "2025-10", ROW)
    assert [problem.code for problem in store.doctor()] == ["stray-file"]
    assert store.gc().deleted == 0
    assert store.gc(now=LATER).deleted == 1

    assert store.doctor() == []


def test_the_doctor_sees_missing_and_changed_files(store: Store, deliver: Deliver) -> None:
    """A file that is gone or has another size is named."""
    deliver("1", {"2025-10": [line("a", "1")], "2025-11": [line("b", "1")]})
    first, second = sorted((store.root / "tables").rglob("part-0.parquet"))
    first.unlink()
    second.write_bytes(second.read_bytes() + b"x")

    assert [(problem.code, Path(problem.where).parts[1]) for problem in store.doctor()] == [
        ("file-missing", "period=2025-10"), ("file-changed", "period=2025-11"),
    ]  # fmt: skip
