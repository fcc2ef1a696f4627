"""The rows of a FOCUS file as SQL: a line with FOCUS' columns filled, and its cut pieces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from percapita.core.tables import MONEY
from percapita.report.focus import words
from percapita.report.focus.columns import (
    FIELDS,
    MAP,
    NUMBER,
    SPLIT,
    SUMMABLE,
    TEXT,
    TIME,
    of_version,
    prefixed,
)
from percapita.store.engine import Engine, literal, quote, sql_type
from percapita.store.read import focus as read_focus

CUSTOM: Final = "x_"
FILLED: Final = "x_FilledColumns"
ORIGIN: Final = "x_OriginChargeId"
SOURCE: Final = "x_Source"
REST: Final = "x_Extra"
_PREFIX: Final = "percapita/"
"""Of tag keys that percapita gives, so that none repeats a tag of the bill's."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns of a file: name, type and the SQL that makes it from a row."""

    version: str
    columns: tuple[tuple[str, str, str], ...]

    @property
    def names(self) -> list[str]:
        """Names in order."""
        return [name for name, _, _ in self.columns]

    def query(self, source: str, *, plain: bool, by: str) -> str:
        """Return the file's rows of a relation, in the order of some of its columns.

        Plain rows are one text each: a line of CSV.
        """
        if plain:
            cells = " || ',' || ".join(_cell(sql, kind) for _, kind, sql in self.columns)
            return f"SELECT {cells} || chr(10) AS line FROM ({source}) row ORDER BY {by}"
        chosen = ", ".join(
            f"CAST({sql} AS {sql_type(kind)}) AS {quote(name)}" for name, kind, sql in self.columns
        )
        return f"SELECT {chosen} FROM ({source}) row ORDER BY {by}"


def _cell(sql: str, kind: str) -> str:
    """Return a value as CSV carries it: plain digits, UTC, null as nothing."""
    if kind == NUMBER:
        text = f"CAST(CAST({sql} AS {MONEY}) AS VARCHAR)"
        plain = f"rtrim(rtrim({text}, '0'), '.')"
        return f"coalesce(CASE WHEN {sql} = 0 THEN '0' ELSE {plain} END, '')"
    if kind == TIME:
        return f"coalesce(strftime({sql}, '%Y-%m-%dT%H:%M:%SZ'), '')"
    text = f"CAST({sql} AS VARCHAR)"
    quoted = f"'\"' || replace({text}, '\"', '\"\"') || '\"'"
    odd = f"regexp_matches({text}, '[\",\\r\\n]')"
    return f"coalesce(CASE WHEN {odd} THEN {quoted} ELSE {text} END, '')"


def shape(
    version: str, keys: Collection[str], *, allocated: bool, tags: str, filled: bool = True
) -> Shape:
    """Return the columns of a version over the bound lines, custom ones last.

    ``keys`` are those of ``Extra`` that lines have. ``tags`` is the type of the columns of keys and
    values: text that holds JSON, or a map.
    """
    types = {field.name: field.type for field in FIELDS}
    columns = [
        (name, SPLIT[name], quote(f"split_{name}")) if allocated and name in SPLIT
        else (name, types[name], quote(name))
        for name in of_version(version)
    ]  # fmt: skip
    if allocated and version < "1.3":
        columns += [(prefixed(version, n), kind, quote(f"split_{n}")) for n, kind in SPLIT.items()]
    columns += [(ORIGIN, TEXT, quote(ORIGIN)), (SOURCE, TEXT, "source")]
    if filled:
        columns.append((FILLED, TEXT, FILLED))
    taken = {name.lower() for name, _, _ in columns}
    own = [key for key in sorted(keys) if key.startswith(CUSTOM) and _free(key, taken)]
    columns += [(key, TEXT, f"nullif(Extra[{literal(key)}], '')") for key in own]
    if not allocated:
        known = ", ".join(map(literal, (*own, *(n for n, _, _ in columns))))
        rest = (
            f"map_from_entries(list_filter(map_entries(Extra), lambda e: e.key NOT IN ({known})))"
        )
        columns.append((REST, MAP, rest))
    typed = [
        (name, tags if kind == MAP else kind, _as(sql, kind, tags)) for name, kind, sql in columns
    ]
    return Shape(version, tuple(typed))


def _as(sql: str, kind: str, tags: str) -> str:
    if kind != MAP or tags == MAP:
        return sql
    return f"CASE WHEN cardinality({sql}) > 0 THEN CAST(to_json({sql}) AS VARCHAR) END"


def _free(key: str, taken: set[str]) -> bool:
    """Tell whether no other column has this name; engines ignore case in names."""
    fresh = key.lower() not in taken
    taken.add(key.lower())
    return fresh


def services(engine: Engine) -> None:
    """Make ``_services``: the one category that FOCUS allows a service, the most frequent one."""
    category = words.category("ServiceCategory")
    sub = words.subcategory("ServiceSubcategory", "category")
    ranked = "row_number() OVER (PARTITION BY ServiceName ORDER BY {}) AS rank"
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _services AS WITH named AS (SELECT ServiceName,"
        f" {category} AS category, ServiceSubcategory FROM lines WHERE ServiceName <> ''),"
        f" counted AS (SELECT ServiceName, category, {sub} AS sub, count(*) AS n FROM named"
        " GROUP BY ALL),"
        " summed AS (SELECT *, sum(n) OVER (PARTITION BY ServiceName, category) AS all_n"
        f" FROM counted), best AS (SELECT *, {ranked.format(_BEST)} FROM summed)"
        " SELECT ServiceName, category, sub FROM best WHERE rank = 1"
    )


_BEST: Final = "all_n DESC, category, starts_with(sub, 'Other ('), n DESC, sub"


def origin(engine: Engine, version: str, currency: str, *, filled: bool = True) -> None:
    """Make ``_origin``: the bound lines with every FOCUS column that follows from them.

    Unless they are to be filled, the columns are as the bill has them.
    """
    shown = set(of_version(version)) if filled else set()
    raws = ", ".join(f"{field.raw} AS raw_{field.name}" for field in FIELDS)
    changed = ", ".join(
        f"CASE WHEN {field.name} IS DISTINCT FROM raw_{field.name} THEN {literal(_named(field.name))}"  # noqa: E501
        f" || coalesce(CAST(to_json(raw_{field.name}) AS VARCHAR), 'null') END"
        for field in FIELDS
        if field.fill and field.name in shown
    )
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE _origin AS WITH bill AS (SELECT l.LineId, l.source, l.Extra,"
        f" l.source AS raw_source, {literal(currency)} AS raw_currency,"
        " v.category AS raw_one_category, v.sub AS raw_one_subcategory,"
        f" CAST(l.period || '-01' AS TIMESTAMPTZ) AS raw_month, {raws} FROM lines l"
        " LEFT JOIN _services v ON v.ServiceName = l.ServiceName)"
        f" SELECT *, nullif('{{' || concat_ws(',', {changed or 'NULL'}) || '}}', '{{}}')"
        f" AS {FILLED} FROM {_filled('bill') if filled else _unfilled('bill')}"
    )


def _unfilled(relation: str) -> str:
    columns = ", ".join(f"raw_{field.name} AS {field.name}" for field in FIELDS)
    return f"(SELECT *, {columns} FROM {relation})"


def _filled(relation: str) -> str:
    """Return a relation with every field, from those before it."""
    for _, fields in groupby(FIELDS, key=lambda field: field.apart):
        fills = ", ".join(
            f"CAST({field.fill or f'raw_{field.name}'} AS {sql_type(field.type)}) AS {field.name}"
            for field in fields
        )
        relation = f"(SELECT *, {fills} FROM {relation})"
    return relation


def _named(name: str) -> str:
    return f'"{name}":'


def pieces(columns: Sequence[str]) -> dict[str, str]:
    """Return the columns of the table of cut rows."""
    return {
        "line": "string", "subject": "int64", "slice": "int64", "feature": "string",
        "operation": "string", "region": "string", "evidence": "string",
        **dict.fromkeys(columns, MONEY),
    }  # fmt: skip


def remainders(columns: Sequence[str], bucket: int) -> str:
    """Return the lines of a batch that no receiver has a part of, whole."""
    values = ", ".join(f"o.{quote(name)}" for name in columns)
    evidence = literal('{"Elements":[{"AllocatedRatio":1}]}')
    return (
        "SELECT o.LineId AS line, CAST(NULL AS BIGINT) AS subject, CAST(NULL AS BIGINT) AS slice,"
        f" '' AS feature, '' AS operation, '' AS region, {evidence} AS evidence, {values}"
        f" FROM _origin o JOIN _cut c ON c.line = o.LineId WHERE c.bucket = {bucket}"
        " AND NOT EXISTS (SELECT 1 FROM _pieces p WHERE p.line = o.LineId)"
    )


def joined(columns: Sequence[str], bucket: int, method: str) -> str:
    """Return the cut rows of a batch with their origin's columns and the evidence."""
    names = [field.name for field in FIELDS if field.name not in SUMMABLE]
    rest = [name for name in SUMMABLE if name not in columns]
    given = ", ".join(f"o.{quote(name)}" for name in (*names, *rest))
    cut = ", ".join(f"p.{quote(name)}" for name in columns)
    key = ", ".join(f"p.{name}" for name in read_focus.KEY)
    return f"""
SELECT o.LineId, o.LineId AS {ORIGIN}, o.source, o.Extra, o.{FILLED}, {given}, {cut}, {key},
  {literal(method)} AS "split_AllocatedMethodId", p.evidence AS "split_AllocatedMethodDetails",
  w.id AS "split_AllocatedResourceId", w.name AS "split_AllocatedResourceName",
  {_tags()} AS "split_AllocatedTags"
FROM _pieces p JOIN _origin o ON o.LineId = p.line
JOIN _cut c ON c.line = o.LineId AND c.bucket = {bucket}
LEFT JOIN _subjects w ON w.subject = p.subject
LEFT JOIN {read_focus.SHOWN} s ON s.slice = p.slice
"""


def _tags() -> str:
    """Return kind, segments and dimensions of a receiver as tags of percapita's own."""
    kind = literal(f"{_PREFIX}kind")
    segments = (
        "list_transform(map_entries(s.attributes), lambda e:"
        f" struct_pack(k := {literal(_PREFIX)} || e.key, v := e.value))"
    )
    dimensions = ", ".join(
        f"struct_pack(k := {literal(_PREFIX + name)}, v := p.{name})" for name in read_focus.KEY[2:]
    )
    entries = (
        f"list_concat([struct_pack(k := {kind}, v := coalesce(s.kind, 'unallocated'))],"
        f" coalesce({segments}, []), [{dimensions}])"
    )
    return f"map_from_entries(list_filter({entries}, lambda e: coalesce(e.v, '') <> ''))"
