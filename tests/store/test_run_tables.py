"""A run is seen when it is committed, and stands for a period when it is published."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from percapita.core.tables import GROUPS, LEDGER, LINES, OUTPUTS, SLICES
from percapita.store import RunTransaction, Store, UnboundError, UnknownRunError
from percapita.store.runs.transaction import NotPublishableError
from store.store_rows import Deliver, bound, line, relation

Begin = Callable[..., RunTransaction]


@pytest.fixture
def begin(store: Store) -> Begin:
    """Give a function that begins a run of two bases."""

    def run(**more: Any) -> RunTransaction:  # noqa: ANN401
        bases = ["billed", "effective"]
        return store.begin_run(model_text="version: 1", model_hash="h", bases=bases, **more)

    return run


def ledger(amount: str, basis: str = "billed", subject: int = 1) -> str:
    """Return one ledger row."""
    row = {"basis": basis, "group": 1, "subject": subject, "slice": 0, "w": 1, "amount": amount}
    return relation(LEDGER, [row])


def amounts(store: Store, **how: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    """Return period and amount of the ledger rows bound this way."""
    store.bind(LEDGER, **how)
    return store.engine.rows("SELECT period, amount::BIGINT, run FROM ledger ORDER BY ALL")


def test_a_run_is_invisible_until_it_commits(store: Store, begin: Begin) -> None:
    """What is written can be read by the run itself and by nobody else."""
    with begin() as tx:
        assert tx.write(LEDGER, "2025-10", ledger("1")) == 1
        assert store.engine.value(f"SELECT count(*) FROM ({tx.relation(LEDGER)})") == 1
        with pytest.raises(UnknownRunError):
            store.bind(LEDGER, run=tx.id)
        assert store.runs() == []
        tx.commit({"rows": 1}, "abc")

    assert amounts(store, run=tx.id) == [("2025-10", 1, tx.id)]
    assert store.run(tx.id).periods == ("2025-10",)
    assert store.run(tx.id).stats == {"rows": 1}
    assert store.run(tx.id).ledger_hash == "abc"


def test_a_failed_run_leaves_no_files(store: Store, begin: Begin) -> None:
    """Leaving without commit removes what was written."""
    with begin() as tx:
        tx.write(LEDGER, "2025-10", ledger("1"))

    assert list((store.root / "tables").rglob("*.parquet")) == []
    with pytest.raises(UnknownRunError):
        store.bind(LEDGER, run=tx.id)


def test_each_period_is_read_from_the_run_published_for_it(store: Store, begin: Begin) -> None:
    """A later run of one month leaves the other month with the earlier run."""
    with begin() as first:
        first.write(LEDGER, "2025-10", ledger("1"))
        first.write(LEDGER, "2025-11", ledger("2"))
        first.write(LEDGER, "2025-11", ledger("7", "effective"), part="1")
        first.commit({}, "")
        first.publish([("billed", "2025-10"), ("billed", "2025-11")])
    with begin() as second:
        second.write(LEDGER, "2025-11", ledger("5"))
        second.commit({}, "")
    assert amounts(store, basis="billed") == [("2025-10", 1, first.id), ("2025-11", 2, first.id)]
    second.publish([("billed", "2025-11")])

    assert store.published("billed") == {"2025-10": first.id, "2025-11": second.id}
    assert amounts(store, basis="billed") == [("2025-10", 1, first.id), ("2025-11", 5, second.id)]
    assert amounts(store, basis="billed", periods=["2025-10"]) == [("2025-10", 1, first.id)]
    assert amounts(store, basis="effective") == []
    assert store.run(second.id).published == (("billed", "2025-11"),)
    chosen = {"2025-11": first.id}
    assert [row[1] for row in amounts(store, chosen=chosen)] == [2, 7]


def test_only_what_a_run_computed_can_be_published(store: Store, begin: Begin) -> None:
    """A run that is not committed, or a basis it does not have, is refused; nothing moves."""
    with begin() as tx:
        tx.write(LEDGER, "2025-10", ledger("1"))
        with pytest.raises(UnknownRunError):
            tx.publish([("billed", "2025-10")])
        tx.commit({}, "")
    with pytest.raises(NotPublishableError, match="list"):
        tx.publish([("billed", "2025-10"), ("list", "2025-10")])

    assert store.published("billed") == {}


def test_a_run_reads_what_was_live_when_it_began(
    store: Store, deliver: Deliver, begin: Begin
) -> None:
    """A delivery after a run changes neither what the run reads nor what explains it later."""
    deliver("1", {"2025-10": [line("a", "1"), line("b", "2", "a2")]})
    with begin() as tx:
        deliver("2", {"2025-10": [line("c", "3")]})
        read = bound(store, run=tx.id)
        tx.commit({}, "")

    assert [row[0] for row in read] == ["a", "b"]
    assert bound(store, run=tx.id) == read
    assert [row[0] for row in bound(store)] == ["b", "c"]
    assert store.run(tx.id).imports == ("i000001",)


def test_a_run_of_named_imports_reads_those_alone(
    store: Store, deliver: Deliver, begin: Begin
) -> None:
    """A run can leave a live import out."""
    deliver("1", {"2025-10": [line("a", "1")]})
    deliver("2", {"2025-10": [line("b", "2")]}, source="second")
    with begin(imports=["i000002"]) as tx:
        assert [row[0] for row in bound(store, run=tx.id)] == ["b"]


def test_a_table_without_files_is_empty_and_typed(store: Store, begin: Begin) -> None:
    """Every output table can be queried though the run wrote none of it."""
    with begin() as tx:
        tx.commit({}, "")
    for table in (*OUTPUTS, LINES):
        store.bind(table, "probe", run=tx.id)
        described = store.engine.rows("DESCRIBE probe")

        assert [row[0] for row in described] == [*table.names, *table.partition]
        assert store.engine.value("SELECT count(*) FROM probe") == 0


def test_an_output_table_needs_an_owner(store: Store) -> None:
    """Without run or basis there is no telling whose ledger is meant."""
    with pytest.raises(UnboundError, match="ledger"):
        store.bind(LEDGER)


def test_a_part_is_written_once(begin: Begin) -> None:
    """Writing the same part again is an error, never an overwrite."""
    with begin() as tx:
        tx.write(LEDGER, "2025-10", ledger("1"))
        with pytest.raises(FileExistsError):
            tx.write(LEDGER, "2025-10", ledger("2"))


def test_the_ledger_hash_is_that_of_its_sorted_lines(begin: Begin) -> None:
    """Run, parts and order of writing do not matter; the lines are the documented ones."""
    rows = [("1.500000000000000000", 2), ("-0.000000000000000001", 1)]

    def written(order: Sequence[tuple[str, int]]) -> str:
        with begin() as tx:
            for part, (amount, subject) in enumerate(order):
                tx.write(LEDGER, "2025-10", ledger(amount, subject=subject), part=str(part))
            group = {
                "basis": "billed", "group": 1, "pool": "api", "billing_period": "2025-10",
                "start": "2025-10-01T00:00:00Z", "end": "2025-10-02T00:00:00Z", "grain": "day",
            }  # fmt: skip
            tx.write(GROUPS, "2025-10", relation(GROUPS, [group]))
            tx.write(SLICES, "2025-10", relation(SLICES, [{"slice": 0, "kind": "user"}]))
            return tx.ledger_hash()

    head = "2025-10-01T00:00:00Z\t2025-10-02T00:00:00Z\tday\t2025-10\tapi"
    lines = [
        f"{head}\t1\tuser\t0\t\t\t\t-0.000000000000000001\tbilled\topen\n",
        f"{head}\t2\tuser\t0\t\t\t\t1.50\tbilled\topen\n",
    ]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    assert written(rows) == expected
    assert written(rows[::-1]) == expected
