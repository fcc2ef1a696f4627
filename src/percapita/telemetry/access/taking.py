"""Access logs on their way to readings: lines are summed first, and looked at after that.

What is costly (time, route, user agent, subject) is worked out once for each different text, not
for each line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from percapita.core.subjects import BOT, SESSION, TENANT, USER
from percapita.core.tables import READINGS
from percapita.store.engine import literal, quote
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
    _look_up(intake)
    _know(intake)
    tx.measure(METERS)
    return _write(tx, intake)


WAY: Final = Way("access-log", "readings", take, {}, "log")


def _subjects(intake: Intake) -> tuple[tuple[str, str], ...]:
    """Return level and field of what names a line's subject, the closest first."""
    said = intake.source.subject or _DEFAULT
    return tuple((level, said[level]) for level in (USER, SESSION, TENANT) if level in said)


def _look_up(intake: Intake) -> None:
    """Make tables of the different agents and paths, and what each one means."""
    engine = intake.engine
    engine.execute(
        f"CREATE OR REPLACE TEMP TABLE _agents AS SELECT agent, {agents.is_bot('agent')} AS bot"
        " FROM (SELECT DISTINCT agent FROM _summed WHERE agent IS NOT NULL)"
    )
    templated = routes.route("path", intake.source.routes)
    by_path = (
        f"SELECT path AS raw, sum(requests) AS requests, {routes.path('path')} AS path"
        " FROM _summed WHERE path IS NOT NULL GROUP BY ALL"
    )
    routed = f"SELECT *, CASE WHEN path IS NOT NULL THEN {templated} END AS route FROM ({by_path})"
    totals = f"SELECT *, sum(requests) OVER (PARTITION BY route) AS total FROM ({routed})"
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _routes AS SELECT raw,"
        f" {routes.kept('route', 'total')} AS route FROM ({totals})"
    )


_NAMELESS: Final = f"{USER}\x1f{BOT}\x1f"


def _know(intake: Intake) -> None:
    """Give every subject its number; a client is a bot if most of its requests are a bot's.

    Somebody who signed in is a person, whatever program asks for them.
    """
    engine = intake.engine
    rows = engine.rows(
        "SELECT named, sum(requests) FILTER (bot), sum(requests)"
        " FROM _summed LEFT JOIN _agents USING (agent) GROUP BY named"
    )
    texts, said = {}, set()
    for named, crawled, requests in rows:
        if named is None:
            said |= {_NAMELESS} if crawled else set()
            continue
        level, _, name = named.partition("\x1f")
        mostly = level == SESSION and 2 * (crawled or 0) > requests
        texts[named] = f"{level}\x1f{BOT if mostly else ''}\x1f{name}"
    whom.learn(intake, {*texts.values(), *said})
    engine.load("_called", {"named": "string", "who": "string"}, list(texts.items()))
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _known AS SELECT c.named, w.number, w.level"
        " FROM _called AS c JOIN _who AS w USING (who)"
    )


_QUANTITIES: Final = {
    "requests": "requests", "errors": "errors", "errors.client": "errors_client",
    "net.out": '"out"', "net.in": '"in"', "request.time": "took", "cache.hits": "hits",
    "cache.misses": "misses",
}  # fmt: skip


def _write(tx: ImportTx, intake: Intake) -> int:
    """Write a reading for each hour, subject, route and meter; return how many lines they sum."""
    engine = intake.engine
    engine.execute(f"CREATE OR REPLACE TEMP TABLE _hours AS {_hours(intake)}")
    keys = ", ".join(quote(name) for name in ("time", "subject", "level", *DIMENSIONS))
    parts = [
        f"SELECT {keys}, requests, '{meter}' AS meter, {sql} AS quantity FROM _hours"
        f" WHERE {sql} > 0"
        for meter, sql in _QUANTITIES.items()
    ]
    for (period,) in engine.rows("SELECT DISTINCT strftime(time, '%Y-%m') FROM _hours ORDER BY 1"):
        relation = (
            f"SELECT {keys}, 'hour' AS grain, meter, requests AS signals, quantity,"
            f" '0' AS threshold, NULL AS trace_squares FROM ({' UNION ALL '.join(parts)})"
            f" WHERE strftime(time, '%Y-%m') = '{period}' ORDER BY time, meter, subject"
        )
        tx.write(READINGS, relation, period=period)
    return int(engine.value("SELECT coalesce(sum(requests), 0) FROM _hours"))


def _hours(intake: Intake) -> str:
    source = intake.source
    dimensions = dict.fromkeys(DIMENSIONS, "NULL::VARCHAR")
    dimensions |= {"operation": "route", "resource": "resource"}
    if source.columns.get("service") == "host":
        dimensions["service"] = "service"
    dimensions |= {n: literal(v) for n, v in source.values.items() if n in DIMENSIONS}
    listed = ", ".join(f"{sql} AS {quote(name)}" for name, sql in dimensions.items())
    sums = ", ".join(
        f"CAST(sum({quote(name)}) AS BIGINT) AS {quote(name)}"
        for name in ("requests", "out", "in", "took", "hits", "misses")
    )
    errors = (
        "CAST(sum(requests) FILTER (status >= '500') AS BIGINT) AS errors,"
        " CAST(sum(requests) FILTER (status >= '400' AND status < '500') AS BIGINT)"
        " AS errors_client"
    )
    bots = f"(SELECT number FROM _who WHERE who = {literal(_NAMELESS)})"
    return (
        f"SELECT hour AS time, coalesce(k.number, CASE WHEN bot THEN {bots} END, 0) AS subject,"
        f" coalesce(k.level, CASE WHEN bot AND {bots} IS NOT NULL THEN '{USER}' END) AS level,"
        f" {listed}, {sums}, {errors}"
        " FROM _summed AS s"
        " JOIN _stamps USING (file, stamp, zone) LEFT JOIN _agents AS a USING (agent)"
        " LEFT JOIN _routes AS r ON r.raw = s.path LEFT JOIN _known AS k ON k.named = s.named"
        " GROUP BY ALL"
    )
