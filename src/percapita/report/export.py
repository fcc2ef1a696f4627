"""Flat tables as files that other programs read: CSV and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

from percapita.core.money import text

Rows = Sequence[Sequence[Any]]


def write_csv(stream: IO[str], header: Sequence[str], rows: Rows) -> None:
    """Write a table as CSV: amounts with every digit, what is not known as an empty field."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_plain(value) for value in row] for row in rows)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return text(value)
    return "" if value is None else value


def write_parquet(path: Path, header: Sequence[str], rows: Rows) -> None:
    """Write a table as Parquet: amounts are DECIMAL(38,18), counts INT64, all else text."""
    import pyarrow as pa  # noqa: PLC0415 only this format pays for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    arrays = [pa.array(list(values), type=_type(values)) for values in columns]
    pq.write_table(pa.Table.from_arrays(arrays, names=list(header)), path)


def _type(values: Sequence[Any]) -> Any:  # noqa: ANN401
    import pyarrow as pa  # noqa: PLC0415

    if any(isinstance(value, str) for value in values):
        return pa.string()
    if any(isinstance(value, int) for value in values):
        return pa.int64()
    if any(isinstance(value, Decimal) for value in values):
        return pa.decimal128(38, 18)
    return pa.string()
