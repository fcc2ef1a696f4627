"""Readings of several small files as one, in memory: what agrees in all keys is added up.

The engine groups by ten texts at ten times this cost, and live readings are merged all the time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from percapita.core.tables import READINGS

Ints: TypeAlias = npt.NDArray[np.int64]

_TEXTS: Final = tuple(c.name for c in READINGS.columns if c.type == "string")
_FIRST: Final = ("time", "meter", "subject")
_ORDER: Final = (*_FIRST, *(name for name in _TEXTS if name not in _FIRST))
_BITS: Final = 62
_PIECE: Final = 64 << 10
"""Rows of a file that are read at once where one row after the other will do."""


def merged(paths: Sequence[Path]) -> pa.Table | None:
    """Return the readings of files, merged; nothing where that is left to the engine.

    It is where squares of traces, which are larger than a machine's word, are among them, or sums
    that might be.
    """
    texts = list(_TEXTS)
    return together(
        pa.concat_tables(
            pq.read_table(path, read_dictionary=texts, partitioning=None) for path in paths
        )
    )


def together(rows: pa.Table) -> pa.Table | None:
    """Do the same with rows that are in memory, their texts as dictionaries."""
    table = rows.unify_dictionaries()
    quantity = _numbers(table, "quantity")
    squared = table["trace_squares"].null_count < table.num_rows
    if squared or quantity.sum(dtype=np.float64) >= 2.0**_BITS:
        return None
    order = _order(table)
    if order is None:
        return None
    packed, at = order
    starts = np.flatnonzero(np.concatenate([[True], packed[at][1:] != packed[at][:-1]]))
    chosen: Any = pa.array(at[starts])
    first = table.take(chosen)
    for name, values in (("quantity", quantity), ("signals", _numbers(table, "signals"))):
        total = pa.array(np.add.reduceat(values[at], starts))
        first = first.set_column(first.schema.get_field_index(name), name, total)
    return first.select(READINGS.names)


def pieces(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield the rows of a file, some at a time."""
    with pq.ParquetFile(path, read_dictionary=list(_TEXTS)) as file:
        for batch in file.iter_batches(_PIECE, columns=None if columns is None else list(columns)):
            yield pa.Table.from_batches([batch])


class Totals:
    """Sums of readings by meter and time, exact: what merging them does not change."""

    COLUMNS: Final = ("time", "meter", "signals", "quantity", "trace_squares")

    def __init__(self) -> None:
        self._sums: dict[tuple[str | None, int], list[int]] = {}

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Self:
        """Return the sums of files."""
        found = cls()
        for path in paths:
            for rows in pieces(path, cls.COLUMNS):
                found.add(rows)
        return found

    def __eq__(self, other: object) -> bool:
        """Tell whether all sums are the same."""
        return isinstance(other, Totals) and self._sums == other._sums

    __hash__ = None  # type: ignore[assignment]

    def add(self, rows: pa.Table) -> None:
        """Add readings to the sums."""
        if not rows.num_rows:
            return
        meter: Any = rows["meter"].combine_chunks()
        keys = np.stack([_codes(rows, "meter"), _numbers(rows, "time")])
        order = np.lexsort(keys)
        changed = (keys[:, order][:, 1:] != keys[:, order][:, :-1]).any(axis=0)
        starts = np.flatnonzero(np.concatenate([[True], changed]))
        texts = [*meter.dictionary.to_pylist(), None]
        names = [texts[code] for code in keys[0][order[starts]].tolist()]
        times = keys[1][order[starts]].tolist()
        columns = [_summed(rows[name], order, starts) for name in self.COLUMNS[2:]]
        for name, time, *sums in zip(names, times, *columns, strict=True):
            had = self._sums.setdefault((name, time), [0] * len(sums))
            had[:] = map(int.__add__, had, sums)


def _summed(column: Any, order: Ints, starts: Ints) -> list[int]:  # noqa: ANN401 Arrow's
    """Add up a column by group, whatever it comes to; what is not known adds nothing."""
    if column.null_count == len(column):
        return [0] * len(starts)
    if pa.types.is_decimal(column.type):
        values = np.array([int(one or 0) for one in column.to_pylist()], object)
    else:
        values = np.asarray(column.to_numpy(zero_copy_only=False), np.int64)
        if np.abs(values.astype(np.float64)).sum() >= 2.0**_BITS:
            values = values.astype(object)
    return [int(total) for total in np.add.reduceat(values[order], starts)]


def _order(table: pa.Table) -> tuple[Ints, Ints] | None:
    """Return all keys of each row as one number, and an order of rows by it."""
    packed = np.zeros(table.num_rows, np.int64)
    bits = 0
    for name in _ORDER:
        if _is_one(table, name):
            continue
        codes = _codes(table, name)
        low = int(codes.min())
        size = int(codes.max()) - low + 1
        bits += size.bit_length()
        if bits > _BITS:
            return None
        packed = packed * size + (codes - low)
    return packed, np.argsort(packed, kind="stable")


def _is_one(table: pa.Table, name: str) -> bool:
    """Tell whether a text is the same in all rows, as most are in the readings of minutes."""
    column: Any = table[name]
    if name not in _TEXTS or not column.num_chunks:
        return False
    nulls = column.null_count
    return nulls == len(column) or (nulls == 0 and len(column.chunk(0).dictionary) == 1)


def _codes(table: pa.Table, name: str) -> Ints:
    """Return a key as numbers: of texts their place in the dictionary, -1 where there is none."""
    if name not in _TEXTS:
        return _numbers(table, name)
    column: Any = table[name].combine_chunks()
    indices = column.indices.fill_null(-1)
    return np.asarray(indices.to_numpy(zero_copy_only=False), np.int64)


def _numbers(table: pa.Table, name: str) -> Ints:
    column: Any = table[name].combine_chunks()
    return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)
