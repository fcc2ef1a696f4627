"""What a delivery replaces, and what it leaves alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from percapita.core.sources import Source
from percapita.core.tables import LINES, READINGS, SEGMENTS
from percapita.store import FileStat, NoClockError, Quarantined, Store, content_of
from percapita.store.engine import SchemaMismatchError
from percapita.store.imports.transaction import DuplicateContentError, NoPeriodError
from percapita.store.imports.upsert import UpsertKeyError
from store.store_rows import NOW, Deliver, bound, line, relation

BILL = Source("bill", "bill.csv", kind="bill")


def test_overwrite_replaces_the_months_and_accounts_it_contains(
    store: Store, deliver: Deliver
) -> None:
    """A second delivery replaces account a1 of October; a2 and November stay."""
    deliver("1", {
        "2025-10": [line("old", "1"), line("other", "2", "a2")], "2025-11": [line("nov", "3")],
    })  # fmt: skip
    deliver("2", {"2025-10": [line("new", "5")]})

    assert bound(store) == [
        ("new", "5.00", "2025-10"), ("nov", "3.00", "2025-11"), ("other", "2.00", "2025-10"),
    ]  # fmt: skip


def test_lines_without_an_account_are_an_account_of_their_own(
    store: Store, deliver: Deliver
) -> None:
    """A delivery of lines without account replaces those without, and no others."""
    deliver("1", {"2025-10": [line("none", "1", None), line("some", "2")]})
    deliver("2", {"2025-10": [line("none again", "3", None)]})

    assert [row[0] for row in bound(store)] == ["none again", "some"]


def test_another_source_replaces_nothing(store: Store, deliver: Deliver) -> None:
    """Sources stand beside each other in the same month and account."""
    deliver("1", {"2025-10": [line("a", "1")]})
    deliver("2", {"2025-10": [line("b", "2")]}, source="second")

    assert [row[0] for row in bound(store)] == ["a", "b"]


def test_append_adds(store: Store, deliver: Deliver) -> None:
    """With mode append the earlier delivery stays whole."""
    deliver("1", {"2025-10": [line("a", "1")]}, mode="append")
    deliver("2", {"2025-10": [line("b", "2")]}, mode="append")

    assert [row[0] for row in bound(store)] == ["a", "b"]


def test_upsert_replaces_rows_of_the_same_key_wherever_they_stand(
    store: Store, deliver: Deliver
) -> None:
    """A key that moved to another month leaves its old month; rows of other keys stay."""
    deliver("1", {
        "2025-10": [line("1", "1", ResourceId="x"), line("2", "2", ResourceId="y")],
        "2025-11": [line("3", "3", ResourceId="z")],
    }, mode="upsert", keys=("ResourceId",))  # fmt: skip
    deliver("2", {"2025-11": [line("4", "9", ResourceId="x")]}, mode="upsert", keys=("ResourceId",))

    assert bound(store) == [
        ("2", "2.00", "2025-10"), ("3", "3.00", "2025-11"), ("4", "9.00", "2025-11"),
    ]  # fmt: skip
    assert store.doctor() == []


def test_upsert_leaves_rows_without_a_key_alone(store: Store, deliver: Deliver) -> None:
    """A key of nulls alone identifies nothing; one null among keys is a value."""
    keys = ("ResourceId", "RegionId")
    deliver("1", {"2025-10": [line("1", "1"), line("2", "2", RegionId="eu")]},
            mode="upsert", keys=keys)  # fmt: skip
    deliver("2", {"2025-10": [line("3", "3"), line("4", "4", RegionId="eu")]},
            mode="upsert", keys=keys)  # fmt: skip

    assert [row[0] for row in bound(store)] == ["1", "3", "4"]


def test_upsert_finds_keys_among_the_other_columns_of_a_bill(store: Store) -> None:
    """A key may be a column that percapita keeps in Extra."""
    first = {"x_Id": "7"}
    for content, name in (("1", "old"), ("2", "new")):
        rows = (
            f"SELECT * REPLACE (MAP {first} AS Extra) FROM ({relation(LINES, [line(name, '1')])})"
        )
        source = Source("bill", "bill.csv", kind="bill", mode="upsert", keys=("x_Id",))
        with store.begin_import(source, [FileStat("bill.csv", 1, content)]) as tx:
            tx.write(LINES, rows, period="2025-10")
            tx.commit()

    assert [row[0] for row in bound(store)] == ["new"]


def test_upsert_without_a_usable_key_is_refused(store: Store) -> None:
    """The message says which key is wrong and which names are near; nothing changes."""
    source = Source("use", "use.csv", kind="readings", mode="upsert", keys=("metre",))
    rows = relation(READINGS, [{"meter": "m", "quantity": "1"}])
    with pytest.raises(UpsertKeyError, match="metre") as caught:
        _twice(store, source, rows)

    assert "meter" in str(caught.value)
    assert [record.id for record in store.imports()] == ["i000001"]


def _twice(store: Store, source: Source, rows: str) -> None:
    for content in ("1", "2"):
        keys = ("meter",) if content == "1" else None
        with store.begin_import(source, [FileStat("use.csv", 1, content)]) as tx:
            tx.write(READINGS, rows, period="2025-10")
            tx.commit(keys=keys)


def test_segments_are_replaced_as_a_whole(store: Store, deliver_segments: Deliver) -> None:
    """A new delivery of attributes replaces all that the source said before, and only that."""
    deliver_segments("1", {1: "Free", 2: "Pro"})
    deliver_segments("2", {9: "Pro"}, source="others")
    deliver_segments("3", {1: "Pro"})
    store.bind(SEGMENTS)

    found = store.engine.rows("SELECT subject, value, import FROM segments ORDER BY 1")
    assert found == [(1, "Pro", "i000003"), (9, "Pro", "i000002")]


def test_the_same_delivery_is_unchanged_until_something_replaces_it(
    store: Store, deliver: Deliver
) -> None:
    """Unchanged means: in, read the same way, and nothing of it replaced."""
    rows = {"2025-10": [line("a", "1")]}
    files = [FileStat("bill.csv", 1, "1")]
    assert not store.unchanged(BILL, files)
    deliver("1", rows)
    assert store.unchanged(BILL, files)
    assert store.unchanged(BILL, content_of(files))
    assert not store.unchanged(Source("bill", "b", kind="bill", unit="h"), files)
    deliver("2", rows)

    assert not store.unchanged(BILL, files)


def test_a_delivery_that_another_process_just_made_is_not_made_twice(store: Store) -> None:
    """Of two imports of one delivery, begun at the same time, the second to commit does nothing."""
    source = Source("bill", "bill.csv", kind="bill", mode="append")
    files = [FileStat("bill.csv", 1, "1")]
    with store.begin_import(source, files) as first, store.begin_import(source, files) as second:
        first.write(LINES, relation(LINES, [line("a", "1")]), period="2025-10")
        second.write(LINES, relation(LINES, [line("a", "1")]), period="2025-10")

        assert first.commit()
        assert not second.commit()
    assert len(bound(store)) == 1


def test_the_same_content_under_a_second_name_is_refused(store: Store, deliver: Deliver) -> None:
    """A copied bill would count twice, unless the user says again."""
    deliver("1", {"2025-10": [line("a", "1")]})
    copy = Source("copy", "copy.csv", kind="bill")
    files = [FileStat("copy.csv", 1, "1")]
    with pytest.raises(DuplicateContentError, match="'bill'"):
        store.begin_import(copy, files)
    with store.begin_import(copy, files, again=True) as tx:
        tx.write(LINES, relation(LINES, [line("b", "1")]), period="2025-10")

        assert tx.commit()


def test_one_file_of_a_delivery_under_a_second_source_is_refused(store: Store) -> None:
    """A month that came with the others would count twice; months without rows are all alike."""
    month, empty = FileStat("a.csv", 50_000, "a" * 64), FileStat("none.csv", 900, "n" * 64)
    first = Source("bill", "bills", kind="bill")
    with store.begin_import(first, [month, empty, FileStat("b.csv", 60_000, "b" * 64)]) as tx:
        tx.write(LINES, relation(LINES, [line("one", "1")]), period="2025-10")
        tx.commit()

    with pytest.raises(DuplicateContentError, match="'bill'"):
        store.begin_import(Source("mail", "a.csv", kind="bill"), [month])
    with store.begin_import(Source("other", "none.csv", kind="bill"), [empty]) as tx:
        assert tx.commit()


def test_an_abandoned_import_leaves_no_trace(store: Store) -> None:
    """An error on the way leaves neither rows nor files."""
    rows = relation(LINES, [line("a", "1")])
    with (  # noqa: PT012
        pytest.raises(ValueError, match="month"),
        store.begin_import(BILL, [FileStat("bill.csv", 1, "1")]) as tx,
    ):
        assert tx.write(LINES, rows, period="2025-10") == 1
        tx.write(LINES, rows, period="October")

    assert bound(store) == []
    assert store.imports() == []
    assert list((store.root / "tables").rglob("*.parquet")) == []


def test_rows_are_written_by_their_period_column(store: Store) -> None:
    """One call writes each month's file; a row without a month is refused."""
    rows = [line("a", "1") | {"period": "2025-10"}, line("b", "2") | {"period": "2025-11"}]
    with store.begin_import(BILL, [FileStat("bill.csv", 1, "1")]) as tx:
        written = tx.write_by_period(LINES, relation(LINES, rows, ["period"]))
        tx.commit()
    with store.begin_import(BILL, [FileStat("bill.csv", 1, "2")]) as tx:  # noqa: SIM117
        with pytest.raises(NoPeriodError):
            tx.write_by_period(LINES, relation(LINES, [line("c", "3")], ["period"]))

    assert written == {"2025-10": 1, "2025-11": 1}
    assert [row[2] for row in bound(store)] == ["2025-10", "2025-11"]


def test_a_file_of_other_types_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Types are cast before writing, and a file that has others all the same never gets in."""
    huge = (
        "SELECT CAST(1 AS HUGEINT) AS quantity, * EXCLUDE quantity"
        f" FROM ({relation(READINGS, [{'meter': 'm'}])})"
    )
    source = Source("use", "use.csv", kind="readings")
    with store.begin_import(source, [FileStat("use.csv", 1, "1")]) as tx:
        assert tx.write(READINGS, huge, period="2025-10") == 1
        tx.commit()
    store.bind(READINGS)
    assert store.engine.rows("SELECT typeof(quantity) FROM readings") == [("BIGINT",)]

    monkeypatch.setattr("percapita.store.engine._TYPES", {
        "string": "VARCHAR", "int64": "HUGEINT", "timestamp": "TIMESTAMPTZ",
    })  # fmt: skip
    with store.begin_import(source, [FileStat("use.csv", 1, "2")]) as tx:  # noqa: SIM117
        with pytest.raises(SchemaMismatchError, match="DOUBLE"):
            tx.write(READINGS, huge, period="2025-10")

    assert [record.id for record in store.imports()] == ["i000001"]


def test_money_keeps_every_digit(store: Store, deliver: Deliver) -> None:
    """Eighteen fractional digits, and eighteen before the point, come back as they went in."""
    amounts = ["0.000000000000000001", "-999999999999999999.999999999999999999"]
    deliver("1", {"2025-10": [line(str(i), amount) for i, amount in enumerate(amounts)]})
    store.bind(LINES)

    found = store.engine.rows("SELECT BilledCost FROM lines ORDER BY LineId")
    assert [amount for (amount,) in found] == [Decimal(amount) for amount in amounts]


def test_broken_rows_wait_until_their_file_is_delivered_anew(store: Store) -> None:
    """Quarantined rows are listed until a delivery replaces them."""
    broken = Quarantined("bill.csv", 3, "BilledCost", "abc", "not-a-number", "no number", "fix it")
    with store.begin_import(BILL, [FileStat("bill.csv", 1, "1")]) as tx:
        tx.quarantine([broken])
        tx.commit()
    assert store.quarantined() == [broken]
    assert store.quarantined(source="other") == []
    with store.begin_import(BILL, [FileStat("bill.csv", 1, "2")]) as tx:
        tx.write(LINES, relation(LINES, [line("a", "1")]), period="2025-10")
        tx.commit()

    assert store.quarantined() == []
    assert store.quarantined("i000001") == [broken]
    assert [record.live for record in store.imports()] == [False, True]


def test_every_write_is_in_the_audit_log(store: Store, deliver: Deliver) -> None:
    """Who, when and what, in order."""
    deliver("1", {"2025-10": [line("a", "1")]})

    (entry,) = store.audit()
    assert (entry.at, entry.who, entry.what, entry.ref) == (NOW, "tester", "import", "i000001")
    assert entry.detail["source"] == "bill"


def test_a_write_without_a_time_is_refused(store: Store) -> None:
    """The store reads no clock."""
    with Store.open(store.root, store.key) as timeless, pytest.raises(NoClockError):
        timeless.begin_import(BILL, [])
