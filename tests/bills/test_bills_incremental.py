"""Only what is new or restated is read again, and the lines are as if all of it had been read."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bills.bill_texts import Row, text
from bills.conftest import NOW
from percapita import bills
from percapita.core.errors import InputError
from percapita.core.privacy import Key
from percapita.core.sources import Mode, Source, Taken
from percapita.core.tables import LINES
from percapita.store import Store

Files = dict[str, list[Row]]


def charge(month: str, amount: str, account: str = "a", **said: str) -> Row:
    """Return a charge of the fifth of a month."""
    return {
        "BilledCost": amount, "BillingAccountId": account,
        "BillingPeriodStart": f"{month}-01", "BillingPeriodEnd": "",
        "ChargePeriodStart": f"{month}-05", "ChargePeriodEnd": "", **said,
    }  # fmt: skip


class Folder:
    """A folder of bills and the store they go into."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root, self.store = root, store

    def put(self, name: str, *rows: Row) -> None:
        """Write a bill."""
        target = self.root / "bills" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text(rows) if rows else text([{}]).splitlines()[0] + "\n")

    def take(self, mode: Mode = "overwrite", *, again: bool = False) -> Taken:
        """Import the folder."""
        source = Source("cloud", "bills", mode=mode)
        return bills.take(self.store, source, root=self.root, again=again)

    @property
    def live(self) -> list[tuple[str, Decimal]]:
        """Live amounts by month."""
        lines = self.store.bind(LINES)
        found = self.store.engine.rows(f"SELECT period, BilledCost FROM {lines} ORDER BY ALL")
        return [(str(period), Decimal(amount)) for period, amount in found]

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """All that is live, ids included."""
        lines = self.store.bind(LINES)
        found = self.store.engine.rows(
            "SELECT LineId, period, coalesce(BillingAccountId, ''), BilledCost::VARCHAR,"
            f" ChargeDescription FROM {lines} ORDER BY ALL"
        )
        return [tuple(map(str, row)) for row in found]


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> Folder:
    """Return three months, a file each."""
    made = Folder(tmp_path, store)
    for month in ("2025-08", "2025-09", "2025-10"):
        made.put(f"{month}.csv", charge(month, "1"), charge(month, "x"))
    made.take()
    return made


def read(taken: Taken) -> list[str]:
    """Return the names of the files that were read."""
    return [Path(name).name for name in taken.read]


def test_a_new_month_alone_is_read(folder: Folder) -> None:
    """A file more is read; the others are unchanged, and so are their lines and broken rows."""
    folder.put("2025-11.csv", charge("2025-11", "2"))
    taken = folder.take()

    assert (read(taken), len(taken.kept), taken.files, taken.rows) == (["2025-11.csv"], 3, 4, 1)
    assert [month for month, _ in folder.live] == ["2025-08", "2025-09", "2025-10", "2025-11"]
    assert len(folder.store.quarantined()) == 3
    again = folder.take()
    assert (again.unchanged, again.rows, again.quarantined) == (True, 4, 3)
    assert again.sums["USD"]["billed"] == "5.00"


def test_a_restated_month_alone_is_read(folder: Folder) -> None:
    """A file that changed replaces its month, and its broken rows give way to the new ones."""
    folder.put("2025-09.csv", charge("2025-09", "7"))
    taken = folder.take()

    assert read(taken) == ["2025-09.csv"]
    assert dict(folder.live) == {"2025-08": 1, "2025-09": 7, "2025-10": 1}
    assert {row.file for row in folder.store.quarantined()} == {
        "bills/2025-08.csv", "bills/2025-10.csv",
    }  # fmt: skip


def test_a_month_that_went_back_is_read_again(folder: Folder) -> None:
    """What was in long ago and was replaced is new again."""
    first = (folder.root / "bills" / "2025-09.csv").read_bytes()
    folder.put("2025-09.csv", charge("2025-09", "7"))
    folder.take()
    folder.put("2025-10.csv", charge("2025-10", "8"))
    folder.take()
    (folder.root / "bills" / "2025-09.csv").write_bytes(first)

    assert read(folder.take()) == ["2025-09.csv"]
    assert dict(folder.live) == {"2025-08": 1, "2025-09": 1, "2025-10": 8}


def test_a_new_assembly_of_a_month(folder: Folder) -> None:
    """A restatement under another name replaces its month, old broken rows included."""
    (folder.root / "bills" / "2025-09.csv").unlink()
    folder.put("2025-09-v2.csv", charge("2025-09", "7"))
    taken = folder.take()

    assert read(taken) == ["2025-09-v2.csv"]
    assert dict(folder.live)["2025-09"] == 7
    assert len(folder.store.quarantined()) == 2
    assert "No longer there" not in " ".join(taken.notes)


def test_moved_files_are_not_read(folder: Folder) -> None:
    """A file that moved is known by its content."""
    (folder.root / "bills" / "2025-09.csv").rename(folder.root / "bills" / "september.csv")

    assert folder.take().unchanged


def test_files_that_vanish_leave_their_lines(folder: Folder) -> None:
    """What is no longer delivered replaces nothing; a note says so."""
    (folder.root / "bills" / "2025-09.csv").unlink()
    taken = folder.take()

    assert taken.unchanged
    assert len(folder.live) == 3
    assert taken.notes[-1] == (
        "No longer there: bills/2025-09.csv. The lines of 2025-09 stay as they were taken in."
    )


def test_files_of_one_month_are_read_together(folder: Folder) -> None:
    """A month and account are replaced whole: all files that have lines of them are read."""
    folder.put("late.csv", charge("2025-09", "0.5"), charge("2025-11", "3"))
    assert read(folder.take()) == ["2025-09.csv", "late.csv"]
    assert [amount for month, amount in folder.live if month == "2025-09"] == [Decimal("0.5"), 1]

    folder.put("2025-12.csv", charge("2025-11", "4"))
    assert read(folder.take()) == ["2025-09.csv", "2025-12.csv", "late.csv"]
    (folder.root / "bills" / "late.csv").unlink()
    taken = folder.take()
    assert read(taken) == ["2025-09.csv", "2025-12.csv"]
    assert dict(folder.live) == {"2025-08": 1, "2025-09": 1, "2025-10": 1, "2025-11": 4}
    assert len(folder.live) == 4


def test_accounts_of_one_month_are_read_apart(folder: Folder) -> None:
    """Another account's file of the same month is nobody else's."""
    folder.put("other.csv", charge("2025-09", "5", "b"))

    assert read(folder.take()) == ["other.csv"]
    assert len(folder.live) == 4


def test_appended_files_are_taken_once(tmp_path: Path, store: Store) -> None:
    """A source that appends takes in only the files that are not in."""
    folder = Folder(tmp_path, store)
    folder.put("a.csv", charge("2025-09", "1"))
    folder.take("append")
    folder.put("b.csv", charge("2025-09", "2"))

    assert read(folder.take("append")) == ["b.csv"]
    assert [amount for _, amount in folder.live] == [1, 2]


def test_dates_that_another_file_explains(tmp_path: Path, store: Store) -> None:
    """Where the order of day and month is seen in one file alone, all of them are read."""
    folder = Folder(tmp_path, store)
    folder.put("a.csv", charge("2025-09", "1", ChargePeriodStart="13/9/2025"))
    folder.take()
    folder.put("b.csv", charge("2025-10", "1", ChargePeriodStart="5/10/2025"))

    assert read(folder.take()) == ["a.csv", "b.csv"]
    days = store.engine.rows(f"SELECT DISTINCT month(ChargePeriodStart) FROM {store.bind(LINES)}")
    assert sorted(days) == [(9,), (10,)]


def test_files_that_are_no_bills_are_looked_at_once(folder: Folder) -> None:
    """JSON that describes a folder, and an empty file, are passed over, then known."""
    (folder.root / "bills" / "about.json").write_text('{"made": "today"}')
    (folder.root / "bills" / "empty.csv").write_text("")

    assert "about.json was left aside" in " ".join(folder.take().notes)
    assert folder.take().unchanged
    assert len(folder.live) == 3


@pytest.mark.parametrize("twin", ["2025-09 (1).csv", "copy/2025-09.csv"])
def test_twins_are_refused(folder: Folder, twin: str) -> None:
    """Two files of the very same lines would count twice."""
    target = folder.root / "bills" / twin
    target.parent.mkdir(exist_ok=True)
    shutil.copy(folder.root / "bills" / "2025-09.csv", target)

    with pytest.raises(InputError, match="hold the very same lines") as refused:
        folder.take()
    assert "--again" in refused.value.hint
    assert len(folder.live) == 3
    folder.take(again=True)
    assert len(folder.live) == 4


def test_a_file_of_another_source_is_refused_however_small(folder: Folder) -> None:
    """One month of a delivery, handed over once more by its own name, would count twice."""
    single = Source("september", "bills/2025-09.csv")

    with pytest.raises(InputError, match="already in as 'cloud'"):
        bills.take(folder.store, single, root=folder.root)


# ---- months restated to nothing ----


def test_a_month_restated_to_nothing_by_its_own_file(folder: Folder) -> None:
    """A header alone, in the place of a month's lines, replaces them."""
    folder.put("2025-09.csv")
    taken = folder.take()

    assert read(taken) == ["2025-09.csv"]
    assert [month for month, _ in folder.live] == ["2025-08", "2025-10"]
    assert "2025-09 is delivered without a line" in " ".join(taken.notes)
    assert "(1 line) is replaced by nothing" in " ".join(taken.notes)
    assert len(folder.store.quarantined()) == 2
    assert folder.take().unchanged


@pytest.mark.parametrize(
    "place", ["20250901-20251001", "BILLING_PERIOD=2025-09", "year=2025/month=9"]
)
def test_a_month_restated_to_nothing_in_its_folder(folder: Folder, place: str) -> None:
    """A folder that only its month has says what is meant, whatever the file is called."""
    (folder.root / "bills" / "2025-09.csv").unlink()
    folder.put(f"{place}/part-1.csv")
    folder.take()

    assert [month for month, _ in folder.live] == ["2025-08", "2025-10"]


def test_a_month_without_lines_speaks_once_its_other_file_is_gone(folder: Folder) -> None:
    """What a header alone says is asked again when the file with the month's lines vanishes."""
    folder.put("20250901-20251001/part-1.csv")
    folder.take()
    assert [month for month, _ in folder.live] == ["2025-08", "2025-09", "2025-10"]
    (folder.root / "bills" / "2025-09.csv").unlink()
    folder.take()

    assert [month for month, _ in folder.live] == ["2025-08", "2025-10"]
    assert folder.take().unchanged


def test_a_header_says_nothing_of_other_lines(folder: Folder) -> None:
    """Next to lines of its month, a header alone replaces only what came from its own place."""
    folder.put("20250901-20251001/part-1.csv")
    folder.put("20250901-20251001/part-2.csv", charge("2025-09", "9", "b"))
    folder.take()
    assert len(folder.live) == 4

    folder.put("20250901-20251001/part-2.csv")
    folder.take()
    assert len(folder.live) == 3


@pytest.mark.parametrize("name", ["empty.csv", "2025-09-to-2025-10.csv", "seen-2025-09-17.csv"])
def test_a_header_of_no_known_month(folder: Folder, name: str) -> None:
    """Where no name tells the month, nothing is replaced, and a note says so."""
    folder.put(name)
    taken = folder.take()

    assert len(folder.live) == 3
    assert f"bills/{name} tells no month: lines taken in earlier stay" in " ".join(taken.notes)


# ---- as if all had been read ----


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """Return a second store."""
    with Store.open(tmp_path / "other", Key(b"k" * 32), now=NOW, threads=2) as opened:
        yield opened


@pytest.mark.parametrize(
    "seed", [*range(3), *(pytest.param(s, marks=pytest.mark.slow) for s in range(3, 12))]
)
def test_lines_are_as_if_all_had_been_read(
    tmp_path: Path, store: Store, other: Store, seed: int
) -> None:
    """Files appear, change, move and vanish: the lines are those of reading everything again."""
    luck = random.Random(seed)  # noqa: S311
    folder, whole = Folder(tmp_path, store), Folder(tmp_path, other)
    for step in range(6):
        _disturb(tmp_path / "bills", folder, luck, step)
        taken = folder.take()
        whole.take(again=True)

        assert folder.lines == whole.lines, f"step {step}: read {taken.read}"
        broken = {(q.file, q.row) for q in store.quarantined()}
        assert {(Path(f).name, r) for f, r in broken} >= {
            (Path(q.file).name, q.row) for q in other.quarantined() if Path(q.file).exists()
        }


def _disturb(place: Path, folder: Folder, luck: random.Random, step: int) -> None:
    there = sorted(place.rglob("*.csv"))
    for path in there:
        chance = luck.random()
        if chance < 0.15 and len(there) > 1:
            path.unlink()
        elif chance < 0.3:
            path.rename(path.with_name(f"moved{step}-{path.name}"))
        elif chance < 0.45:
            folder.put(path.name, *_rows(luck))
    for number in range(luck.randint(not place.exists(), 2)):
        folder.put(f"new{step}-{number}.csv", *_rows(luck))
    if luck.random() < 0.3:
        folder.put(f"year=2025/month=0{luck.randint(7, 9)}/part-{luck.randint(1, 2)}.csv")
    if not sorted(place.rglob("*.csv")):
        folder.put("one.csv", *_rows(luck))


def _rows(luck: random.Random) -> list[Row]:
    months = luck.sample(["2025-07", "2025-08", "2025-09", "2025-10"], luck.randint(1, 2))
    return [
        charge(luck.choice(months), luck.choice(["1", "1", "2", "0.1234567890123456789", "x"]),
               luck.choice("ab"), ChargeDescription=str(luck.randint(0, 999_999)))
        for _ in range(luck.randint(1, 5))
    ]  # fmt: skip
