"""Bill lines as a run sees them: amounts in the model's currency, tags after the rules.

Fixed SQL around the lines as imported. A line keeps what it said: original amounts and currency
stand in columns of their own, tags that a rule replaced under ``tags.raw.KEY``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.periods import day_span, midnight, zone
from percapita.core.tables import (
    CONVERSIONS,
    COSTS,
    LINES,
    MONEY,
    ORIGINALS,
    TAG_RULES,
    key_column,
)
from percapita.model.load import loads
from percapita.model.spec import Condition
from percapita.model.tags import RAW, RULE, Rule, Rules, Value, of_json
from percapita.model.words import EXTRA, TAG, extra_keys, wildcard
from percapita.store.catalog.tables import PUBLISHED, RUNS
from percapita.store.engine import Engine, literal, quote, sql_type
from percapita.store.files import views
from percapita.store.files.extra import one
from percapita.store.site import Site

_MAP: Final = "MAP(VARCHAR, VARCHAR)"
_EMPTY: Final = f"CAST(MAP {{}} AS {_MAP})"
KEPT: Final = (*ORIGINALS, *(f"Original{name}" for name in COSTS.values()))
"""Columns that converted lines have beside those of the table."""
_ALL: Final = (*LINES.names, *LINES.partition)


def lines_of(
    site: Site,
    portions: Sequence[views.Portion],
    run: str | None,
    rules: Rules,
    keys: Sequence[str] = (),
) -> str:
    """Return the SQL of lines as a committed run saw them; for any other, under these rules.

    Months that the run left out are converted as the run published for them did. The days of rules
    are those of the run's own model. ``keys`` of ``Extra`` become columns.
    """

    def under(rules: Rules) -> str:
        mine = extra_keys(column for rule in rules.rules for column in _asked(rule))
        known = {key.casefold() for key in keys}
        asked = [*keys, *(key for key in mine if key.casefold() not in known)]
        return tagged(views.relation(site, LINES, portions, keys=asked), rules, keys, asked)

    with site.catalog.read() as connection:
        wanted = sa.select(RUNS.c.state, RUNS.c.periods, RUNS.c.model_text).where(RUNS.c.id == run)
        found = connection.execute(wanted).one_or_none()
        if run is None or found is None:
            return under(rules)
        state, own, model = found
        if state != "committed":
            return under(_dated(rules.rules, model))
        mine = views.outputs(connection, CONVERSIONS, [(run, None), *_others(connection, own)])
        stored = views.outputs(connection, TAG_RULES, [(run, None)])
    told: list[Rule] = []
    if stored:
        relation = views.relation(site, TAG_RULES, stored)
        rows = site.engine.rows(f"SELECT DISTINCT position, rule FROM ({relation}) ORDER BY 1")
        told = [of_json(text) for _, text in rows]
    lines = under(_dated(told, model))
    return converted(lines, views.relation(site, CONVERSIONS, mine), keys) if mine else lines


def _dated(rules: Sequence[Rule], model_text: str) -> Rules:
    """Return rules with the zone of a model; it is read only where a rule has a day."""
    dated = any(rule.start or rule.end for rule in rules)
    return Rules(tuple(rules), loads(model_text).timezone) if dated else Rules(tuple(rules))


def _others(connection: Connection, own: Sequence[str]) -> list[tuple[str, str | None]]:
    wanted = sa.select(PUBLISHED.c.run_id, PUBLISHED.c.period).distinct()
    chosen = {p: r for r, p in connection.execute(wanted.order_by(PUBLISHED.c.run_id))}
    return [(r, p) for p, r in sorted(chosen.items()) if p not in own]


def converted(lines: str, conversions: str, keys: Sequence[str] = ()) -> str:
    """Return the SQL of lines in the currency of their conversions, and a line for each rounding.

    Args:
        lines: relation of the lines as imported.
        conversions: relation of ``CONVERSIONS`` with the column ``period``.
        keys: of ``Extra``, which the lines have columns of.
    """
    names = (*_ALL, *map(key_column, keys))
    own = {name: f"if(c.LineId IS NULL, l.{name}, c.{name})" for name in COSTS.values()}
    own["BillingCurrency"] = 'coalesce(c."to", l.BillingCurrency)'
    columns = ", ".join(f"{own.get(name, f'l.{quote(name)}')} AS {quote(name)}" for name in names)
    said = (
        "c.currency AS OriginalCurrency, c.rate AS ExchangeRate,"
        " CAST(c.rate_day AS VARCHAR) AS ExchangeRateDay"
    )
    costs = ", ".join(
        f"if(c.LineId IS NULL, NULL, l.{name}) AS Original{name}" for name in COSTS.values()
    )
    return (
        f"SELECT {columns}, {said}, {costs} FROM ({lines}) l LEFT JOIN ({conversions}) c"
        " ON c.LineId = l.LineId AND c.period = l.period"
        f" UNION ALL {_roundings(lines, conversions, keys)}"
    )


def unconverted(lines: str) -> str:
    """Return the SQL of lines that all are in the model's currency, with what models ask."""
    none = ", ".join(f"CAST(NULL AS VARCHAR) AS {name}" for name in ORIGINALS)
    return f"SELECT *, {none} FROM ({lines})"


def keep_originals(engine: Engine, table: str) -> None:
    """Give a table of lines the columns that converted ones have, null where nothing was."""
    for name in KEPT:
        kind = "VARCHAR" if name in ORIGINALS else sql_type(MONEY)
        engine.execute(f"ALTER TABLE {quote(table)} ADD COLUMN IF NOT EXISTS {name} {kind}")


def _roundings(lines: str, conversions: str, keys: Sequence[str]) -> str:
    start = "CAST(c.period || '-01T00:00:00Z' AS TIMESTAMPTZ)"
    said = {
        "LineId": "c.LineId",
        "source": "'percapita'",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": f"{start} + INTERVAL 1 MONTH",
        "BillingPeriodStart": start,
        "BillingPeriodEnd": f"{start} + INTERVAL 1 MONTH",
        **{name: f"c.{name}" for name in COSTS.values()},
        "BillingCurrency": 'c."to"',
        "ChargeCategory": "'Adjustment'",
        "ChargeDescription": "'Rounding: what the 18th digit cut from all lines converted from '"
        " || c.currency || ', summed.'",
        "Extra": "MAP {'percapita': 'rounding'}",
        key_column("percapita"): "'rounding'",
        "period": "c.period",
        "import": "''",
    }
    types = {column.name: column.type for column in LINES.columns}
    columns = ", ".join(
        f"CAST({said.get(name, 'NULL')} AS {sql_type(types.get(name, 'string'))}) AS {quote(name)}"
        for name in (*_ALL, *map(key_column, keys))
    )
    # The lines are asked so that a view of some months or accounts shows only their roundings.
    return (
        f"SELECT {columns}, c.currency, NULL, NULL, NULL, NULL, NULL, NULL"
        f" FROM ({conversions}) c WHERE c.rate IS NULL"
        f" AND c.period IN (SELECT period FROM ({lines}))"
    )


def _with(column: str, entries: Mapping[str, str]) -> str:
    """Return a map with more entries; an entry whose value is null is left out."""
    more = ", ".join(
        f"if({v} IS NULL, {_EMPTY}, CAST(MAP {{{literal(k)}: {v}}} AS {_MAP}))"
        for k, v in entries.items()
    )
    return f"map_concat(coalesce({column}, {_EMPTY}), {more})"


def tagged(lines: str, given: Rules, keys: Sequence[str] = (), held: Sequence[str] = ()) -> str:
    """Return the SQL of lines with the tags that the rules supply.

    Args:
        lines: relation of the lines as imported.
        given: the rules in their order.
        keys: of ``Extra``, whose columns are passed on.
        held: all those that the lines have columns of.
    """
    if not given.rules:
        return lines
    tags = list(dict.fromkeys(tag for rule in given.rules for tag in rule.set))
    made = [sql for at, tag in enumerate(tags) for sql in _made(at, tag, given, held)]
    supplied = {tag: f"_tag{at}" for at, tag in enumerate(tags)}
    more = {
        **supplied,
        **{f"{RAW}{k}": f"if({v} <> {_tag(k)}, {_tag(k)}, NULL)" for k, v in supplied.items()},
        # A rule that says what the bill says already supplies nothing.
        **{
            f"{RULE}{k}": f"if(_tag{at} IS DISTINCT FROM {_tag(k)}, _rule{at}, NULL)"
            for at, k in enumerate(tags)
        },
    }
    # A map takes long to make, and lines have few different ones: each is made once.
    parts = ["Tags", *(f"{kind}{at}" for at in range(len(tags)) for kind in ("_tag", "_rule"))]
    same = " AND ".join(f"m.{part} IS NOT DISTINCT FROM t.{part}" for part in parts)
    columns = ", ".join(
        f"{'t._tags' if n == 'Tags' else f'm.{quote(n)}'} AS {quote(n)}"
        for n in (*_ALL, *map(key_column, keys))
    )
    return (
        f"WITH _made AS NOT MATERIALIZED (SELECT *, {', '.join(made)} FROM ({lines})),"
        f" _maps AS MATERIALIZED (SELECT *, nullif({_with('Tags', more)}, {_EMPTY}) AS _tags"
        f" FROM (SELECT DISTINCT {', '.join(parts)} FROM _made))"
        f" SELECT {columns} FROM _made m JOIN _maps t ON {same}"
    )


def _made(at: int, tag: str, given: Rules, held: Collection[str]) -> list[str]:
    """Return the columns of what the rules supply for a tag: its value, and the rule's name."""
    tz = zone(given.zone)
    cases = [
        (f"{_applies(rule, tz, held)} AND {value} IS NOT NULL", value, rule.name)
        for rule in given.rules
        if tag in rule.set
        for value in [_value(rule.set[tag], held)]
    ]
    value = " ".join(f"WHEN {test} THEN {found}" for test, found, _ in cases)
    name = " ".join(f"WHEN {test} THEN {literal(name)}" for test, _, name in cases)
    return [f"CASE {value} END AS _tag{at}", f"CASE {name} END AS _rule{at}"]


def _tag(key: str) -> str:
    return f"nullif(Tags[{literal(key)}], '')"


def _asked(rule: Rule) -> list[str]:
    """Return the columns that a rule reads."""
    return [*rule.match, *(value.column for value in rule.set.values() if value.text is None)]


def column_sql(column: str, held: Collection[str] = ()) -> str:
    """Return the SQL of a line's value of a model column; null where there is none.

    ``held``: keys of ``Extra`` that the lines have columns of.
    """
    if column.startswith(TAG):
        return _tag(column.removeprefix(TAG))
    if column.startswith(EXTRA):
        plain = column.removeprefix(EXTRA)
        return f"nullif(coalesce({one(column, held)}, {one(plain, held)}), '')"
    return f"nullif({quote(column)}, '')"


def fits(match: Mapping[str, Condition], held: Collection[str] = ()) -> list[str]:
    """Return the SQL of each condition of a match on lines."""
    return [_holds(column_sql(column, held), condition) for column, condition in match.items()]


def _applies(rule: Rule, tz: ZoneInfo, held: Collection[str]) -> str:
    tests = fits(rule.match, held)
    if rule.start:
        tests.append(f"ChargePeriodStart >= {_instant(midnight(rule.start, tz))}")
    if rule.end:
        tests.append(f"ChargePeriodStart < {_instant(day_span(rule.end, tz).end)}")
    return "(" + (" AND ".join(tests) or "true") + ")"


def _instant(moment: datetime) -> str:
    return f"CAST('{moment.astimezone(UTC).isoformat()}' AS TIMESTAMPTZ)"


def _holds(text: str, condition: Condition) -> str:
    if condition.present is not None:
        return f"{text} IS {'NOT ' if condition.present else ''}NULL"
    plain = [v for v in condition.values if not set("*?") & set(v)]
    tests = [f"{text} IN ({', '.join(map(literal, plain))})"] if plain else []
    tests += [
        f"regexp_matches({text}, {literal(wildcard(value))})"
        for value in condition.values
        if set("*?") & set(value)
    ]
    return f"coalesce({' OR '.join(tests)}, false)"


def _value(value: Value, held: Collection[str]) -> str:
    """Return the SQL of what a rule sets; null where it has no value for a line."""
    if value.text is not None:
        return literal(value.text)
    text = column_sql(value.column, held)
    cased = f"{value.case}({text})" if value.case else ""
    if not value.values:
        return cased or text
    listed = " ".join(f"WHEN {literal(k)} THEN {literal(v)}" for k, v in value.values.items())
    return f"(CASE trim(lower({text})) {listed} ELSE {cased or 'NULL'} END)"
