"""Taking a bill in: idempotent, replaced by its restatement, whole or not at all."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bills.bill_texts import text
from percapita import bills
from percapita.core.errors import InputError, ProofError
from percapita.core.sources import Mode, Source
from percapita.core.tables import LINES, Table
from percapita.store import Store
from percapita.store.engine import Engine


def _live(store: Store) -> list[tuple[str, Decimal]]:
    view = store.bind(LINES)
    found = store.engine.rows(f"SELECT period, BilledCost FROM {view} ORDER BY ALL")
    return [(str(period), Decimal(amount)) for period, amount in found]


def _give(tmp_path: Path, content: str, name: str = "bill.csv", mode: Mode = "overwrite") -> Source:
    (tmp_path / name).write_text(content)
    return Source("cloud bill", name, mode=mode)


OCTOBER = {"BilledCost": "1.5"}
NOVEMBER = {
    "BilledCost": "2", "BillingPeriodStart": "2025-11-01", "BillingPeriodEnd": "2025-12-01",
    "ChargePeriodStart": "2025-11-01", "ChargePeriodEnd": "2025-11-02",
}  # fmt: skip


def test_lines_are_live_by_billing_month(store: Store, tmp_path: Path) -> None:
    """What is taken in is live under its billing month, and reported with its sums."""
    source = _give(tmp_path, text([OCTOBER, NOVEMBER, {"BilledCost": "x"}]))
    taken = bills.take(store, source, root=tmp_path)

    assert _live(store) == [("2025-10", Decimal("1.5")), ("2025-11", Decimal(2))]
    assert (taken.rows, taken.quarantined, taken.files, taken.format) == (2, 1, 1, "focus")
    assert taken.sums["USD"]["billed"] == "3.50"
    assert [item.code for item in store.quarantined()] == ["not-a-number"]
    assert store.imports()[0].sums == taken.sums


def test_same_content_changes_nothing(store: Store, tmp_path: Path) -> None:
    """Importing the same file again does nothing; another mapping of it is read anew."""
    source = _give(tmp_path, text([OCTOBER, {"BillingCurrency": ""}]))
    first = bills.take(store, source, root=tmp_path)
    second = bills.take(store, source, root=tmp_path)

    assert (second.unchanged, second.import_id) == (True, first.import_id)
    assert (second.rows, second.quarantined, second.sums) == (1, 1, first.sums)
    mended = Source(source.name, source.path, values={"BillingCurrency": "USD"})
    assert bills.take(store, mended, root=tmp_path).rows == 2
    assert len(_live(store)) == 2
    assert store.quarantined() == []


def test_restatement_replaces_its_months(store: Store, tmp_path: Path) -> None:
    """A later delivery replaces exactly the billing months it holds, rounding line included."""
    tiny = {"BilledCost": "4e-19"}
    bills.take(store, _give(tmp_path, text([tiny, OCTOBER, NOVEMBER, tiny])), root=tmp_path)
    assert Decimal("1e-18") in [amount for _, amount in _live(store)]

    bills.take(store, _give(tmp_path, text([{"BilledCost": "7"}])), root=tmp_path)

    assert _live(store) == [("2025-10", Decimal(7)), ("2025-11", Decimal(2))]


@pytest.mark.parametrize("mode", ["append", "overwrite"])
def test_equal_lines_of_two_deliveries(store: Store, tmp_path: Path, mode: Mode) -> None:
    """Appended charges that say the same as earlier ones are lines of their own."""
    for name, rows in (("a.csv", [OCTOBER]), ("b.csv", [OCTOBER, OCTOBER, NOVEMBER])):
        bills.take(store, _give(tmp_path, text(rows), name, mode), root=tmp_path)
    ids = store.engine.rows(f"SELECT LineId FROM {store.bind(LINES)}")

    assert len(set(ids)) == len(ids) == (4 if mode == "append" else 3)


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", text([OCTOBER]) + '1,"open,\r\n1,2\r\n'])
def test_broken_file_changes_nothing(store: Store, tmp_path: Path, content: str) -> None:
    """A file that can't be read leaves the store as it was, and nothing behind."""
    bills.take(store, _give(tmp_path, text([OCTOBER])), root=tmp_path)
    with pytest.raises(InputError):
        bills.take(store, _give(tmp_path, content), root=tmp_path)

    assert _live(store) == [("2025-10", Decimal("1.5"))]
    assert len(store.imports()) == 1
    assert not list((tmp_path / ".percapita" / "temp").glob("bill-*"))


@pytest.mark.parametrize("broken", ["lost", "doubled", "changed"])
def test_unproven_lines_are_not_taken(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    """If one line is lost, doubled or changed on its way, nothing is taken in."""
    true = Engine.copy

    def faulty(engine: Engine, table: Table, lines: str, path: Path, **said: Any) -> int:  # noqa: ANN401
        first = f"(SELECT min(LineId) FROM ({lines}))"
        bent = {
            "lost": f"SELECT * FROM ({lines}) WHERE LineId <> {first}",
            "doubled": f"({lines}) UNION ALL SELECT * FROM ({lines}) WHERE LineId = {first}",
            "changed": "SELECT * REPLACE (BilledCost + 1e-18::DECIMAL(36,18) AS BilledCost)"
            f" FROM ({lines})",
        }[broken]
        return true(engine, table, bent, path, **said)

    monkeypatch.setattr(Engine, "copy", faulty)
    with pytest.raises(ProofError, match="Nothing was taken in"):
        bills.take(store, _give(tmp_path, text([OCTOBER, NOVEMBER])), root=tmp_path)
    assert _live(store) == []


def test_all_rows_are_accounted_for(store: Store, tmp_path: Path) -> None:
    """Lines and quarantine together are all rows of the file."""
    rows = [OCTOBER if n % 7 else {"ChargePeriodStart": "never"} for n in range(100)]
    taken = bills.take(store, _give(tmp_path, text(rows)), root=tmp_path)

    assert (taken.rows, taken.quarantined) == (85, 15)
    assert any("15.00 USD (billed)" in note for note in taken.notes)
    assert len(store.quarantined()) == 15


def test_header_alone_is_taken(store: Store, tmp_path: Path) -> None:
    """A month without charges is a delivery of no lines, and says so."""
    taken = bills.take(store, _give(tmp_path, text([])), root=tmp_path)

    assert taken.rows == 0
    assert "bill.csv has a header and no rows." in taken.notes
