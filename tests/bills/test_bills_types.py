"""A Parquet file of decimals and instants says what the same bill says as text."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bills.bill_texts import ROW, Read, text

AMOUNTS = ("1.5", "-0.000000000001", "99999999999999999", "0")
HOURS = [datetime(2025, 10, 5, hour, tzinfo=UTC) for hour in range(len(AMOUNTS))]
ROWS = [
    {
        **dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), amount),
        "ChargePeriodStart": f"{hour:%Y-%m-%dT%H:%M:%SZ}",
        "x_Price": "0.25",
    }
    for amount, hour in zip(AMOUNTS, HOURS, strict=True)
]


def _parquet(amount: pa.DataType, instant: pa.DataType, rows: list[dict[str, str]]) -> bytes:
    """Return the rows as a file whose costs and times have these types."""
    columns: dict[str, Any] = {}
    for name in ROW | ROWS[0]:
        cells = [{**ROW, **row}.get(name) or None for row in rows]
        if name.endswith("Cost") or name == "x_Price":
            columns[name] = pa.array([Decimal(cell) if cell else None for cell in cells], amount)
        elif "Period" in name:
            zone = UTC if getattr(instant, "tz", None) else None
            times = [datetime.fromisoformat(str(cell)).replace(tzinfo=zone) for cell in cells]
            columns[name] = pa.array(times, instant)
        else:
            columns[name] = pa.array(cells, pa.string())
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("amount", "instant"),
    [
        (pa.decimal128(30, 12), pa.timestamp("us")),
        (pa.decimal128(36, 18), pa.timestamp("us", "UTC")),
        (pa.decimal128(38, 12), pa.timestamp("ms", "UTC")),
    ],
    ids=["decimal", "money", "too wide for money"],
)
def test_the_same_lines_as_from_text(read: Read, amount: pa.DataType, instant: pa.DataType) -> None:
    """Whatever types the file has, lines and their ids are those of the text."""
    apart = ("Extra", "file")
    of_text = read(text(ROWS)).lines
    content = {"bill.parquet": _parquet(amount, instant, ROWS)}
    made = read(content, path="bills/bill.parquet").lines

    assert [{k: v for k, v in line.items() if k not in apart} for line in made] == [
        {k: v for k, v in line.items() if k not in apart} for line in of_text
    ]
    assert [Decimal(line["Extra"]["x_Price"]) for line in made] == [Decimal("0.25")] * len(ROWS)


def test_rows_without_an_amount_are_set_aside(read: Read) -> None:
    """A row whose decimals are all null is quarantined, the others are lines."""
    empty = {**ROWS[0], **dict.fromkeys(ROWS[0].keys() & ROW.keys() - {"ChargePeriodStart"}, "")}
    made = read({"bill.parquet": _parquet(pa.decimal128(30, 12), pa.timestamp("us"),
                                          [*ROWS, empty])})  # fmt: skip

    assert len(made.lines) == len(ROWS)
    assert [(item.row, item.code) for item in made.quarantined] == [(len(ROWS) + 1, "no-amount")]


def test_files_of_other_types_are_one_delivery(read: Read) -> None:
    """Two files with the same columns of different types are read side by side."""
    one = _parquet(pa.decimal128(30, 12), pa.timestamp("us"), ROWS)
    other = _parquet(pa.decimal128(38, 12), pa.timestamp("us", "UTC"), ROWS[:1])
    made = read({"a.parquet": one, "b.parquet": other})

    assert sum(line["BilledCost"] for line in made.lines) == sum(
        Decimal(amount) for amount in (*AMOUNTS, AMOUNTS[0])
    )
    assert len({line["LineId"] for line in made.lines}) == len(ROWS) + 1


def test_a_date_that_cannot_be_meant(read: Read) -> None:
    """An instant far from any bill is no date, though its type is one."""
    made = read({"bill.parquet": _parquet(pa.decimal128(30, 12), pa.timestamp("us"),
                 [ROWS[0], {**ROWS[1], "ChargePeriodStart": "1887-01-01T00:00:00Z"}])})  # fmt: skip

    assert [item.code for item in made.quarantined] == ["not-a-date"]
