"""The benchmark's usage: seeded, skewed as people are, in the order that import leaves it in.

Events are drawn independently: an hour of the month, one of 8 meters, one of 32 operations and a
user by Zipf's law. What agrees in all of them is one reading, as import sums it. The number of
events is solved for, so that the readings are as many as asked.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED: Final = 20251101
USERS: Final = 1_000_000
FIRST: Final = datetime(2025, 11, 1, tzinfo=UTC)
DAYS: Final = 30
OPERATIONS: Final = 32
EXPONENT: Final = 1.0921
"""Of Zipf's law over the users. 100 M readings of it are 28.5 M (day, meter, user) groups."""

METERS: Final = ("cpu", "egress", "jobs", "memory", "queries", "queries.capacity", "requests",
                 "storage", "tokens")  # fmt: skip
"""In the order that import sorts by; the capacity is nobody's usage and stands apart."""
CAPACITY: Final = METERS.index("queries.capacity")
DATABASES: Final = 3
_USED: Final = np.array([at for at in range(len(METERS)) if at != CAPACITY], dtype=np.int64)
_CELLS: Final = DAYS * 24 * len(_USED) * OPERATIONS
_ANONYMOUS: Final = 64
"""One event in so many names nobody."""


def zipf() -> np.ndarray:
    """Return each user's share of the events, the busiest first."""
    shares = np.arange(1, USERS + 1, dtype=np.float64) ** -EXPONENT
    return shares / shares.sum()


def events_for(rows: int) -> int:
    """Return how many events make so many readings, on average."""
    shares = zipf() / _CELLS

    def expected(events: float) -> float:
        return _CELLS * float(-np.expm1(-shares * events).sum())

    low, high = rows / 2, rows * 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if expected(middle) < rows else (low, middle)
    return int(high)


def write(folder: Path, rows: int, numbers: np.ndarray) -> list[Path]:
    """Write one file of small integers a day; return them. Files of an earlier call are kept.

    ``numbers`` are the users' subject numbers; who is busy among them is drawn too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ranked = np.random.default_rng(SEED).permutation(numbers)
    edges = np.cumsum(zipf())
    events = events_for(rows) // DAYS
    paths = []
    for day in range(DAYS):
        path = folder / f"{day:02}.parquet"
        if not path.exists():
            draft = path.with_suffix(".draft")
            pq.write_table(_day(day, events, ranked, edges), draft, compression="zstd")
            draft.rename(path)
        paths.append(path)
    return paths


def _day(day: int, events: int, ranked: np.ndarray, edges: np.ndarray) -> pa.Table:
    draw = np.random.default_rng([SEED, day])
    users = np.minimum(np.searchsorted(edges, draw.random(events)), USERS - 1)
    subject = ranked[users]
    subject[draw.integers(0, _ANONYMOUS, events) == 0] = 0
    hour = draw.integers(0, 24, events)
    meter = _USED[draw.integers(0, len(_USED), events)]
    operation = draw.integers(0, OPERATIONS, events)
    # Packed in the order of import: time, meter, subject, then the dimensions.
    packed = ((hour * 16 + meter) << 30 | subject) * OPERATIONS + operation
    given, signals = np.unique(packed, return_counts=True)
    quantity = signals * draw.integers(1, 1000, len(given))
    packed, signals, quantity = _with_capacity(given, signals, quantity)
    code, operation = np.divmod(packed, OPERATIONS)
    slot, subject = code >> 30, code & ((1 << 30) - 1)
    return pa.table({
        "hour": pa.array(day * 24 + slot // 16, pa.int32()),
        "meter": pa.array(slot % 16, pa.int8()),
        "subject": pa.array(subject, pa.int64()),
        "operation": pa.array(operation, pa.int8()),
        "signals": pa.array(signals, pa.int64()),
        "quantity": pa.array(quantity, pa.int64()),
    })  # fmt: skip


def _with_capacity(
    packed: np.ndarray, signals: np.ndarray, quantity: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add the hourly capacity of each database: a quarter more than all of them use on average."""
    hour, database = np.divmod(np.arange(24 * DATABASES), DATABASES)
    added = (((hour * 16 + CAPACITY) << 30) * OPERATIONS) + database
    queries = (packed // OPERATIONS >> 30) % 16 == METERS.index("queries")
    each = int(quantity[queries].sum()) * 5 // 4 // len(added)
    both = np.concatenate([packed, added])
    order = np.argsort(both, kind="stable")
    ones = np.ones(len(added), dtype=signals.dtype)
    sized = np.full(len(added), each, dtype=quantity.dtype)
    return (both[order], np.concatenate([signals, ones])[order],
            np.concatenate([quantity, sized])[order])  # fmt: skip


def relation(paths: list[Path]) -> str:
    """Return the SQL of the readings under their columns' names, in the order of the files."""
    files = ", ".join(f"'{path}'" for path in paths)
    names = ", ".join(f"'{name}'" for name in METERS)
    first = FIRST.strftime("%Y-%m-%d %H:%M:%S+00")
    queries = METERS.index("queries")
    return f"""
        SELECT TIMESTAMPTZ '{first}' + to_hours(hour) AS time, 'hour' AS grain,
               [{names}][meter + 1] AS meter, subject,
               CASE WHEN subject > 0 THEN 'user' END AS level,
               CASE WHEN meter = {METERS.index("cpu")} THEN
                 ['api', 'workers', 'mesh', 'control plane'][subject % 16 // 5 + 1] END AS service,
               CASE WHEN meter = {queries} THEN 'db-' || subject % {DATABASES}
                    WHEN meter = {CAPACITY} THEN 'db-' || operation END AS resource,
               NULL AS cluster, NULL AS namespace, NULL AS feature,
               CASE WHEN meter <> {CAPACITY} THEN format('/v1/{{:02}}', operation) END AS operation,
               NULL AS region, signals, quantity, NULL AS threshold, NULL AS trace_squares
        FROM read_parquet([{files}])
    """


def hour_of(number: int) -> datetime:
    """Return the first instant of the month's hour."""
    return FIRST + timedelta(hours=number)
