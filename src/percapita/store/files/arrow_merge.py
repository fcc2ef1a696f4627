"""Readings of several small files as one, in memory: what agrees in all keys is added up.

The engine groups by ten texts at ten times this cost, and live readings are merged all the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

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


def merged(paths: Sequence[Path]) -> pa.Table | None:
    """Return the readings of files, merged; nothing where that is left to the engine.

    It is where squares of traces, which are larger than a machine's word, are among them, or sums
    that might be.
    """
    texts = list(_TEXTS)
    table = pa.concat_tables(
        pq.read_table(path, read_dictionary=texts, partitioning=None) for path in paths
    ).unify_dictionaries()
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
