"""Rows summed by hour, meter, subject and cell: what becomes readings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from percapita.core.tables import READINGS
from percapita.telemetry.digest.count.signals import Names
from percapita.telemetry.digest.decode.resources import CELLS
from percapita.telemetry.digest.decode.wire import Ints
from percapita.telemetry.digest.decode.words import ABSENT, unique
from percapita.telemetry.digest.meters.plan import Called
from percapita.telemetry.digest.meters.sampling import WHOLE, adjusted
from percapita.telemetry.digest.rows import LEVELS, Rows

HOUR: Final = 3_600 * 10**9
_HOUR_MICROSECONDS: Final = 3_600 * 10**6
_MOST: Final = 1 << 62
"""What the sums of a batch stay under."""
_BITS: Final = 62


class TooMuchUsageError(ValueError):
    """Quantities of one batch sum to more than a reading can hold."""


class Carries(Protocol):
    """The exact sums of sampled readings so far: the sum is rounded, not what is added to it."""

    def get(self, keys: Sequence[str]) -> Mapping[str, int]:
        """Return the sums of those that have one."""

    def put(self, totals: Mapping[str, int], hours: Mapping[str, int]) -> None:
        """Remember new sums, and which hour each is of."""


class _Groups(NamedTuple):
    """Rows in an order in which those of one reading stand together."""

    order: Ints
    starts: Ints
    columns: dict[str, Ints]
    """Keys of each reading."""

    def sums(self, values: Any) -> Any:  # noqa: ANN401
        """Add up the values of each group."""
        return np.add.reduceat(values[self.order], self.starts)


class _Found(NamedTuple):
    """What one meter got."""

    meter: str
    of: Ints
    """The groups that have something of it."""
    quantity: Ints
    signals: Ints
    squares: list[int | None] | None


def summed(
    rows: Rows, names: Names, carries: Carries, callings: Mapping[str, Called], *, squares: bool
) -> pa.Table | None:
    """Return the readings of rows, in the columns of their table; nothing where there are none.

    Args:
        rows: what is to be counted, once.
        names: texts behind the codes.
        carries: exact sums of sampled readings.
        callings: attributes that operations of a meter are called by, where it has its own.
        squares: sum the squares of each trace's quantities also where sampling is not known.

    Raises:
        TooMuchUsageError: the sums would not fit.
    """
    parts = [
        _summed(part, names, carries, squares=squares)
        for by in sorted({callings.get(meter, ()) for meter in rows.quantities})
        if len(part := rows.of([m for m in rows.quantities if callings.get(m, ()) == by], by))
    ]
    tables = [part for part in parts if part is not None]
    return pa.concat_tables(tables) if tables else None


def _summed(rows: Rows, names: Names, carries: Carries, *, squares: bool) -> pa.Table | None:
    """Return the readings of meters that call their operations alike."""
    groups = _grouped(rows)
    found = []
    for meter in sorted(rows.quantities):
        values = rows.quantities[meter]
        counted = values >= 0
        values = np.where(counted, values, 0)
        if values.sum(dtype=np.float64) > _MOST:
            raise TooMuchUsageError(meter)
        signals = groups.sums(counted.astype(np.int64))
        of = np.flatnonzero(signals)
        if len(of):
            total = groups.sums(values)[of]
            squared = _squares(rows, groups, values, of, names, unknown=squares)
            found.append(_Found(meter, of, total, signals[of], squared))
    return _table([_weighed(one, groups, names, carries) for one in found], groups, names)


def _grouped(rows: Rows) -> _Groups:
    subject, level = rows.subject()
    columns = {
        "hour": rows.at // HOUR, "cell": rows.cell, "operation": rows.operation,
        "feature": rows.feature, "threshold": rows.threshold, "level": level, "subject": subject,
    }  # fmt: skip
    order = _order(list(columns.values()))
    changed = np.zeros(len(rows), np.bool_)
    changed[0] = True
    for column in columns.values():
        held = column[order]
        changed[1:] |= held[1:] != held[:-1]
    starts = np.flatnonzero(changed)
    first = order[starts]
    return _Groups(order, starts, {name: column[first] for name, column in columns.items()})


def _order(columns: Sequence[Ints]) -> Ints:
    """Return an order in which equal rows stand together: of one number, if all fit in one."""
    lows = [int(column.min()) for column in columns]
    sizes = [int(column.max()) - low + 1 for column, low in zip(columns, lows, strict=True)]
    if sum(size.bit_length() for size in sizes) > _BITS:
        return np.lexsort(columns)
    packed = np.zeros(len(columns[0]), np.int64)
    for column, low, size in zip(columns, lows, sizes, strict=True):
        packed = packed * size + (column - low)
    return np.argsort(packed)


def _squares(
    rows: Rows, groups: _Groups, values: Ints, of: Ints, names: Names, *, unknown: bool
) -> list[int | None] | None:
    """Return for each group the sum over its traces of what each used, squared.

    Nothing where every trace was kept: there the total is known, not estimated.
    """
    threshold = groups.columns["threshold"][of]
    whole = [at for at, text in enumerate(names.thresholds) if text == WHOLE]
    needed = np.where(threshold >= 0, ~np.isin(threshold, whole), unknown)
    if not needed.any():
        return None
    group = np.empty(len(rows), np.int64)
    group[groups.order] = np.repeat(
        np.arange(len(groups.starts)), np.diff(groups.starts, append=len(rows))
    )
    # Who has no trace is a sample of its own.
    trace = np.where(rows.trace == 0, np.arange(len(rows)).astype(np.uint64), rows.trace)
    order = np.lexsort((trace, group))
    changed = np.ones(len(rows), np.bool_)
    changed[1:] = np.diff(group[order]) != 0
    changed[1:] |= trace[order][1:] != trace[order][:-1]
    starts = np.flatnonzero(changed)
    each = np.add.reduceat(values[order], starts).astype(object)
    totals: dict[int, int] = {}
    for owner, amount in zip(group[order][starts].tolist(), each.tolist(), strict=True):
        totals[owner] = totals.get(owner, 0) + amount * amount
    return [totals[g] if n else None for g, n in zip(of.tolist(), needed.tolist(), strict=True)]


def _weighed(found: _Found, groups: _Groups, names: Names, carries: Carries) -> _Found:
    """Let sampled quantities stand for all that they are a sample of."""
    threshold = groups.columns["threshold"][found.of]
    whole = [ABSENT, *(at for at, text in enumerate(names.thresholds) if text == WHOLE)]
    sampled = np.flatnonzero(~np.isin(threshold, whole))
    if not len(sampled):
        return found
    quantity = found.quantity.copy()
    keys = [_key(found.meter, groups, int(found.of[at]), names) for at in sampled.tolist()]
    before = carries.get(keys)
    totals, hours = {}, {}
    for at, key in zip(sampled.tolist(), keys, strict=True):
        text = names.thresholds[threshold[at]]
        had = before.get(key, 0)
        totals[key] = had + int(quantity[at])
        hours[key] = int(groups.columns["hour"][found.of[at]])
        quantity[at] = adjusted(totals[key], text) - adjusted(had, text)
    carries.put(totals, hours)
    return found._replace(quantity=quantity)


def _key(meter: str, groups: _Groups, at: int, names: Names) -> str:
    """Return the hash of all that tells one reading from another."""
    columns = {name: int(column[at]) for name, column in groups.columns.items()}
    shown = names.lexicon.shown
    told = (
        meter, columns["hour"], columns["level"], columns["subject"], names.cells[columns["cell"]],
        shown(columns["operation"]), shown(columns["feature"]),
        names.thresholds[columns["threshold"]],
    )  # fmt: skip
    return hashlib.blake2b(repr(told).encode(), digest_size=16).hexdigest()


def _table(found: Sequence[_Found], groups: _Groups, names: Names) -> pa.Table | None:
    """Return the readings of all meters; what does not depend on the meter is made once."""
    if not found:
        return None
    shared = _shared(groups, names)
    return pa.concat_tables(_of_meter(one, shared) for one in found)


def _of_meter(found: _Found, shared: pa.Table) -> pa.Table:
    if len(found.of) < shared.num_rows:
        shared = shared.take(found.of)
    count = shared.num_rows
    wide = pa.decimal128(38, 0)
    made = {
        "meter": _texts(np.zeros(count, np.int64), lambda _: found.meter),
        "signals": pa.array(found.signals),
        "quantity": pa.array(found.quantity),
        "trace_squares": pa.nulls(count, wide)
        if found.squares is None
        else pa.array(found.squares, wide),
    }
    columns = {name: made[name] if name in made else shared[name] for name in READINGS.names}
    return pa.table(columns)


def _shared(groups: _Groups, names: Names) -> pa.Table:
    columns = groups.columns
    shown = names.lexicon.texts.__getitem__
    time = pa.array(columns["hour"] * _HOUR_MICROSECONDS).cast(pa.timestamp("us", tz="UTC"))
    made: dict[str, Any] = {
        "time": time,
        "grain": _texts(np.zeros(len(time), np.int64), lambda _: "hour"),
        "subject": pa.array(columns["subject"]),
        "level": _texts(columns["level"] - 1, lambda at: LEVELS[at + 1]),
        "feature": _texts(columns["feature"], shown),
        "operation": _texts(columns["operation"], shown),
        "threshold": _texts(columns["threshold"], names.thresholds.__getitem__),
    }
    for at, name in enumerate(CELLS):
        made[name] = _texts(columns["cell"], lambda code, at=at: names.cells[code][at])
    return pa.table(made)


def _texts(codes: Ints, text: Any) -> Any:  # noqa: ANN401
    """Return codes as texts; below 0 there is none."""
    different, which = unique(codes)
    found = [text(code) if code >= 0 else None for code in different]
    gone = np.array([one is None for one in found], np.bool_)
    indices: Any = pa.array(which.astype(np.int32), mask=gone[which] if gone.any() else None)
    return pa.DictionaryArray.from_arrays(indices, pa.array([one or "" for one in found]))
