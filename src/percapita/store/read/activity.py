"""The fixed SQL of activity: who was there, in how many sessions, and who is no person.

The view ``readings`` is asked for under its own name; ``claimed.bind`` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from percapita.core.periods import next_month, parse, zone
from percapita.core.subjects import BOT, SESSION, USER
from percapita.model.spec import Condition, Driver, Model
from percapita.model.words import wildcard
from percapita.store.engine import Engine, literal
from percapita.store.read.usage import Bounds

_PEOPLE: Final = f"subject > 0 AND level IN ({literal(USER)}, {literal(SESSION)})"


class Bucket(NamedTuple):
    """What happened in a day, week or month of the model's zone."""

    first: date
    users: int
    sessions: int | None
    """``None``: no reading is by the hour."""
    visitors: int
    """Sessions whose user is not known."""
    bots: int
    nobody: int
    """Signals that name no one."""


def driver(wanted: Driver) -> str:
    """Return SQL that is true for the readings of a driver."""
    parts = [f"meter = {literal(wanted.meter)}"]
    parts += [_fits(column, condition) for column, condition in wanted.where.items()]
    return f"({' AND '.join(parts)})"


def _fits(column: str, condition: Condition) -> str:
    if condition.present is not None:
        return f"{column} IS {'NOT ' if condition.present else ''}NULL"
    tests = [
        f"regexp_matches({column}, {literal(wildcard(value))})"
        if set("*?") & set(value)
        else f"{column} = {literal(value)}"
        for value in condition.values
    ]
    return f"coalesce({' OR '.join(tests)}, false)"


def any_of(drivers: Iterable[Driver]) -> str:
    """Return SQL that is true for the readings of any of the drivers; of all, if there is none."""
    return " OR ".join(map(driver, drivers)) or "true"


def bots(engine: Engine, model: Model, month: Bounds) -> list[int]:
    """Return who is no person in a month by the model's rules, smallest number first."""
    found: set[int] = set()
    inside = f"{month.sql} AND {_PEOPLE}"
    if rule := model.activity.rate:
        found |= _numbers(
            engine,
            f"SELECT DISTINCT subject FROM (SELECT subject, time, sum(quantity) AS used"
            f" FROM readings WHERE {inside} AND grain = 'hour' AND {driver(rule.driver)}"
            f" GROUP BY ALL) WHERE used > {rule.above}",
        )
    if rule := model.activity.no_conversion:
        used = f"sum(quantity) FILTER ({driver(rule.driver)})"
        converted = f"coalesce(sum(quantity) FILTER ({any_of(rule.without)}), 0)"
        found |= _numbers(
            engine,
            f"SELECT subject FROM readings WHERE {inside} GROUP BY subject"
            f" HAVING {used} > {rule.above} AND {converted} = 0",
        )
    return sorted(found)


def mark_bots(engine: Engine, model: Model, month: str, kinds: str) -> None:
    """Let the table ``kinds`` (subject, kind, label) call those bots that are some in a month."""
    if not model.activity.bots:
        return
    tz = zone(model.timezone)
    first = date.fromisoformat(f"{month}-01")
    label, after = (datetime(d.year, d.month, 1, tzinfo=UTC) for d in (first, next_month(first)))
    span = parse(month, tz).span
    found = bots(engine, model, Bounds(span.start, span.end, label, after))
    engine.load("_bots", {"subject": "int64"}, [(number,) for number in found])
    engine.execute(f"DELETE FROM {kinds} WHERE subject IN (SELECT subject FROM _bots)")
    rows = f"SELECT subject, {literal(BOT)} AS kind, NULL AS label FROM _bots"
    engine.insert(kinds, rows, {"subject": "int64", "kind": "string", "label": "string"})
    engine.drop("_bots")


def _numbers(engine: Engine, sql: str) -> set[int]:
    return {int(number) for (number,) in engine.rows(sql)}


def buckets(
    engine: Engine, model: Model, within: Bounds, by: str, robots: Collection[int]
) -> list[Bucket]:
    """Return the activity of each day, week or month that has any.

    A user's session ends where more hours lie between two that it was active in than the gap has,
    rounded up: hourly readings do not hold the single requests. A named session is one.
    """
    engine.load("activity_bots", {"subject": "int64"}, [(n,) for n in sorted(robots)])
    zone = literal(model.timezone)
    local = f"CASE WHEN grain = 'hour' THEN CAST(time AT TIME ZONE {zone} AS DATE)"
    counts = any_of(model.primary.active)
    seen = (
        f"SELECT r.*, date_trunc({literal(by)}, {local} ELSE CAST(time AS DATE) END) AS bucket,"
        f" b.subject IS NOT NULL AS bot, ({counts}) AS counts FROM readings AS r"
        f" LEFT JOIN activity_bots AS b ON b.subject = r.subject WHERE {_of(within)}"
        f" AND quantity > 0 {'' if by == 'month' else _NO_MONTHS}"
    )
    gap = math.ceil(model.activity.session_gap / 60)
    hours = f"SELECT DISTINCT bucket, subject, time FROM seen WHERE grain = 'hour' AND {_USERS}"
    begins = (
        "SELECT bucket, time - lag(time) OVER (PARTITION BY subject ORDER BY time)"
        f" <= INTERVAL '{gap} hours' AS goes_on FROM hours"
    )
    rows = engine.rows(
        f"WITH seen AS ({seen}), hours AS ({hours}), begins AS ({begins}), sessions AS"
        " (SELECT bucket, count(*) FILTER (goes_on IS NOT TRUE) AS n FROM begins GROUP BY 1)"
        f" SELECT CAST(s.bucket AS DATE), count(DISTINCT subject) FILTER ({_USERS}),"
        " CASE WHEN bool_or(grain = 'hour') THEN coalesce(any_value(n), 0) END,"
        f" count(DISTINCT subject) FILTER (NOT bot AND counts AND level = {literal(SESSION)}"
        f" AND subject > 0), count(DISTINCT subject) FILTER (bot),"
        " coalesce(sum(signals) FILTER (subject = 0), 0)"
        " FROM seen AS s LEFT JOIN sessions AS x ON x.bucket = s.bucket GROUP BY 1 ORDER BY 1"
    )
    return [
        Bucket(day, int(u), None if s is None else int(s) + int(v), int(v), int(b), int(n))
        for day, u, s, v, b, n in rows
    ]


_USERS: Final = f"(NOT bot AND counts AND subject > 0 AND level = {literal(USER)})"
_NO_MONTHS: Final = "AND grain <> 'month'"


def _of(within: Bounds) -> str:
    return within.sql.replace("grain", "r.grain").replace("time ", "r.time ")


def distinct(engine: Engine, model: Model, within: Bounds, robots: Collection[int]) -> int:
    """Return how many users were active in a span."""
    engine.load("activity_bots", {"subject": "int64"}, [(n,) for n in sorted(robots)])
    return int(
        engine.value(
            f"SELECT count(DISTINCT subject) FROM readings WHERE {within.sql} AND quantity > 0"
            f" AND subject > 0 AND level = {literal(USER)} AND ({any_of(model.primary.active)})"
            " AND subject NOT IN (SELECT subject FROM activity_bots)"
        )
    )


def transactions(engine: Engine, wanted: Mapping[str, Driver], within: Bounds) -> dict[str, int]:
    """Return how many there were of each transaction, in what its meter counts."""
    return {
        name: int(
            engine.value(
                f"SELECT coalesce(sum(quantity), 0) FROM readings WHERE {within.sql}"
                f" AND {driver(of)}"
            )
        )
        for name, of in wanted.items()
    }


def dormant(engine: Engine, days: Sequence[date], within: Bounds, model: Model) -> int:
    """Return how many users cost something and were not active, from ``ledger`` and ``groups``."""
    return int(
        engine.value(
            "SELECT count(*) FROM (SELECT l.subject FROM ledger l JOIN groups g"
            ' ON g.period = l.period AND g.run = l.run AND g.basis = l.basis AND g."group" ='
            ' l."group" JOIN slices s ON s.period = l.period AND s.run = l.run'
            f" AND s.slice = l.slice WHERE l.subject > 0 AND s.kind = {literal(USER)}"
            " AND CAST(g.start AS DATE) >= ? AND CAST(g.start AS DATE) < ? GROUP BY l.subject"
            " HAVING sum(l.amount) > 0 EXCEPT SELECT DISTINCT subject FROM readings"
            f" WHERE {within.sql} AND quantity > 0 AND ({any_of(model.primary.active)}))",
            list(days),
        )
    )
