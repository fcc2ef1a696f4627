"""Flat tables as files that other programs read: CSV and Parquet."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from percapita.core.money import text
from percapita.report.cost.as_json import MONEY_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

Rows = Sequence[Sequence[Any]]
_COUNT: Final = "units"
_MONEY: Final = re.compile(r"-?[0-9]+\.[0-9]{2,18}")
"""Amounts as JSON carries them: two places at least, no exponent."""
_NUMBER: Final = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet reads as the start of a formula."""


def write_csv(stream: IO[str], header: Sequence[str | None], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table as CSV: amounts with every digit, what is not known as an empty field.

    Names come from anywhere, also from requests of strangers. One that a spreadsheet would take
    for a formula is written behind an apostrophe, so that it opens as the text that it is.
    """
    write = row_writer(stream)
    if header:
        write([_inert(name) for name in header])
    for row in rows:
        write([_inert(_plain(value)) for value in row])


def row_writer(stream: IO[str]) -> Callable[[Sequence[object]], None]:
    """Return what writes a row of CSV.

    Python quotes no line end but the one that it writes, and a reader takes any of them for one.
    """
    plain = csv.writer(stream, lineterminator="\n")
    quoting = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(cells: Sequence[object]) -> None:
        (quoting if any(map(_breaks, cells)) else plain).writerow(cells)

    return write


def _breaks(value: object) -> bool:
    return isinstance(value, str) and "\r" in value


def _inert(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return text(value)
    return "" if value is None else value


def write_parquet(out: Path | IO[bytes], header: Sequence[str], rows: Rows) -> None:
    """Write a table as Parquet."""
    import pyarrow.parquet as pq  # noqa: PLC0415 only this format pays for it

    pq.write_table(arrow(header, rows), out)


def arrow(header: Sequence[str], rows: Rows) -> pa.Table:
    """Return a table in Arrow: amounts are DECIMAL(38,18), counts INT64, all else text.

    A column has the type that its name says, so that one without a value is no text.
    """
    import pyarrow as pa  # noqa: PLC0415 likewise

    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    kinds: dict[str, Any] = {
        _COUNT: pa.int64(),
        **dict.fromkeys(MONEY_COLUMNS, pa.decimal128(38, 18)),
    }
    arrays = []
    for name, values in zip(header, columns, strict=True):
        known = kinds.get(name) if all(value is None for value in values) else None
        arrays.append(pa.array(_alike(values), type=known or _type(values)))
    return pa.Table.from_arrays(arrays, names=list(header))


def exact(rows: Rows) -> list[list[Any]]:
    """Return rows of a JSON statement, its exact texts as the amounts that they are."""
    columns = [
        [Decimal(value) if isinstance(value, str) else value for value in values]
        if _is_money(values) else [_flat(value) for value in values]
        for values in zip(*rows, strict=True)
    ]  # fmt: skip
    return [list(row) for row in zip(*columns, strict=True)]


def _is_money(values: Sequence[Any]) -> bool:
    texts = [value for value in values if value is not None and not isinstance(value, int)]
    return bool(texts) and all(
        isinstance(value, Decimal) or (isinstance(value, str) and _MONEY.fullmatch(value))
        for value in texts
    )


def _flat(value: object) -> object:
    return json.dumps(value) if isinstance(value, (list, dict, bool)) else value


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
