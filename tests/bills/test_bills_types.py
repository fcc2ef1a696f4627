"""A Parquet file of decimals and instants says what the same bill says as text."""

from __future__ import annotations

import io
import json
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


def _parquet(
    amount: pa.DataType, instant: pa.DataType, rows: list[dict[str, str]], *, tags: bool = False
) -> bytes:
    """Return the rows as a file whose costs and times have these types, and perhaps its tags."""
    columns: dict[str, Any] = {}
    for name in ROW | ROWS[0]:
        cells = [{**ROW, **row}.get(name) or None for row in rows]
        if name.endswith("Cost") or name == "x_Price":
            columns[name] = pa.array([Decimal(cell) if cell else None for cell in cells], amount)
        elif "Period" in name:
            zone = UTC if getattr(instant, "tz", None) else None
            times = [
                datetime.fromisoformat(cell).replace(tzinfo=zone) if cell else None
                for cell in cells
            ]
            columns[name] = pa.array(times, instant)
        elif name == "Tags" and tags:
            maps = [list(json.loads(cell).items()) if cell else None for cell in cells]
            columns[name] = pa.array(maps, pa.map_(pa.string(), pa.string()))
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


TAGS = {
    "in order": ['{"a": "1", "b": "2"}', '{"b": "3"}', "{}", ""],
    "out of order": ['{"b": "1", "a": "2"}'],
    "without a value": ['{"a": null, "b": "2"}', '{"a": null}'],
    "words and blanks": ['{"a": "null", " b ": " x ", "c": ""}', '{"ä": "\\"", "z": "{}"}'],
}


@pytest.mark.parametrize("case", TAGS)
def test_maps_are_the_tags_that_their_text_says(read: Read, case: str) -> None:
    """Tags kept as a map become those of the same tags written as JSON."""
    rows = [{**ROWS[0], "BilledCost": str(n), "Tags": t} for n, t in enumerate(TAGS[case])]
    of_text = read(text(rows)).lines
    content = _parquet(pa.decimal128(30, 12), pa.timestamp("us"), rows, tags=True)
    made = read({"bill.parquet": content}, path="bills/bill.parquet").lines

    assert [line["Tags"] for line in made] == [line["Tags"] for line in of_text]
    assert [line["LineId"] for line in made] == [line["LineId"] for line in of_text]


DATES = {
    "no length": {"ChargePeriodEnd": "2025-10-05T00:00:00Z"},
    "no end": {"ChargePeriodEnd": ""},
    "no charge period": {"ChargePeriodStart": "", "ChargePeriodEnd": ""},
    "no end of the month": {"BillingPeriodEnd": ""},
    "an instant in the month": {
        "BillingPeriodStart": "2025-01-31T12:00:00.000001Z",
        "BillingPeriodEnd": "",
    },
    "end before start": {"ChargePeriodEnd": "2025-10-04T00:00:00Z"},
}


@pytest.mark.parametrize("case", DATES)
def test_instants_name_the_periods_that_their_text_names(read: Read, case: str) -> None:
    """Periods that a file leaves open are closed alike, whatever its times are kept as."""
    rows = [ROWS[1], {**ROWS[0], **DATES[case]}]
    of_text = read(text(rows))
    for zone in (None, "UTC"):
        content = _parquet(pa.decimal128(30, 12), pa.timestamp("us", zone), rows)
        made = read({"bill.parquet": content}, path="bills/bill.parquet")

        assert [line["LineId"] for line in made.lines] == [line["LineId"] for line in of_text.lines]
        assert [item.code for item in made.quarantined] == [
            item.code for item in of_text.quarantined
        ]


def test_a_bill_of_many_years(read: Read) -> None:
    """Each line stands in the month of its instant, however many months there are."""
    starts = [datetime(1995 + year, 3, 31, 23, 59, tzinfo=UTC) for year in range(20)]
    rows = [
        {**ROWS[0], "BillingPeriodStart": f"{at:%Y-%m-%dT%H:%M:%SZ}", "BillingPeriodEnd": ""}
        for at in starts
    ]
    content = _parquet(pa.decimal128(30, 12), pa.timestamp("us"), rows)
    lines = read({"bill.parquet": content}).lines

    assert sorted(line["period"] for line in lines) == [f"{at:%Y-%m}" for at in starts]


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
