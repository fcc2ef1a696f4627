"""Bills that are no tables: JSON in its shapes, and what a format reads by itself."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bills.bill_formats import Pricing
from bills.bill_texts import ROW, Read
from percapita import plugins
from percapita.bills import layouts
from percapita.bills.files import records
from percapita.bills.files.found import DamagedError
from percapita.bills.layouts import UnknownFormatError

ROWS: list[dict[str, Any]] = [
    {**ROW, "Tags": {"team": "a", "n": 1}, "x_Detail": {"zone": {"id": "z"}, "list": [1.25, "é"]}},
    {**ROW, "BilledCost": Decimal("1.60E-06"), "Tags": None, "x_Other": False},
]


def dumped(row: dict[str, Any], **said: Any) -> str:  # noqa: ANN401
    """Return JSON with the digits of the decimals."""
    marked = {k: f"\x00{v}\x00" if isinstance(v, Decimal) else v for k, v in row.items()}
    return json.dumps(marked, **said).replace('"\\u0000', "").replace('\\u0000"', "")


SHAPES = {
    "lines.jsonl": "\n".join(map(dumped, ROWS)),
    "lines.json": "\n\n".join(map(dumped, ROWS)) + "\n",
    "array.json": "[" + ",".join(map(dumped, ROWS)) + "]",
    "printed.json": "[\n" + ",\n".join(dumped(row, indent=2) for row in ROWS) + "\n]\n",
    "objects.json": "\n".join(dumped(row, indent=2) for row in ROWS),
    "bom.ndjson": "\ufeff" + "\n".join(map(dumped, ROWS)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_json_of_any_shape(read: Read, name: str) -> None:
    """One object a line, one after the other or all in an array: the lines are the same."""
    lines = read({name: SHAPES[name]}).lines

    assert [line["row"] for line in lines] == [1, 2]
    assert [line["BilledCost"] for line in lines] == [1, Decimal("0.0000016")]
    assert [line["Tags"] for line in lines] == [{"n": "1", "team": "a"}, None]
    assert lines[0]["Extra"] == {"x_Detail.zone.id": "z", "x_Detail.list": '[1.25,"é"]'}
    assert lines[1]["Extra"] == {"x_Other": "false"}


def test_packed_json_lines(read: Read) -> None:
    """JSON lines come packed as well."""
    packed = gzip.compress(SHAPES["lines.jsonl"].encode())

    assert len(read({"bill.jsonl.gz": packed}).lines) == 2


def test_numbers_keep_their_digits(read: Read) -> None:
    """A JSON number becomes an amount by its text, never by a double."""
    text = dumped(ROW | {"BilledCost": Decimal("0.123456789012345678"),
                         "ListCost": Decimal("12345678901234567.1")})  # fmt: skip
    (line,) = read({"bill.json": text}).lines

    assert line["BilledCost"] == Decimal("0.123456789012345678")
    assert line["ListCost"] == Decimal("12345678901234567.1")


def test_a_broken_line_is_quarantined(read: Read) -> None:
    """What is no object stands in quarantine with its row; the other rows are lines."""
    good = dumped(ROW)
    made = read({"bill.jsonl": f'{good}\n{{"BilledCost": 1,\n[1]\n{good}\n'})

    assert [(item.row, item.code, item.value) for item in made.quarantined] == [
        (2, "not-json", '{"BilledCost": 1,'), (3, "not-json", "[1]"),
    ]  # fmt: skip
    assert [line["row"] for line in made.lines] == [1, 4]


@pytest.mark.parametrize("text", ["[" + dumped(ROW), dumped(ROW, indent=1)[:-9]])
def test_json_that_breaks_off_stops(read: Read, text: str) -> None:
    """An array or object without its end is a file to get again."""
    with pytest.raises(DamagedError, match="breaks off"):
        read({"bill.json": text})


def test_columns_may_come_late(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that the last row brings is a column, however few rows are held at once."""
    monkeypatch.setattr(records, "_BATCH", 2)
    rows = [dict(ROW) for _ in range(5)]
    rows[4]["x_Late"] = "yes"
    lines = read({"bill.jsonl": "\n".join(map(json.dumps, rows))}).lines

    assert [line["Extra"] for line in lines] == [None] * 4 + [{"x_Late": "yes"}]


def test_json_of_something_else_is_no_bill(read: Read) -> None:
    """Objects without a bill's columns are refused by name."""
    with pytest.raises(UnknownFormatError, match=r"other\.json is not a bill"):
        read({"other.json": '{"a": 1}'})


def test_json_takes_a_mapping(read: Read) -> None:
    """The columns that a user maps may be nested."""
    made = read({"bill.json": '{"when": "2025-10", "price": {"net": 1.5}}'},
                columns={"cost": "price.net", "ChargePeriodStart": "when"},
                values={"BillingCurrency": "EUR"})  # fmt: skip

    assert made.sums == {"EUR": {"billed": "1.50", "effective": "1.50"}}


def test_nested_parquet_has_the_same_columns(read: Read, tmp_path: Path) -> None:
    """Records inside Parquet are columns as those inside JSON are."""
    table = pa.Table.from_pylist([{**ROW, "x": {"a": {"b": "1"}, "list": [{"c": 1}]}}])
    pq.write_table(table, tmp_path / "bill.parquet")
    made = read({"bill.parquet": (tmp_path / "bill.parquet").read_bytes()})

    assert made.lines[0]["Extra"] == {"x.a.b": "1", "x.list": '[{"c":1}]'}


@pytest.mark.parametrize("said", [{}, {"format": "pricing"}])
def test_a_format_reads_files_of_its_own(
    read: Read, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    """What a format's records yield is bound as columns are, by name or by sniffing."""
    formats = {**plugins.bill_formats(), "pricing": Pricing()}
    for module in (layouts, records):
        monkeypatch.setattr(module, "bill_formats", lambda: formats)
    made = read({"own.csv": "prices\nA = 1.10\nB = 2E-3\n"}, **said)

    assert made.format == "pricing"
    assert [line["BilledCost"] for line in made.lines] == [Decimal("1.1"), Decimal("0.002")]
    assert made.lines[0]["Tags"] == {"n": "1.50", "team": "a"}
    assert made.lines[0]["Extra"] == {"path": "own.csv"}
