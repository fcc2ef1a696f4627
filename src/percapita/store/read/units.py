"""The fixed SQL of the denominators: who was active, who was counted, who paid.

The tables ``activity presence slices counts readings revenue segments`` are asked for under their
own names. Days are local ones, the last one of a span not included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from percapita.core.periods import next_month
from percapita.core.subjects import CLASS_OF_KIND, SEGMENT, TENANT
from percapita.model.spec import Segment
from percapita.store.engine import Engine, literal
from percapita.store.read.rollup import receiver_column

_NOBODY: Final = ", ".join(literal(kind) for kind in CLASS_OF_KIND)
_PERIOD_OF_DAY: Final = "strftime({day}, '%Y-%m')"
_OWN_PERIOD: Final = (
    # A day near a month's end may stand in two periods.
    f"(r.period = {_PERIOD_OF_DAY}"
    f" OR {_PERIOD_OF_DAY} NOT IN (SELECT DISTINCT period FROM {{table}}))"
)
_ACTIVE: Final = "activity r JOIN slices s ON s.period = r.period AND s.slice = r.slice"
_PRESENT: Final = (
    "(SELECT *, unnest(CAST(string_split(slices, ',') AS BIGINT[])) AS slice FROM presence) r"
    " JOIN slices s ON s.period = r.period AND s.slice = r.slice"
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


class Payment(NamedTuple):
    """Equal payments of payers that the question cannot tell apart."""

    receivers: tuple[Any, ...]
    start: date
    end: date
    amount: Decimal
    times: int
    day: date | None
    """The one day these receivers hold for; ``None``: the whole span."""


def activity(
    engine: Engine, counting: Counting, *, counted: bool
) -> tuple[list[tuple[tuple[Any, ...], int]], int]:
    """Return the units by receiver, then time, and those of all together.

    ``counted``: every period bound has its table ``presence``, which is asked where it can tell.
    """
    found = engine.rows(*_counting(counting, ahead=counted))
    together = counting._replace(receivers=(), times=())
    whole = engine.rows(*_counting(together, ahead=counted)) if together != counting else found
    return [(row[:-1], int(row[-1])) for row in found], sum(int(row[-1]) for row in whole)


def _counting(counting: Counting, *, ahead: bool) -> tuple[str, list[Any]]:
    """Return the statement that counts, and its parameters."""
    heads = heads_of(counting) if ahead else None
    columns = [receiver_column(place, name, "r") for place, name in counting.receivers]
    columns += [_time(name, heads) for name in counting.times]
    source, given = _counted(counting, heads)
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


def _counted(counting: Counting, heads: str | None = None) -> tuple[str, list[Any]]:
    """Return the rows of activity, or of heads, that count: a FROM clause and its parameters."""
    day, rows = ("r.day", _ACTIVE) if heads is None else ("r.first", _PRESENT)
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
    return f"FROM {rows} WHERE {' AND '.join(tests)}", given


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


def currencies(engine: Engine, first: date, last: date) -> list[str]:
    """Return the currencies of the revenue that touches some days."""
    rows = engine.rows(
        "SELECT DISTINCT currency FROM revenue WHERE CAST(start AS DATE) < ?"
        ' AND (CAST("end" AS DATE) > ? OR CAST(start AS DATE) >= ?) ORDER BY 1',
        [last, first, first],
    )
    return [str(row[0]) for row in rows]


class Asked(NamedTuple):
    """Which revenue is asked for, and what must be known of its payers."""

    currency: str
    first: date
    last: date
    receivers: tuple[tuple[str, str], ...]
    """As in ``Counting``, and dimensions, which no payer has."""
    segments: Sequence[Segment]
    """All of the model."""
    named: Sequence[Named]


def payments(engine: Engine, asked: Asked) -> list[Payment]:
    """Return the payments of spans that touch some days, by who paid.

    A payer whose attributes change within the span comes day by day, so that each day counts for
    what the payer was then.
    """
    names = [name for place, name in asked.receivers if place == "attribute"]
    columns = [_payer(place, name, names) for place, name in asked.receivers]
    shown = ", ".join([*columns, "p.start", 'p."end"', "p.amount", "count(*)", "p.day"])
    rows = engine.rows(
        f"WITH {_payer_facts(asked, names)}, {_paid(names)}"
        f" SELECT {shown} FROM known p LEFT JOIN others o ON o.subject = p.subject"
        " GROUP BY ALL ORDER BY ALL",
        [asked.currency, asked.last, asked.first, asked.first, asked.last],
    )
    return [Payment(row[:-5], *row[-5:]) for row in rows]


def _payer(place: str, name: str, names: Sequence[str]) -> str:
    if place == "attribute":
        return f"p.v{names.index(name)}"
    if place == "dimension":
        return "NULL"
    kind = f"coalesce(o.kind, CASE WHEN p.subject > 0 THEN 'user' END) = {literal(name)}"
    return f"CASE WHEN {kind} THEN p.subject END"


def _paid(names: Sequence[str]) -> str:
    """Return the CTEs from ``revenue`` to ``known``: payments with the payer's attributes.

    Parameters: currency, last, first, first, last.
    """
    known = "".join(f", h{at}.value AS v{at}" for at in range(len(names)))
    joins = "".join(f" LEFT JOIN held{at} h{at} ON h{at}.id = p.id" for at in range(len(names)))
    steady = " AND ".join(f"coalesce(h{at}.steady, true)" for at in range(len(names))) or "true"
    on_day = "".join(f", max(f.value) FILTER (f.name = {literal(n)}) AS v{at}"
                     for at, n in enumerate(names))  # fmt: skip
    values = "".join(f", v{at}" for at in range(len(names)))
    return f"""
        payments AS (
            SELECT row_number() OVER () AS id, subject, CAST(start AS DATE) AS start,
                   greatest(CAST("end" AS DATE), CAST(start AS DATE) + 1) AS "end", amount
            FROM revenue WHERE currency = ?
        ), paid AS (
            SELECT * FROM payments WHERE start < ? AND "end" > ?
        ), {"".join(_held(at, name) for at, name in enumerate(names))}
        joined AS (SELECT p.*{known}, {steady} AS steady FROM paid p{joins}),
        daily AS (
            SELECT id, subject, start, "end", amount,
                   CAST(unnest(generate_series(greatest(start, CAST(? AS DATE)),
                        least("end", CAST(? AS DATE)) - 1, INTERVAL 1 DAY)) AS DATE) AS day
            FROM joined WHERE NOT steady
        ), known AS (
            SELECT subject, start, "end", amount{values}, CAST(NULL AS DATE) AS day
            FROM joined WHERE steady
            UNION ALL BY NAME
            SELECT d.subject, d.start, d."end", d.amount{on_day}, d.day
            FROM daily d LEFT JOIN facts f
              ON f.subject = d.subject AND f.start <= d.day AND f."end" > d.day
            GROUP BY d.id, d.subject, d.start, d."end", d.amount, d.day
        )
    """


def _held(at: int, name: str) -> str:
    """Return the CTE of what each payer was in one attribute, and whether it stayed so."""
    return f"""held{at} AS (
        SELECT p.id, max(f.value) AS value,
               count(*) = 1 AND min(f.start) <= min(p.start) AND max(f."end") >= max(p."end")
               AS steady
        FROM paid p JOIN facts f ON f.subject = p.subject AND f.name = {literal(name)}
         AND f.start < p."end" AND f."end" > p.start
        GROUP BY p.id
    ), """


def _payer_facts(asked: Asked, names: Sequence[str]) -> str:
    """Return the CTEs ``others`` and ``facts``: what the sources say, as the model names it."""
    has_tenant = any(segment.name == TENANT for segment in asked.segments)
    needed = {*names, *([TENANT] if has_tenant else [])}
    told = [_told(segment) for segment in asked.segments if segment.name in needed]
    listed = ", ".join(literal(name) for name in sorted(needed)) or "''"
    own = f"""
        SELECT subject, split_part(label, '=', 1) AS name,
               substr(label, strpos(label, '=') + 1) AS value, {_EVER}
        FROM others WHERE kind = '{SEGMENT}' AND split_part(label, '=', 1) IN ({listed})
        UNION ALL
        SELECT subject, '{TENANT}', label, {_EVER}
        FROM others WHERE kind = '{TENANT}' AND '{TENANT}' IN ({listed})
    """
    return f"""
        others AS ({_others(asked.named)}),
        said AS ({" UNION ALL ".join([*told, own])}),
        facts AS (
            SELECT * FROM said
            UNION ALL
            SELECT m.subject, t.name, t.value, greatest(m.start, t.start), least(m."end", t."end")
            FROM said m
            JOIN others o ON o.kind = '{TENANT}' AND o.label = m.value
            JOIN said t ON t.subject = o.subject AND t.name <> '{TENANT}'
             AND t.start < m."end" AND t."end" > m.start
            WHERE m.name = '{TENANT}' AND m.subject <> o.subject
              AND NOT EXISTS (
                  SELECT 1 FROM said k WHERE k.subject = m.subject AND k.name = t.name
              )
        )
    """


_EVER: Final = "DATE '0001-01-01' AS start, DATE '9999-12-31' AS \"end\""


def _others(named: Sequence[Named]) -> str:
    rows = ", ".join(f"({n.subject}, {literal(n.kind)}, {literal(n.label)})" for n in named)
    columns = "CAST(subject AS BIGINT) AS subject, kind, label"
    if not rows:
        return "SELECT CAST(0 AS BIGINT) AS subject, '' AS kind, '' AS label WHERE false"
    return f"SELECT {columns} FROM (VALUES {rows}) AS t(subject, kind, label)"


def _told(segment: Segment) -> str:
    return f"""
        SELECT subject, {literal(segment.name)} AS name, {_value(segment)} AS value,
               coalesce(CAST(start AS DATE), DATE '0001-01-01') AS start,
               coalesce(CAST("end" AS DATE), DATE '9999-12-31') AS "end"
        FROM segments WHERE source = {literal(segment.source)}
         AND attribute = {literal(segment.column)} AND value <> ''
    """


_CUTS: Final = {"year": 4, "month": 7, "day": 10}


def _value(segment: Segment) -> str:
    """Return the value as the model cuts it: by date, or into bands."""
    if segment.bands:
        number = "TRY_CAST(value AS DECIMAL(38,9))"
        cases = [f"WHEN {number} >= {low} THEN {literal(name)}" for name, low in segment.bands]
        return f"CASE {' '.join(reversed(cases))} END"
    if segment.by in _CUTS:
        return f"left(value, {_CUTS[segment.by]})"
    if segment.by == "quarter":
        quarter = "CAST((CAST(substr(value, 6, 2) AS INTEGER) + 2) // 3 AS VARCHAR)"
        return f"left(value, 4) || '-Q' || {quarter}"
    if segment.by == "week":
        monday = "date_trunc('week', TRY_CAST(left(value, 10) AS DATE))"
        return f"strftime({monday}, '%Y-%m-%d')"
    return "value"
