"""Several processes read and write one store at once."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from percapita.core.sources import Source
from percapita.core.subjects import USER
from percapita.core.tables import LINES
from percapita.store import FileStat, Store
from servers.postgres import Postgres
from store.store_rows import FOUND, KEY, NOW, line, relation

NAMES = [f"user-{i}" for i in range(3_000)]
DELIVERIES = 4


def work(root: Path, name: str, catalog: str = "") -> None:
    """Import several deliveries, hand out numbers, and read after each one."""
    seen, numbers = [], {}
    with Store.open(root, KEY, now=NOW, threads=1, catalog=catalog) as store:
        for turn in range(DELIVERIES):
            source = Source(f"{name}{turn}", "b.csv", kind="bill")
            with store.begin_import(source, [FileStat("b.csv", 1, f"{name}{turn}")]) as tx:
                tx.write(LINES, relation(LINES, [line(f"{name}{turn}", "1")]), period="2025-10")
                tx.commit()
            numbers = store.door.numbers(USER, NAMES[: 500 * (turn + 1)])
            store.bind(LINES)
            seen.append(store.engine.value("SELECT count(*) FROM lines"))
    print(json.dumps({"seen": seen, "numbers": numbers}))  # noqa: T201


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.external)])
def catalog(request: pytest.FixtureRequest) -> str:
    """Return where the catalog is: empty is a file in the store, else a real server's URL."""
    if request.param == "sqlite":
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(server.database())


def test_processes_read_and_write_at_once(root: Path, catalog: str) -> None:
    """No write is lost, each reader sees its own and never fewer, names have one number each."""

    def start(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, __file__, str(root), name, catalog]
        return subprocess.run(  # noqa: S603
            command, env=FOUND, capture_output=True, text=True, check=False
        )

    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(start, "abc"))
    assert [process.stderr for process in done] == ["", "", ""]
    told = [json.loads(process.stdout) for process in done]

    for one in told:
        assert one["seen"] == sorted(one["seen"])
        assert all(count >= turn + 1 for turn, count in enumerate(one["seen"]))
    assert told[0]["numbers"] == told[1]["numbers"] == told[2]["numbers"]
    assert sorted(told[0]["numbers"].values()) == list(range(1, 500 * DELIVERIES + 1))
    with Store.open(root, KEY, now=NOW, catalog=catalog) as store:
        store.bind(LINES)
        assert store.engine.value("SELECT count(*) FROM lines") == 3 * DELIVERIES
        assert store.doctor() == []


def test_a_reader_keeps_its_files_while_they_are_replaced(store: Store, root: Path) -> None:
    """A view bound before a delivery and a collection still reads what it was bound to."""
    with Store.open(root, KEY, now=NOW) as reader:
        for content in ("1", "2"):
            source = Source("bill", "bill.csv", kind="bill")
            with store.begin_import(source, [FileStat("bill.csv", 1, content)]) as tx:
                tx.write(LINES, relation(LINES, [line(content, "1")]), period="2025-10")
                tx.commit()
            if content == "1":
                reader.bind(LINES)
        store.gc()

        assert reader.engine.rows("SELECT LineId FROM lines") == [("1",)]


def test_reading_loads_neither_delta_nor_data_frames(store: Store) -> None:
    """Opening a store to read imports no deltalake, pyarrow, pandas or Ibis."""
    store.imports()
    code = (
        "import sys; from pathlib import Path; from percapita.core.privacy import Key;"
        "from percapita.core.tables import LINES; from percapita.store import Store;"
        f"s = Store.open(Path({str(store.root)!r}), Key(b'k' * 32), create=False);"
        "s.bind(LINES); s.engine.rows('SELECT * FROM lines'); s.runs(); s.close();"
        "print([m for m in ('deltalake', 'pyarrow', 'pandas', 'ibis') if m in sys.modules])"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


if __name__ == "__main__":
    work(Path(sys.argv[1]), *sys.argv[2:])
