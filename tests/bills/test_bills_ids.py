"""The id of a line says what the line is, not where it stands."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import md5
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bills.bill_texts import Read, text
from percapita.bills import preview, read, scratch
from percapita.core.sources import Source
from percapita.core.tables import LINES
from percapita.store.engine import Engine

row = st.fixed_dictionaries(
    {
        "BilledCost": st.sampled_from(["1", "2.5", "1e-20"]),
        "ServiceName": st.sampled_from(["A", "B"]),
        "x_Note": st.sampled_from(["", "n", "m"]),
    }
)


def _ids(rows: list[dict[str, str]]) -> list[tuple[str, str, str]]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bill.csv").write_text(text(rows))
        lines = preview(Source("bill", "bill.csv"), root=Path(folder)).lines
    return sorted((line["LineId"], str(line["BilledCost"]), str(line["Extra"])) for line in lines)


@settings(max_examples=8, deadline=None)
@given(st.lists(row, min_size=1, max_size=8), st.randoms())
def test_order_of_rows_changes_no_id(rows: list[dict[str, str]], order: random.Random) -> None:
    """However rows are shuffled, each keeps its id; equal rows share theirs among themselves."""
    moved = list(rows)
    order.shuffle(moved)

    assert _ids(rows) == _ids(moved)


def test_way_of_writing_changes_no_id(read: Read) -> None:
    """The same charge written otherwise has the same id."""
    plain = read(text([{}])).lines[0]["LineId"]
    other = {
        "BilledCost": "$1.00 ", "EffectiveCost": "1e0", "ListCost": "1.000",
        "BillingCurrency": "usd", "BillingPeriodStart": "10/1/25", "BillingPeriodEnd": "2025-11-01",
        "ChargePeriodStart": "2025-10-05T02:00:00+02:00", "ChargePeriodEnd": "10/6/2025",
        "Tags": "NULL",
    }  # fmt: skip

    assert read(text([other]), path="bills/bill.csv").lines[0]["LineId"] == plain


def test_source_is_part_of_the_id(tmp_path: Path) -> None:
    """Two sources that deliver the same charge have two lines."""
    (tmp_path / "bill.csv").write_text(text([{}]))
    ids = {
        preview(Source(name, "bill.csv"), root=tmp_path).lines[0]["LineId"] for name in ("a", "b")
    }

    assert len(ids) == 2


def test_threads_change_nothing(tmp_path: Path) -> None:
    """One thread and four make the same lines of a file with equal rows."""
    rows = [{"BilledCost": f"{n % 50}.5", "x_Note": str(n % 3)} for n in range(5000)]
    (tmp_path / "bill.csv").write_text(text(rows))
    made = []
    for threads in (1, 4):
        engine = Engine(threads=threads)
        with closing(engine), scratch(tmp_path / "scratch") as folder:
            delivery = read(engine, Source("bill", "bill.csv"), tmp_path, folder)
            made.append(engine.rows(f"SELECT * FROM ({delivery.lines()}) ORDER BY LineId"))

    assert made[0] == made[1]
    assert len({line[1] for line in made[0]}) == 5000


def _key(value: object) -> bytes:
    """Return a value as the sort key spells it: bytes that compare as the values do."""
    if value is None:
        return b"\2"
    if isinstance(value, str):
        return b"\1" + bytes(byte + 1 for byte in value.encode()) + b"\0"
    if isinstance(value, Decimal):
        return b"\1" + (int(value * 10**18) + 2**127).to_bytes(16)
    if isinstance(value, datetime):
        since = value - datetime(1970, 1, 1, tzinfo=UTC)
        return b"\1" + (since // timedelta(microseconds=1) + 2**63).to_bytes(8)
    assert isinstance(value, Mapping)
    items = b"".join(b"\1" + _key(key) + _key(text) for key, text in value.items())
    return b"\1" + items + b"\0"


def test_id_is_the_digest_of_the_sort_key(read: Read) -> None:
    """Anyone can compute an id: the digest of the source and the canonical columns."""
    row = {"BilledCost": "-1.5", "ServiceName": "Größe", "Tags": '{"a": "1", "b": "x y"}'}
    (line,) = read(text([row])).lines
    apart = ("LineId", "source", "file", "row", "Extra")
    values = [line["source"], *(line[name] for name in LINES.names if name not in apart)]

    expected = md5(b"".join(map(_key, values)), usedforsecurity=False).hexdigest()

    assert line["LineId"] == expected
