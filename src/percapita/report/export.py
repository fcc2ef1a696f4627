"""Flat tables as files that other programs read: CSV and Parquet."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from percapita.core.money import text

if TYPE_CHECKING:
    import pyarrow as pa

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
    """Write a table as Parquet."""
    import pyarrow.parquet as pq  # noqa: PLC0415 only this format pays for it

    pq.write_table(arrow(header, rows), path)


def arrow(header: Sequence[str], rows: Rows) -> pa.Table:
    """Return a table in Arrow: amounts are DECIMAL(38,18), counts INT64, all else text."""
    import pyarrow as pa  # noqa: PLC0415 likewise

    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    arrays = [pa.array(_alike(values), type=_type(values)) for values in columns]
    return pa.Table.from_arrays(arrays, names=list(header))


def _alike(values: Sequence[Any]) -> list[Any]:
    """Return the values of a column as one type: a column of counts and amounts is of amounts."""
    if any(isinstance(value, str) for value in values):
        return [value if value is None else str(_plain(value)) for value in values]
    if any(isinstance(value, Decimal) for value in values):
        return [Decimal(value) if isinstance(value, int) else value for value in values]
    return list(values)


def _type(values: Sequence[Any]) -> Any:  # noqa: ANN401
    import pyarrow as pa  # noqa: PLC0415

    if any(isinstance(value, str) for value in values):
        return pa.string()
    if any(isinstance(value, Decimal) for value in values):
        return pa.decimal128(38, 18)
    if any(isinstance(value, int) for value in values):
        return pa.int64()
    return pa.string()
