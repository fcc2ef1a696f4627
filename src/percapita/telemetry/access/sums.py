"""The lines of a log summed by the texts that matter, and the lines that cannot be counted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from percapita.core.errors import InputError
from percapita.store.engine import Engine, literal, quote
from percapita.telemetry import cells
from percapita.telemetry.access.forms import broken, micros, number
from percapita.telemetry.access.lines import SECOND, Lines, forget

SUMMED: Final = {
    "stamp": "string", "zone": "string", "path": "string", "agent": "string", "status": "string",
    "named": "string", "service": "string", "resource": "string", "bad": "bool",
    "requests": "int64", "out": "int64", "in": "int64", "took": "int64",
    "hits": "int64", "misses": "int64", "odd": "bool",
}  # fmt: skip
"""Columns of ``_summed``, beside ``file``: a row for lines that say the same."""
_STATUS: Final = "regexp_full_match(status, '[1-9][0-9][0-9]')"
_WHY: Final = {
    "time": "it has no time where the format has one",
    "status": "it has no status where the format has one",
    "size": "it has text where bytes or seconds belong",
}

Subjects = Sequence[tuple[str, str]]


class NoFieldError(InputError):
    """A log without the field that should name its subjects."""

    def __init__(self, lines: Lines, field: str) -> None:
        known = ", ".join([*lines.form.fields, "query.NAME", "header.NAME", "cookie.NAME"])
        super().__init__(
            f"{lines.file.name} has no field {field!r} that could name a subject.",
            hint=f"Fields: {known}; the last two where the server logs them.",
        )


def add(engine: Engine, lines: Lines, subjects: Subjects, at: int) -> None:
    """Add a file's lines to ``_summed``.

    Nearly every log has one zone and numbers where they belong: it is read without looking at
    them line by line. Where one line is otherwise, all are read again with care.
    """
    zone = lines.told.zone
    plain = literal(zone) if lines.form.zone != "''" and zone.endswith("00") else ""
    _add(engine, lines, subjects, at, plain)
    odd = engine.value(f"SELECT coalesce(bool_or(odd), false) FROM _summed WHERE file = {at}")
    if plain and odd:
        engine.execute(f"DELETE FROM _summed WHERE file = {at}")
        _add(engine, lines, subjects, at, "")


def _add(engine: Engine, lines: Lines, subjects: Subjects, at: int, zone: str) -> None:
    forget(engine)
    lines.broken.clear()
    columns = {"file": "int32", **SUMMED}
    engine.insert("_summed", _sums(lines, subjects, at, lines.scan(), zone), columns)
    if lines.look_again(engine):
        engine.insert("_summed", _sums(lines, subjects, at, SECOND, zone), columns)


def _sums(lines: Lines, subjects: Subjects, at: int, relation: str, zone: str) -> str:
    """Return SQL of a relation's sums; with a zone given, lines of other zones are odd."""
    form = lines.form
    named = [form.expression(field) for _, field in subjects]
    for (_, field), sql in zip(subjects, named, strict=True):
        if sql is None:
            raise NoFieldError(lines, field)
    target = form.fields.get("target")
    bare = form.fields.get("path") or (f"split_part({target}, '?', 1)" if target else "NULL")
    bad = _bad(lines)
    keys = {
        "stamp": form.stamp if zone or not form.fine else form.fine,
        "zone": zone or form.zone,
        "path": bare,
        "agent": form.fields.get("agent", "NULL"),
        "status": form.fields.get("status", "'200'"),
        **{f"subject_{n}": sql for n, sql in enumerate(named) if sql},
        "service": form.fields.get("host", "NULL"),
        "resource": form.fields.get("resource", "NULL"),
        "bad": "false" if zone else bad,
    }
    odd = f"bool_or({form.zone} <> {zone} OR ({bad}))" if zone else "false"
    told = {name: sql for name, sql in keys.items() if sql not in _CONSTANT and sql != zone}
    fixed = [f"{sql} AS {quote(name)}" for name, sql in keys.items() if name not in told]
    inner = ", ".join(
        [
            *(f"{sql} AS {quote(name)}" for name, sql in told.items()),
            *_totals(lines),
            f"{odd} AS odd",
        ]
    )
    outer = ", ".join([f"*, {at}::INTEGER AS file, {_named(subjects)} AS named", *fixed])
    return f"SELECT {outer} FROM (SELECT {inner} FROM {relation} GROUP BY ALL)"


def _named(subjects: Subjects) -> str:
    """Return SQL of level and name of whoever a line names; null for nobody."""
    names = [f"nullif(nullif(trim(subject_{at}), '-'), '')" for at in range(len(subjects))]
    cases = " ".join(
        f"WHEN {name} IS NOT NULL THEN concat('{level}', chr(31), {name})"
        for name, (level, _) in zip(names, subjects, strict=True)
    )
    return f"CASE {cases} END"


_CONSTANT: Final = ("NULL", "false", "''", "'200'")


def _totals(lines: Lines) -> list[str]:
    fields, form = lines.form.fields, lines.form
    sums = {name: number(fields[name]) for name in ("out", "in") if name in fields}
    if "took" in fields:
        sums["took"] = micros(fields["took"], micro=form.micro)
    summed = {n: f"sum({sums[n]})" if n in sums else "NULL" for n in ("out", "in", "took")}
    totals = ["count(*) AS requests", *(f"{sql} AS {quote(n)}" for n, sql in summed.items())]
    for name, words in (("hits", form.hits), ("misses", form.misses)):
        listed = ", ".join(literal(word) for word in sorted(words))
        known = "cache" in fields and words
        sql = f"count(*) FILTER ({fields['cache']} IN ({listed}))" if known else "NULL"
        totals.append(f"{sql} AS {name}")
    return totals


def _bad(lines: Lines) -> str:
    """Return SQL that tells whether a line has text where a number belongs."""
    fields = lines.form.fields
    tests = [broken(fields[name], number(fields[name])) for name in ("out", "in") if name in fields]
    if "took" in fields:
        tests.append(broken(fields["took"], micros(fields["took"], micro=lines.form.micro)))
    return " OR ".join(tests) or "false"


def wrong(engine: Engine, lines: Lines, at: int) -> list[tuple[int, str]]:
    """Take lines that cannot be counted out of ``_summed``; return their numbers, and why.

    Makes ``_stamps``: the hour of every stamp, of all files so far.
    """
    moment = lines.form.instant("stamp", "zone")
    times = "SELECT DISTINCT file, stamp, zone FROM _summed"
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _times AS SELECT *, CASE WHEN"
        f" {cells.plausible('moment')} THEN date_trunc('hour', moment) END AS hour"
        f" FROM (SELECT *, {moment} AS moment FROM ({times} WHERE file = {at}))"
    )
    hours = "SELECT file, stamp, zone, hour FROM _times WHERE hour IS NOT NULL"
    made = (
        f"INSERT INTO _stamps {hours}" if at else f"CREATE OR REPLACE TEMP TABLE _stamps AS {hours}"
    )
    engine.execute(made)
    timed = f"SELECT (stamp, zone) FROM _stamps WHERE file = {at}"
    untimed = f"file = {at} AND (stamp, zone) NOT IN ({timed})"
    flaws = [f"file = {at} AND bad", f"file = {at} AND NOT coalesce({_STATUS}, false)"]
    told = engine.value(
        f"SELECT count(*) FROM (SELECT DISTINCT status, bad FROM _summed WHERE file = {at})"
        f" WHERE bad OR NOT coalesce({_STATUS}, false)"
    )
    late = engine.value("SELECT count(*) FROM _times WHERE hour IS NULL")
    if told or late:
        flaws += [untimed, f"file = {at} AND (stamp IS NULL OR zone IS NULL)"]
        for flaw in flaws:
            engine.execute(f"DELETE FROM _summed WHERE {flaw}")
        lines.broken += _located(engine, lines)
    return sorted(lines.broken)


def _located(engine: Engine, lines: Lines) -> list[tuple[int, str]]:
    """Find the lines with a time, status or size that is none: read all again, with numbers."""
    form = lines.form
    status = form.fields.get("status", "'200'")
    found = []
    for relation in (lines.numbered(), *([SECOND] if lines.told.cells else [])):
        cut = (
            f'SELECT "row", {form.stamp} AS stamp, {form.zone} AS zone, {status} AS status,'
            f" {_bad(lines)} AS bad FROM {relation}"
        )
        timed = f"SELECT *, {form.instant('stamp', 'zone')} AS moment FROM ({cut})"
        found += engine.rows(
            f"SELECT row, CASE WHEN NOT coalesce({cells.plausible('moment')}, false)"
            f" THEN 'time' WHEN NOT coalesce({_STATUS}, false) THEN 'status'"
            " WHEN bad THEN 'size' END AS part"
            f" FROM ({timed}) WHERE part IS NOT NULL"
        )
    return [(row, _WHY[part]) for row, part in found]
