"""Zip archives: the tables inside are read, and what can't be is told."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import pytest

from bills.bill_texts import Read, text
from percapita import bills
from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.store import Store

ONE, TWO = text([{"BilledCost": "1.5"}]), text([{"BilledCost": "2"}, {"BilledCost": "x"}])


def _zip(files: Mapping[str, str | bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _parquet(content: str) -> bytes:
    stream = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.csv.read_csv(io.BytesIO(content.encode())), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    "inner",
    [
        {"cur-1.csv": ONE},
        {"cur-1.csv": ONE.encode("utf-16")},
        {"folder/": b"", "folder/cur-1.csv": ONE, "__MACOSX/._cur-1.csv": b"\0"},
        {"cur-1.csv.gz": gzip.compress(ONE.encode())},
        {"cur-1.parquet": _parquet(ONE)},
        {"cur-1.csv": ONE, "readme.md": "about"},
    ],
    ids=["csv", "utf16", "folder", "gz", "parquet", "beside"],
)
def test_a_table_in_a_zip(read: Read, inner: Mapping[str, str | bytes]) -> None:
    """One table in an archive is the file; its rows carry the archive's name."""
    made = read({"cur-1.csv.zip": _zip(inner)})

    assert Decimal(made.sums["USD"]["billed"]) == Decimal("1.5")
    assert {line["file"] for line in made.lines} == {"bills/cur-1.csv.zip"}


def test_several_tables_in_a_zip(read: Read) -> None:
    """Each table in an archive is a file of its own, in lines and in quarantine."""
    made = read({"cur.zip": _zip({"a/1.csv": ONE, "b/1.csv": TWO}), "more.csv": ONE})

    assert Decimal(made.sums["USD"]["billed"]) == 5
    assert [line["file"] for line in made.lines] == [
        "bills/cur.zip/a/1.csv", "bills/cur.zip/b/1.csv", "bills/more.csv",
    ]  # fmt: skip
    assert [(item.file, item.row) for item in made.quarantined] == [("bills/cur.zip/b/1.csv", 2)]


def test_a_zip_is_taken_once(store: Store, tmp_path: Path) -> None:
    """An archive is known by its content, and leaves nothing behind."""
    (tmp_path / "cur.zip").write_bytes(_zip({"a.csv": ONE, "b.csv": TWO}))
    source = Source("cloud", "cur.zip")

    assert bills.take(store, source, root=tmp_path).rows == 2
    assert bills.take(store, source, root=tmp_path).unchanged
    assert not list((tmp_path / ".percapita" / "temp").glob("bill-*"))


def _bent(content: bytes) -> bytes:
    return content[:100] + bytes([content[100] ^ 0xFF]) + content[101:]


def _encrypted() -> bytes:
    content = bytearray(_zip({"cur.csv": ONE}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (_zip({"cur.csv": ONE * 50})[:-30], "cut off or damaged"),
        (_bent(_zip({"cur.csv": ONE * 50})), "damaged"),
        (_encrypted(), "encrypted"),
        (_zip({"readme.md": "about"}), "holds no CSV or Parquet"),
        (_zip({}), "holds no CSV or Parquet"),
        (_zip({"[Content_Types].xml": "", "xl/workbook.xml": ""}), "it is a spreadsheet"),
        (_zip({"cur.csv.gz": gzip.compress(ONE.encode())[:-9]}), "gzip stream is cut off"),
    ],
)
def test_archives_that_cannot_be_read(read: Read, content: bytes, said: str) -> None:
    """A damaged, locked or empty archive stops the import, with the reason."""
    with pytest.raises(InputError, match=said):
        read({"cur.zip": content})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (_zip({"cur.csv": ONE}), True),
        (_zip({"cur.csv.gz": gzip.compress(ONE.encode())}), True),
        (_zip({"cur.parquet": _parquet(ONE)}), True),
        (_zip({"other.csv": "a,b\n1,2\n"}), False),
        (_zip({}), False),
        (_zip({"cur.csv": ONE})[:-30], False),
        (ONE.encode("utf-16"), True),
        (ONE.encode() + b"\xff,never\n", True),
        (gzip.compress(ONE.encode() * 90)[:-20], True),
    ],
    ids=["zip", "gz", "parquet", "other", "empty", "cut", "utf16", "not text", "cut gz"],
)
def test_a_bill_is_told_by_its_beginning(tmp_path: Path, content: bytes, *, expected: bool) -> None:
    """Packed or damaged, a file whose columns are a bill's is a bill; its trouble is told then."""
    (tmp_path / "bill").write_bytes(content)

    assert bills.is_bill(Source("cloud", "bill"), root=tmp_path) is expected
