"""Access logs on their way to readings: lines are summed first, and looked at after that.

What is costly (time, route, user agent, subject) is worked out once for each different text, not
for each line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from percapita.core.subjects import BOT, SESSION, TENANT, USER
from percapita.core.tables import READINGS
from percapita.store.engine import literal, one_of, quote
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import whom
from percapita.telemetry.access import agents, routes
from percapita.telemetry.access.lines import Lines
from percapita.telemetry.access.sums import SUMMED, add, wrong
from percapita.telemetry.access.telling import tell
from percapita.telemetry.columns import DIMENSIONS
from percapita.telemetry.intake import Intake, Way

METERS: Final = {
    "requests": "", "errors": "", "errors.client": "", "net.out": "byte", "net.in": "byte",
    "request.time": "microsecond", "cache.hits": "", "cache.misses": "",
}  # fmt: skip
"""Meter -> its base unit. ``errors`` are answers from 500 on, ``errors.client`` those from 400."""
_DEFAULT: Final[Mapping[str, str]] = {SESSION: "client"}


def take(intake: Intake, tx: ImportTx) -> int:
    """Stage the readings of a delivery of logs; return how many lines were read."""
    subjects, engine = _subjects(intake), intake.engine
    engine.load("_summed", {"file": "int32", **SUMMED}, ())
    for at, file in enumerate(intake.files):
        lines = Lines(file, tell(file, intake.source))
        add(engine, lines, subjects, at)
        for row, why in wrong(engine, lines, at):
            intake.refuse(file, row, ("broken-line", why, "Fetch the log again, or leave it."))
        if lines.told.more:
            intake.note(
                f"{file.name}: lines hold more than the combined format; to read request times or"
                " ids from it, copy the server's format to `layout:`."
            )
    found = _look_up(intake)
    _know(intake)
    tx.measure(METERS)
    return _write(tx, intake, found)


WAY: Final = Way("access-log", "readings", take, {}, "log")


def _subjects(intake: Intake) -> tuple[tuple[str, str], ...]:
    """Return level and field of what names a line's subject, the closest first."""
    said = intake.source.subject or _DEFAULT
    return tuple((level, said[level]) for level in (USER, SESSION, TENANT) if level in said)


def _look_up(intake: Intake) -> list[str]:
    """Make tables of what every agent and path means; return the routes, in order."""
    engine = intake.engine
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE _agents AS SELECT agent, {agents.is_bot('agent')} AS bot"
        " FROM (SELECT DISTINCT agent FROM _summed WHERE agent IS NOT NULL)"
    )
    paths = "SELECT path AS raw, sum(requests) AS requests FROM _summed GROUP BY path"
    bare = f"SELECT raw, requests, {routes.path('raw')} AS path FROM ({paths})"
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _paths AS"
        f" SELECT raw, requests, {routes.route('path', intake.source.routes)} AS whole"
        f" FROM ({bare}) WHERE path IS NOT NULL"
    )
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _kept AS"
        f" SELECT whole, {routes.kept('whole', 'requests')} AS route"
        " FROM (SELECT whole, sum(requests) AS requests FROM _paths GROUP BY whole)"
    )
    found = [route for (route,) in engine.rows("SELECT DISTINCT route FROM _kept ORDER BY 1")]
    kind = one_of(found or [""])
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE _routes AS SELECT raw, CAST(route AS {kind}) AS operation"
        " FROM _paths JOIN _kept USING (whole)"
    )
    return found


_LEVELS: Final = (SESSION, TENANT, USER)
_UNTRACED: Final = {"trace_squares": None}
_NAMELESS: Final = f"{USER}\x1f{BOT}\x1f"


def _know(intake: Intake) -> None:
    """Give every subject its number; a client is a bot if most of its requests are a bot's.

    Somebody who signed in is a person, whatever program asks for them.
    """
    engine = intake.engine
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _called AS"
        f" SELECT named, concat(split_part(named, chr(31), 1), chr(31),"
        f" CASE WHEN starts_with(named, '{SESSION}') AND 2 * crawled > requests THEN '{BOT}' END,"
        " chr(31), substring(named, strpos(named, chr(31)) + 1)) AS who, crawled"
        " FROM (SELECT named, sum(requests) FILTER (bot) AS crawled, sum(requests) AS requests"
        " FROM _summed LEFT JOIN _agents USING (agent) GROUP BY named)"
    )
    texts = {who for (who,) in engine.rows("SELECT who FROM _called WHERE named IS NOT NULL")}
    if engine.value("SELECT count(*) FROM _called WHERE named IS NULL AND crawled > 0"):
        texts.add(_NAMELESS)
    whom.learn(intake, texts)
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _known AS SELECT c.named, w.number,"
        f" CAST(w.level AS {one_of(_LEVELS)}) AS level FROM _called AS c JOIN _who AS w USING (who)"
        " WHERE c.named IS NOT NULL"
    )


_QUANTITIES: Final = {
    "requests": "requests", "errors": "errors", "errors.client": "errors_client",
    "net.out": '"out"', "net.in": '"in"', "request.time": "took", "cache.hits": "hits",
    "cache.misses": "misses",
}  # fmt: skip
_ERRORS: Final = ("errors", "errors_client")


def _write(tx: ImportTx, intake: Intake, found: Sequence[str]) -> int:
    """Write a reading for each hour, subject, route and meter; return how many lines they sum."""
    engine = intake.engine
    fixed, varying = _dimensions(intake)
    quantities = _held(intake)
    engine.execute(f"CREATE OR REPLACE TEMP TABLE _hours AS {_hours(varying, quantities)}")
    keys = ", ".join(["time", "subject", "level", *map(quote, varying)])
    meters = sorted(METERS)
    # A count is of as many signals as it counts; bytes and time are of all requests.
    parts = [
        f"SELECT {keys}, CAST('{meter}' AS {one_of(meters)}) AS meter,"
        f" {'requests' if METERS[meter] else sql} AS signals, {sql} AS quantity"
        f" FROM _hours WHERE {sql} > 0"
        for meter, sql in _QUANTITIES.items()
        if sql in (*quantities, *_ERRORS)
    ]
    listed = {"meter": meters, "level": _LEVELS, "grain": ["hour"], "threshold": ["0"]}
    listed |= {name: [value] for name, value in fixed.items() if value is not None}
    listed |= {"operation": found} if found and "operation" in varying else {}
    others = ", ".join(
        f"{'NULL' if value is None else literal(value)} AS {quote(name)}"
        for name, value in {**fixed, "grain": "hour", "threshold": "0", **_UNTRACED}.items()
    )
    months = "SELECT DISTINCT date_trunc('month', time) FROM (SELECT DISTINCT time FROM _hours)"
    for (start,) in engine.rows(f"{months} ORDER BY 1"):
        first = f"TIMESTAMPTZ '{start}'"
        within = f"time >= {first} AND time < {first} + INTERVAL 1 MONTH"
        # What is alike in all rows is not carried through the sort.
        ordered = f"SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE {within}"
        relation = f"SELECT *, {others} FROM ({ordered} ORDER BY time, meter, subject)"
        tx.write(READINGS, relation, period=f"{start:%Y-%m}", listed=listed)
    return int(engine.value("SELECT coalesce(sum(requests), 0) FROM _hours"))


def _held(intake: Intake) -> list[str]:
    """Return what these logs sum, of all that logs may."""
    names = [name for name in _QUANTITIES.values() if name not in _ERRORS]
    counts = ", ".join(f"count({name})" for name in names)
    found = intake.engine.rows(f"SELECT {counts} FROM _summed")[0]
    return [name for name, count in zip(names, found, strict=True) if count or name == "requests"]


def _dimensions(intake: Intake) -> tuple[dict[str, str | None], dict[str, str]]:
    """Return the dimensions that are alike in all rows, and SQL of those that may differ."""
    source = intake.source
    fixed = {name: source.values.get(name) for name in DIMENSIONS}
    of_lines = {"operation": "r.operation", "resource": "s.resource"}
    if source.columns.get("service") == "host":
        of_lines["service"] = "s.service"
    varying = {name: sql for name, sql in of_lines.items() if name not in source.values}
    return {name: value for name, value in fixed.items() if name not in varying}, varying


def _hours(dimensions: Mapping[str, str], quantities: Sequence[str]) -> str:
    listed = "".join(f" {sql} AS {quote(name)}," for name, sql in dimensions.items())
    sums = ", ".join(f"CAST(sum({name}) AS BIGINT) AS {name}" for name in quantities)
    errors = (
        "CAST(sum(requests) FILTER (status >= '500') AS BIGINT) AS errors,"
        " CAST(sum(requests) FILTER (status >= '400' AND status < '500') AS BIGINT)"
        " AS errors_client"
    )
    bots = f"(SELECT number FROM _who WHERE who = {literal(_NAMELESS)})"
    return (
        f"SELECT hour AS time, coalesce(k.number, CASE WHEN bot THEN {bots} END, 0) AS subject,"
        f" coalesce(k.level, CASE WHEN bot AND {bots} IS NOT NULL THEN"
        f" CAST('{USER}' AS {one_of(_LEVELS)}) END) AS level,{listed} {sums}, {errors}"
        " FROM _summed AS s"
        " JOIN _stamps USING (file, stamp, zone) LEFT JOIN _agents AS a USING (agent)"
        " LEFT JOIN _routes AS r ON r.raw = s.path LEFT JOIN _known AS k ON k.named = s.named"
        " GROUP BY ALL"
    )
