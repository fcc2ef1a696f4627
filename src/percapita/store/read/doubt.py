"""The fixed SQL of how unsure sampled usage makes who an amount falls on.

The tables ``groups ledger slices`` are asked for under their own names, and views of the readings
that each demand counts. Sums are of whole numbers, so they are the same in whatever order.

Where some subjects alone are asked about, only their rows are read one by one; of everybody's
usage there are the sums of each window, cell and threshold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from percapita.core.tables.shape import WIDE
from percapita.store.engine import Engine, literal, quote
from percapita.store.kept.in_engine import in_engine
from percapita.store.read.cut import Cut
from percapita.store.read.rollup import Reader, receiver_column

SCALE: Final = 10**12
"""Variances of money are whole numbers of this part of a squared currency unit."""
_DIMENSIONS: Final = ("feature", "operation", "region")
_SUMS: Final = ("quantity", "sampled", "variance", "squares", "unknown")
_WINDOW: Final = {
    "demand": "int32", "start": "timestamp", "end": "timestamp", "cell": "string"
}  # fmt: skip
_READ: Final = ("quantity", "traced", "unknown")
_WHOLE: Final = {**_WINDOW, "threshold": "string", **dict.fromkeys(_READ, WIDE)}
_HELD: Final = {**_WHOLE, "subject": "int64", **dict.fromkeys(_DIMENSIONS, "string")}
_DAYS: Final = {"day": "date", "start": "timestamp", "end": "timestamp", "monthly": "bool"}
_CHANCES: Final = {"threshold": "string", "chance": "int64"}
RANGE: Final = 1 << 56
"""Probabilities are whole numbers of this part."""
_POOLS: Final = {"pool": "string", "meter": "string", "demand": "int32"}


class Demand(NamedTuple):
    """Readings that split a pool: a view of them, and what they are kept apart by."""

    number: int
    view: str
    cells: tuple[str, ...]
    dimensions: tuple[str, ...]


class Doubtful(NamedTuple):
    """What receivers that a question cannot tell apart got of one pool by sampled usage."""

    pool: str
    kind: str
    receivers: tuple[Any, ...]
    times: tuple[str | None, ...]
    amount: float
    own: int
    """Variance that their own sample leaves."""
    others: int
    """Variance that everybody else's leaves."""
    traces: tuple[int, int]
    """Of their own sample: what it stands for, and the squares over its traces."""
    rest: tuple[int, int]
    """Of everybody else's, likewise."""
    unknown: bool
    """Something in the split was kept with a probability that nothing tells."""


def sampled(engine: Engine, readings: str, *, unknown: bool) -> list[str]:
    """Return the meters of which signals stand for others."""
    untold = " OR (threshold IS NULL AND trace_squares IS NOT NULL)" if unknown else ""
    rows = in_engine(engine).rows(
        (readings,),
        f"SELECT DISTINCT meter FROM {readings} WHERE threshold > '0'{untold} ORDER BY 1",
    )
    return [str(row[0]) for row in rows]


def windows(engine: Engine, basis: str) -> list[tuple[datetime, datetime]]:
    """Return the windows that weights are of."""
    return engine.rows(
        "SELECT DISTINCT weight_start, weight_end FROM groups WHERE basis = ?"
        " AND weight_start IS NOT NULL ORDER BY ALL",
        [basis],
    )


def thresholds(engine: Engine, readings: str) -> list[str]:
    """Return the thresholds of signals that stand for others."""
    rows = engine.rows(
        f"SELECT DISTINCT threshold FROM {readings} WHERE threshold > '0' ORDER BY 1"
    )
    return [str(row[0]) for row in rows]


def prepare(
    engine: Engine,
    spans: Sequence[tuple[datetime, datetime, date, date]],
    chances: Mapping[str, int],
    pools: Iterable[tuple[str, str, int]],
    untold: Iterable[tuple[str, str]] = (),
) -> None:
    """Load what ``hold`` and ``doubtful`` join.

    Args:
        engine: where.
        spans: windows, each with its first local day and the day after its last.
        chances: threshold to the probability that a signal was kept with, of ``RANGE``.
        pools: pool, meter of its driver, number of the demand.
        untold: pool and meter of its driver, where nothing tells how unsure the split is.
    """
    days = [
        (first + timedelta(days=at), start, end, (last - first).days > 1)
        for start, end, first, last in spans
        for at in range((last - first).days)
    ]
    engine.load("doubt_days", _DAYS, days)
    engine.load("doubt_chances", _CHANCES, sorted(chances.items()))
    engine.load("doubt_pools", _POOLS, pools)
    engine.load("doubt_untold", _POOLS, [(pool, meter, -1) for pool, meter in untold])
    engine.load("doubt_held", _HELD, [])
    engine.load("doubt_whole", _WHOLE, [])


def hold(
    engine: Engine, demand: Demand, zone: str, *, unknown: bool, only: Sequence[int] = ()
) -> None:
    """Sum a demand's readings by window and cell: of each subject, or ``only`` some, and of all."""
    local = (
        f"CASE WHEN r.grain = 'hour' THEN CAST(r.time AT TIME ZONE {literal(zone)} AS DATE)"
        " ELSE CAST(r.time AT TIME ZONE 'UTC' AS DATE) END"
    )
    kept = [
        f"r.{quote(name)}" if name in demand.dimensions else f"NULL AS {quote(name)}"
        for name in _DIMENSIONS
    ]
    untold = "r.threshold IS NULL AND r.trace_squares IS NOT NULL" if unknown else "false"
    sums = [
        "sum(r.quantity)",
        "sum(coalesce(r.trace_squares, 0))",
        f"coalesce(sum(r.quantity) FILTER ({untold}), 0)",
    ]
    summed = ", ".join(f"{sql} AS {name}" for sql, name in zip(sums, _READ, strict=True))
    window = f'{demand.number} AS demand, d.start, d."end", {_cell(demand.cells)} AS cell'
    rows = (
        f"{demand.view} r JOIN doubt_days d ON d.day = {local}"
        " AND (d.monthly OR r.grain <> 'month')"
    )
    whose = f" WHERE r.subject IN ({', '.join(map(str, only))})" if only else ""
    engine.insert(
        "doubt_held",
        f"SELECT {window}, r.threshold, {summed}, r.subject, {', '.join(kept)} FROM {rows}{whose}"
        " GROUP BY ALL",
        _HELD,
    )
    everybody = f"SELECT {window}, r.threshold, {summed} FROM {rows} GROUP BY ALL"
    if not only:
        added = ", ".join(f"sum({name}) AS {name}" for name in _READ)
        everybody = (
            f'SELECT demand, start, "end", cell, threshold, {added} FROM doubt_held'
            f" WHERE demand = {demand.number} GROUP BY ALL"
        )
    engine.insert("doubt_whole", everybody, _WHOLE)


def doubtful(engine: Engine, cut: Cut, only: Sequence[int] = ()) -> list[Doubtful]:
    """Return how unsure each pool's split is, by what a question tells apart.

    Args:
        engine: where ``hold`` has summed.
        cut: what the question tells apart.
        only: the subjects that it is about; all of them if empty.
    """
    reader = Reader(engine, cut)
    keys, named = _keys(cut)
    key = ", ".join(keys)
    own = [f"{_whole(f'CAST(h.{name} AS DOUBLE) * l.w / l.whole')} AS {name}" for name in _SUMS]
    sql = _STEPS.format(
        groups=reader.weighed("doubt_pools"), named=named, key=key, scale=f"{SCALE}.0",
        alike=" AND ".join(f"h.{d} IS NOT DISTINCT FROM l.{d}" for d in _DIMENSIONS),
        dimensions=", ".join(f"l.{d}" for d in _DIMENSIONS),
        sums=", ".join(f"{sql} AS {name}" for sql, name in zip(_FROM_READ, _SUMS, strict=True)),
        parts=", ".join(own),
        whose=_whose(only),
    )  # fmt: skip
    middle, last = 2 + len(cut.receivers), len(keys)
    return [
        Doubtful(
            row[0], row[1], row[2:middle], row[middle:last], row[last],
            int(row[last + 1]), int(row[last + 2]), (int(row[last + 3]), int(row[last + 4])),
            (int(row[last + 5]), int(row[last + 6])), bool(row[last + 7]),
        )
        for row in engine.rows(sql, [cut.basis])
    ]  # fmt: skip


def untold(engine: Engine, cut: Cut, only: Sequence[int] = ()) -> list[Doubtful]:
    """Return what receivers got of pools whose split may be wrong by nobody knows how much."""
    _, named = _keys(cut)
    sql = _UNTOLD.format(
        groups=Reader(engine, cut).weighed("doubt_untold", through=True), named=named,
        whose=_whose(only),
    )  # fmt: skip
    middle = 2 + len(cut.receivers)
    return [
        Doubtful(
            row[0], row[1], row[2:middle], row[middle:-1], row[-1],
            own=0, others=0, traces=(0, 0), rest=(0, 0), unknown=True,
        )
        for row in engine.rows(sql, [cut.basis])
    ]  # fmt: skip


def _keys(cut: Cut) -> tuple[list[str], str]:
    """Return the columns that a question tells apart, and the SQL that makes them."""
    receivers = [receiver_column(place, name, "l") for place, name in cut.receivers]
    keys = ["pool", "kind", *(f"k{n}" for n in range(len(receivers) + len(cut.times)))]
    told = ["pool", "s.kind", *receivers, *(f"t{n}" for n in range(len(cut.times)))]
    return keys, ", ".join(f"{sql} AS {key}" for sql, key in zip(told, keys, strict=True))


def _whose(only: Sequence[int]) -> str:
    return f" AND l.subject IN ({', '.join(map(str, only))})" if only else ""


_UNTOLD: Final = """\
WITH g AS ({groups})
SELECT {named}, sum(CAST(l.amount AS DOUBLE) * g.inside) FROM ledger l
JOIN g ON g.period = l.period AND g."group" = l."group"
LEFT JOIN slices s ON s.period = l.period AND s.slice = l.slice
WHERE l.basis = ?{whose} GROUP BY ALL ORDER BY ALL
"""
_STEPS: Final = """\
WITH g AS ({groups}),
held AS (
  SELECT demand, start, "end", cell, subject, feature, operation, region, {sums}
  FROM (SELECT * FROM doubt_held UNION ALL
    SELECT * REPLACE ('*' AS cell) FROM doubt_held WHERE cell <> '') h
  LEFT JOIN doubt_chances c ON c.threshold = h.threshold GROUP BY ALL
),
per AS (
  SELECT demand, start, "end", cell, threshold, sum(quantity) AS quantity,
    sum(traced) AS traced, sum(unknown) AS unknown
  FROM (SELECT * FROM doubt_whole UNION ALL
    SELECT * REPLACE ('*' AS cell) FROM doubt_whole WHERE cell <> '') GROUP BY ALL
),
whole AS (
  SELECT demand, start, "end", cell, {sums} FROM per h
  LEFT JOIN doubt_chances c ON c.threshold = h.threshold GROUP BY ALL
),
l AS (
  SELECT l.*, sum(l.w) OVER (PARTITION BY l.period, l."group", l.subject, {dimensions}) AS whole
  FROM ledger l SEMI JOIN g ON g.period = l.period AND g."group" = l."group"
  WHERE l.basis = ? AND l.w > 0{whose}
),
own AS (
  SELECT g.period, g."group", {named}, any_value(g.amount) AS money,
    any_value(g.demand) AS demand, any_value(g.weight_start) AS start,
    any_value(g.weight_end) AS "end", any_value(g.at) AS at, {parts}
  FROM l JOIN g ON g.period = l.period AND g."group" = l."group"
  LEFT JOIN slices s ON s.period = l.period AND s.slice = l.slice
  JOIN held h ON h.demand = g.demand AND h.start = g.weight_start AND h."end" = g.weight_end
    AND h.cell = g.at AND h.subject = l.subject AND {alike}
  GROUP BY g.period, g."group", {key}
),
seen AS (
  SELECT {key}, o.money, o.quantity / w.quantity AS part, o.variance AS mine,
    greatest(w.variance - o.variance, 0) AS theirs, w.quantity AS total,
    o.sampled, o.squares, w.sampled - o.sampled AS rest,
    greatest(w.squares - o.squares, 0) AS rest2,
    w.unknown > 0 AS untold
  FROM own o JOIN whole w ON w.demand = o.demand AND w.start = o.start AND w."end" = o."end"
    AND w.cell = o.at WHERE w.quantity > 0
)
SELECT {key}, CAST(sum(CAST(round(money * part * {scale}) AS HUGEINT)) AS DOUBLE) / {scale},
  sum(CAST(round(mine * pow(money * (1 - part) / total, 2) * {scale}) AS HUGEINT)),
  sum(CAST(round(theirs * pow(money * part / total, 2) * {scale}) AS HUGEINT)),
  sum(sampled), sum(squares), sum(rest), sum(rest2), bool_or(untold)
FROM seen GROUP BY ALL ORDER BY ALL
"""


def _whole(sql: str) -> str:
    return f"sum(CAST(round({sql}) AS HUGEINT))"


_TRACED: Final = "CAST(h.traced AS DOUBLE)"
_FROM_READ: Final = (
    "sum(h.quantity)",
    "coalesce(sum(h.quantity) FILTER (c.threshold IS NOT NULL), 0)",
    _whole(f"coalesce({_TRACED} * ({RANGE}.0 - c.chance) * {RANGE}.0 / pow(c.chance, 2), 0)"),
    _whole(f"coalesce({_TRACED} * pow({RANGE}.0 / c.chance, 2), 0)"),
    "sum(h.unknown)",
)
"""``_SUMS`` of rows of each threshold: quantity, sampled, variance, squares, unknown."""


def _cell(columns: Sequence[str]) -> str:
    """Return the SQL of a cell's name, as the groups have it."""
    if not columns:
        return "''"
    texts = []
    for name in columns:
        safe = f"replace(replace(r.{quote(name)}, '\\', '\\\\'), '\"', '\\\"')"
        texts.append(f"coalesce('\"' || {safe} || '\"', 'null')")
    return f"'[' || {' || chr(44) || '.join(texts)} || ']'"
