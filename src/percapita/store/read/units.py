"""The fixed SQL of the denominators: who was active, who was counted.

The tables ``activity presence slices counts readings`` are asked for under their
own names. Days are local ones, the last one of a span not included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from percapita.core.periods import next_month
from percapita.core.subjects import CLASS_OF_KIND
from percapita.store.engine import Engine, literal
from percapita.store.kept.in_engine import in_engine
from percapita.store.read.rollup import receiver_column

_NOBODY: Final = ", ".join(literal(kind) for kind in CLASS_OF_KIND)
_PERIOD_OF_DAY: Final = "strftime({day}, '%Y-%m')"
_OWN_PERIOD: Final = (
    # A day near a month's end may stand in two periods.
    f"(r.period = {_PERIOD_OF_DAY}"
    f" OR {_PERIOD_OF_DAY} NOT IN (SELECT DISTINCT period FROM {{table}}))"
)
_SLICED: Final = "r JOIN slices s ON s.period = r.period AND s.slice = r.slice"
_PRESENT: Final = (
    "SELECT *, unnest(CAST(string_split(slices, ',') AS BIGINT[])) AS slice FROM presence"
)


class Counting(NamedTuple):
    """Which units are counted, and by what."""

    unit: str
    metered: bool
    window: str
    """day, week, month or quarter: each counts its subjects anew."""
    first: date
    last: date
    receivers: tuple[tuple[str, str], ...]
    """(place, name): attribute of the slice, or subject of a kind."""
    times: tuple[str, ...]
    """``day`` and ``month``."""
    where: tuple[tuple[str, str, str | int | None], ...]
    """(place, name, value) that a receiver or a time must have."""
    without: Mapping[str, str]
    """Attributes of subjects that are no units: those of a free tier that is acquisition."""


class Named(NamedTuple):
    """A subject that stands for many users."""

    subject: int
    kind: str
    """tenant or segment."""
    label: str


def activity(
    engine: Engine, counting: Counting, *, counted: bool
) -> tuple[list[tuple[tuple[Any, ...], int]], int]:
    """Return the units by receiver, then time, and those of all together.

    ``counted``: every period bound has its table ``presence``, which is asked where it can tell.
    """
    found = engine.rows(*_counting(engine, counting, ahead=counted))
    together = counting._replace(receivers=(), times=())
    whole = found
    if together != counting:
        whole = engine.rows(*_counting(engine, together, ahead=counted))
    return [(row[:-1], int(row[-1])) for row in found], sum(int(row[-1]) for row in whole)


def _counting(engine: Engine, counting: Counting, *, ahead: bool) -> tuple[str, list[Any]]:
    """Return the statement that counts, and its parameters."""
    heads = heads_of(counting) if ahead else None
    columns = [receiver_column(place, name, "r") for place, name in counting.receivers]
    columns += [_time(name, heads) for name in counting.times]
    present = in_engine(engine).table(("presence",), _PRESENT) if heads else ""
    source, given = _counted(counting, heads, present)
    return (_count if heads is None else _count_heads)(counting, columns, source), given


def heads_of(counting: Counting) -> str | None:
    """Return the grain of ``presence`` that answers; ``None`` where only ``activity`` can.

    Heads of pieces of time may be added up only where the question itself counts by piece.
    """
    told = [*counting.receivers, *((place, name) for place, name, _ in counting.where)]
    if counting.metered or any(place not in ("attribute", "time") for place, _ in told):
        return None
    times = {*counting.times, *(name for place, name, _ in counting.where if place == "time")}
    if "day" in times or counting.window == "day":
        return "day"
    if counting.first.day != 1 or counting.last.day != 1:
        return None
    if "month" in times or next_month(counting.first) == counting.last:
        return "week" if counting.window == "week" else "month"
    return "month" if counting.window == "month" else None


def measured(engine: Engine, level: str, meters: Sequence[str], first: date, last: date) -> bool:
    """Tell whether some meters were read, any if none is named, and only for one level."""
    among = f"meter IN ({', '.join('?' * len(meters))})" if meters else "true"
    found = engine.value(
        "SELECT bool_and(subject > 0 AND level = ?) FROM readings"
        f" WHERE quantity > 0 AND time >= ? AND time < ? AND {among}",
        [level, first, last, *meters],
    )
    return bool(found)


def active_days(engine: Engine, counting: Counting) -> dict[int, int]:
    """Return on how many days each subject was active."""
    source, given = _counted(counting)
    rows = engine.rows(f"SELECT r.subject, count(DISTINCT r.day) {source} GROUP BY ALL", given)
    return {int(subject): int(days) for subject, days in rows}


def _count(counting: Counting, columns: Sequence[str], source: str) -> str:
    if counting.metered:
        summed = ", ".join([*columns, "sum(r.quantity)"])
        return f"SELECT {summed} {source} GROUP BY ALL HAVING count(*) > 0"
    keys = [f"{column} AS k{at}" for at, column in enumerate(columns)]
    window = f"date_trunc('{counting.window}', r.day) AS at"
    inner = ", ".join([*keys, window, "count(DISTINCT r.subject) AS n"])
    outer = ", ".join([*(f"k{at}" for at in range(len(columns))), "sum(n)"])
    return (
        f"SELECT {outer} FROM (SELECT {inner} {source} GROUP BY ALL)"
        " GROUP BY ALL HAVING count(*) > 0"
    )


def _count_heads(_: Counting, columns: Sequence[str], source: str) -> str:
    """Each row of ``presence`` counts once for every value that its slices have."""
    keys = [f"{column} AS k{at}" for at, column in enumerate(columns)]
    outer = ", ".join([*(f"k{at}" for at in range(len(columns))), "sum(subjects)"])
    inner = ", ".join([*keys, "r.period", "r.first", "r.slices", "r.subjects"])
    return (
        f"SELECT {outer} FROM (SELECT DISTINCT {inner} {source}) GROUP BY ALL HAVING count(*) > 0"
    )


def _counted(
    counting: Counting, heads: str | None = None, present: str = ""
) -> tuple[str, list[Any]]:
    """Return the rows of activity, or of heads, that count: a FROM clause and its parameters.

    ``present``: the table of heads, a row a slice.
    """
    day, rows = ("r.day", "activity") if heads is None else ("r.first", present)
    own = _OWN_PERIOD.format(day=day, table="activity" if heads is None else "presence")
    tests = ["r.unit = ?", f"{day} >= ?", f"{day} < ?", f"s.kind NOT IN ({_NOBODY})", own]
    given: list[Any] = [counting.unit, counting.first, counting.last]
    if heads is not None:
        tests.append(f"r.grain = {literal(heads)}")
    for name, value in counting.without.items():
        tests.append(f"s.attributes[{literal(name)}] IS DISTINCT FROM ?")
        given.append(value)
    for place, name, wanted in counting.where:
        column = _time(name, heads) if place == "time" else receiver_column(place, name, "r")
        tests.append(f"{column} IS NOT DISTINCT FROM ?")
        given.append(wanted)
    return f"FROM {rows} {_SLICED} WHERE {' AND '.join(tests)}", given


def _time(name: str, heads: str | None) -> str:
    day = "r.day" if heads is None else "r.first"
    return f"strftime({day}, '{'%Y-%m-%d' if name == 'day' else '%Y-%m'}')"


def counts(engine: Engine, unit: str, *, primary: bool) -> list[tuple[int, date, date, int]]:
    """Return the given head counts of a unit: subject, start, end, count."""
    unnamed = " OR unit IS NULL" if primary else ""
    rows = engine.rows(
        'SELECT subject, CAST(start AS DATE), CAST("end" AS DATE), "count" FROM counts'
        f" WHERE unit = ?{unnamed} ORDER BY ALL",
        [unit],
    )
    return [(int(subject), start, end, int(count)) for subject, start, end, count in rows]
