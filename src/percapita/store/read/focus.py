"""Every line cut over its receivers, as a table: the fixed SQL of the allocated export.

What a receiver has of a line is the difference of the split of its group's running total with and
without the line, as in explain, but for all lines of a batch at once. ``parts``, ``groups``,
``flows`` and ``ledger`` are asked for under their own names, bound to one period of one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from percapita.core.split import quotient
from percapita.core.subjects import SEGMENT, SESSION, TENANT, USER
from percapita.core.tables import MONEY
from percapita.store.engine import Engine, literal, quote

GIVEN: Final = {
    "group": "int64", "line": "string", "before": "decimal(38,18)", "after": "decimal(38,18)",
}  # fmt: skip
"""What a line part brought into a group: the group's running total before and after it."""

AMOUNT: Final = "CAST({} AS DECIMAL(36,18))"
_PLACES: Final = ((12, 6), (9, 9), (6, 12), (3, 15))
"""Fractional digits of an atom, and the power of ten that amounts stay below."""


def targets(engine: Engine, basis: str) -> list[int]:
    """Return the groups with receivers that other groups hand to."""
    rows = engine.rows(
        'SELECT DISTINCT f.to_group FROM flows f JOIN groups g ON g."group" = f.to_group'
        " AND g.basis = f.basis WHERE f.basis = ? AND g.receivers > 0 ORDER BY 1",
        [basis],
    )
    return [int(row[0]) for row in rows]


def given(engine: Engine, basis: str, handed: Iterable[Sequence[Any]]) -> None:
    """Make ``_given``: entries by running totals here, what was handed on as computed outside."""
    engine.load("_given", GIVEN, handed)
    engine.insert(
        "_given",
        'SELECT "group", line, after - amount AS before, after FROM (SELECT p."group",'
        ' p.LineId AS line, p.amount, sum(p.amount) OVER (PARTITION BY p."group" ORDER BY'
        " p.start, p.LineId, coalesce(p.follows, ''), p.amount ROWS UNBOUNDED PRECEDING) AS after"
        ' FROM parts p JOIN groups g ON g."group" = p."group" AND g.basis = p.basis'
        f" WHERE p.basis = {literal(basis)} AND g.receivers > 0"
        ' AND NOT EXISTS (SELECT 1 FROM flows f WHERE f.to_group = p."group"'
        " AND f.basis = p.basis))",
        GIVEN,
    )
    engine.create("_steps", _steps(), _STEPS)
    engine.drop("_given")


_STEPS: Final = {
    "group": "int64", "line": "string", "brought": "decimal(38,18)",
    "sign_before": "int32", "places_before": "int32", "count_before": "double",
    "sign_after": "int32", "places_after": "int32", "count_after": "double",
}  # fmt: skip


def _steps() -> str:
    """Return each running total cut to whole atoms of the finest size that fits."""
    cut = ", ".join(
        f"CAST(sign({side}) AS INTEGER) AS sign_{side}, {_places(side)} AS places_{side},"
        f" CAST({_grains(side)} // {_grain_of(side)} AS DOUBLE) AS count_{side}"
        for side in ("before", "after")
    )
    return f'SELECT "group", line, after - before AS brought, {cut} FROM _given'


def _places(column: str) -> str:
    cases = " ".join(
        f"WHEN abs({column}) < {4 * 10**power} THEN {places}" for places, power in _PLACES
    )
    return f"CASE {cases} ELSE 0 END"


def _grains(column: str) -> str:
    return f"CAST(replace(CAST(abs({column}) AS VARCHAR), '.', '') AS HUGEINT)"


def _grain_of(column: str) -> str:
    cases = " ".join(
        f"WHEN abs({column}) < {4 * 10**power} THEN {10 ** (18 - places)}"
        for places, power in _PLACES
    )
    return f"CAST(CASE {cases} ELSE {10**18} END AS HUGEINT)"


def atoms(places: str, count: str) -> str:
    """Return whole atoms (BIGINT) as an amount."""
    cases = " ".join(
        f"WHEN {n} THEN {AMOUNT.format(f'{count} * CAST({literal(_atom(n))} AS DECIMAL({n + 1},{n}))')}"  # noqa: E501
        for n, _ in _PLACES
    )
    return f"CASE {places} {cases} ELSE {AMOUNT.format(count)} END"


def _atom(places: int) -> str:
    return f"0.{'1'.rjust(places, '0')}"


@dataclass(frozen=True, slots=True)
class _Double:
    """The SQL of a double."""

    sql: str

    def __add__(self, other: float) -> _Double:
        return _Double(f"{self.sql} + {other}")

    def __mul__(self, other: _Double) -> _Double:
        return _Double(f"{self.sql} * {other.sql}")

    def __truediv__(self, other: _Double) -> _Double:
        return _Double(f"{self.sql} / {other.sql}")


def part(count: str, weight: str, total: str) -> str:
    """Return the kernel's rounded part, in atoms; ``count`` is the SQL of a double."""
    weights = (_Double(f"CAST({number} AS DOUBLE)") for number in (weight, total))
    return f"CAST(floor({quotient(_Double(count), *weights).sql}) AS BIGINT)"


_TAKERS: Final = {
    "group": "int64", "subject": "int64", "slice": "int64", "feature": "string",
    "operation": "string", "region": "string", "w": "int64", "total": "int64", "holds": "bool",
    "flow": "bool", "pool": "string", "method": "string", "driver": "string",
}  # fmt: skip
KEY: Final = ("subject", "slice", "feature", "operation", "region")
"""What tells the receivers of a line apart."""
_BY_SEGMENT: Final = (
    "if(c.subject < 0, c.subject, s.of) AS subject, s.of AS slice, '' AS feature,"
    " '' AS operation, '' AS region"
)
UNKNOWN: Final = "not known"
"""Stands for those who have no value of the segment."""
SEGMENTED: Final = (USER, SESSION, TENANT, SEGMENT)
"""Kinds of subject that a segment holds; others stand beside it."""


def takers(engine: Engine, basis: str) -> None:
    """Make ``_takers``: every ledger row and flow of the groups, and which one has the residual."""
    of = literal(basis)
    order = ", ".join(f"coalesce({name}, '')" for name in KEY[2:])
    rounded = _rounded("g.amount", "l.w", "g.total")
    engine.create(
        "_takers",
        f'SELECT l."group", l.subject, l.slice, {_dimensions()}, coalesce(l.w, 0) AS w,'
        ' CAST(g.total AS BIGINT) AS total, row_number() OVER (PARTITION BY l."group" ORDER BY'
        " CASE WHEN g.holder IS NULL OR l.subject = g.holder THEN 0 ELSE 1 END,"
        f" coalesce(l.w, 0) DESC, CASE WHEN l.amount <> {rounded} THEN 0 ELSE 1 END,"
        f" l.subject, l.slice, {order}) = 1 AND NOT (g.holder IS NULL AND EXISTS (SELECT 1 FROM"
        ' flows f WHERE f.basis = l.basis AND f.from_group = l."group")) AS holds, false AS flow,'
        ' g.pool, g.method, g.driver FROM ledger l JOIN groups g ON g."group" = l."group"'
        f" AND g.basis = l.basis WHERE l.basis = {of}",
        _TAKERS,
    )
    engine.insert(
        "_takers",
        "SELECT f.from_group AS \"group\", -9 AS subject, f.position AS slice, '' AS feature,"
        " '' AS operation, '' AS region, f.w, CAST(g.total AS BIGINT) AS total,"
        " row_number() OVER (PARTITION BY f.from_group ORDER BY f.w DESC, f.position) = 1"
        " AND g.holder IS NULL AS holds, true AS flow, g.pool, g.method, g.driver FROM flows f"
        ' JOIN groups g ON g."group" = f.from_group AND g.basis = f.basis'
        f" WHERE f.basis = {of} AND g.receivers > 0",
        _TAKERS,
    )


def _dimensions() -> str:
    return ", ".join(f"coalesce(l.{name}, '') AS {name}" for name in KEY[2:])


def _rounded(amount: str, weight: str, total: str) -> str:
    count = f"CAST({_grains(amount)} // {_grain_of(amount)} AS DOUBLE)"
    found = part(count, f"coalesce({weight}, 0)", total)
    return f"CAST(sign({amount}) AS INTEGER) * {atoms(_places(amount), found)}"


_LINES: Final = {
    "line": "string",
    "zero": "bool",
    "sign": "int32",
    "scale": "double",
    "bucket": "int64",
}


def buckets(engine: Engine, size: int) -> int:
    """Make ``_cut``: the lines in batches of about ``size`` receivers each; return the batches.

    Lines come from ``_origin``, in the order of their ids.
    """
    scale = " ".join(
        f"WHEN abs(amount) < {4 * 10**power} THEN 1e{18 - power}" for power in (0, 3, 6, 9, 12, 15)
    )
    engine.create(
        "_cut",
        'WITH sizes AS (SELECT "group", count(*) AS n FROM _takers GROUP BY ALL),'
        " wide AS (SELECT s.line, sum(s.brought) AS amount, sum(z.n) AS n FROM _steps s"
        ' JOIN sizes z ON z."group" = s."group" GROUP BY ALL)'
        " SELECT o.LineId AS line, coalesce(w.amount, 0) = 0 AS zero,"
        " CAST(sign(coalesce(w.amount, 0)) AS INTEGER) AS sign,"
        f" CASE {scale} ELSE 1 END AS scale, sum(coalesce(n, 1)) OVER (ORDER BY o.LineId"
        f" ROWS UNBOUNDED PRECEDING) // {size} AS bucket"
        " FROM _origin o LEFT JOIN wide w ON w.line = o.LineId",
        _LINES,
    )
    return int(engine.value("SELECT coalesce(max(bucket), -1) + 1 FROM _cut"))


_WHOSE: Final = {
    "slice": "int64", "of": "int64", "kind": "string", "name": "string",
    "attributes": "map<string,string>",
}  # fmt: skip
SHOWN: Final = "_shown"
"""Relation of kind and attributes of the receivers by slice, as the rows show them."""


def receivers(engine: Engine, segment: str) -> None:
    """Make ``_whose`` and ``_shown``: who stands for each receiver in the rows.

    Everybody for himself, unless by a segment: then each value of it stands for all who had it,
    and so does each kind of subject that no segment holds.
    """
    if not segment:
        engine.view(SHOWN, "SELECT slice, kind, attributes FROM slices")
        return
    value = f"nullif(attributes[{literal(segment)}], '')"
    kinds = ", ".join(map(literal, SEGMENTED))
    engine.create(
        "_whose",
        f"SELECT slice, if(slice < 0, slice, dense_rank() OVER (ORDER BY name, kind)) AS of, kind,"
        f" name, if(value IS NULL, NULL, MAP {{{literal(segment)}: value}}) AS attributes FROM"
        f" (SELECT slice, if(kind IN ({kinds}), 'segment', kind) AS kind, {value} AS value,"
        f" CASE WHEN kind IN ({kinds}) THEN coalesce({value}, {literal(UNKNOWN)}) ELSE kind END"
        " AS name FROM slices)",
        _WHOSE,
    )
    engine.view(SHOWN, "SELECT DISTINCT of AS slice, kind, attributes FROM _whose")


def segment_names(engine: Engine) -> list[tuple[Any, ...]]:
    """Return the number that stands for each value of the segment, and its name."""
    return engine.rows("SELECT DISTINCT of, name FROM _whose WHERE of > 0 ORDER BY ALL")


_ELEMENTS: Final = {
    "line": "string", "subject": "int64", "slice": "int64", "feature": "string",
    "operation": "string", "region": "string", "pool": "string", "method": "string",
    "driver": "string", "amount": MONEY, "n": "int64", "used": "decimal(38,0)",
}  # fmt: skip


def elements(engine: Engine, bucket: int, segment: str = "") -> None:
    """Make ``_elements`` of a batch: what each receiver got of each line by each driver."""
    after = f"s.sign_after * {atoms('s.places_after', part('s.count_after', 't.w', 't.total'))}"
    before = f"s.sign_before * {atoms('s.places_before', part('s.count_before', 't.w', 't.total'))}"
    key = ", ".join(KEY)
    shown = _BY_SEGMENT if segment else ", ".join(f"c.{name}" for name in KEY)
    engine.create(
        "_elements",
        f"""
WITH raw AS (
  SELECT s.line, s."group", {", ".join(f"t.{name}" for name in KEY)}, t.pool, t.method, t.driver,
    t.w, t.holds, t.flow, s.brought, c.zero, c.sign, c.scale,
    {AMOUNT.format(f"{after} - {before}")} AS rounded, {part("1e15", "t.w", "t.total")} AS notional
  FROM _steps s JOIN _cut c ON c.line = s.line AND c.bucket = {bucket}
  JOIN _takers t ON t."group" = s."group"
), taken AS (
  SELECT line, "group", {key}, pool, method, driver, holds, flow, zero, sign, scale,
    any_value(w) AS w, sum(rounded) AS rounded, sum(brought) AS brought, max(notional) AS notional
  FROM raw GROUP BY ALL
), closed AS (
  SELECT *, CASE WHEN holds THEN brought - sum(CASE WHEN holds THEN 0 ELSE rounded END)
    OVER (PARTITION BY line, "group") ELSE rounded END AS amount FROM taken
)
SELECT line, {shown}, pool, method, driver, sum(amount) AS amount,
  sum(CASE WHEN zero THEN notional ELSE CAST(floor(greatest(sign * CAST(amount AS DOUBLE), 0)
    * scale + 0.5) AS BIGINT) END) AS n, sum(w) AS used
FROM closed c {"JOIN _whose s ON s.slice = c.slice" if segment else ""}
WHERE NOT flow GROUP BY ALL
""",
        _ELEMENTS,
    )


def cut_sql(columns: Sequence[str], basis: str) -> str:
    """Return the query of a batch's rows: receiver, evidence and every summable column, cut.

    Args:
        columns: summable columns; ``_values`` holds a row for each line and column of them.
        basis: the column among them that the ledger itself holds.
    """
    key = ", ".join(KEY)
    cut = ", ".join(_column(name, exact=name == basis) for name in columns)
    joins = " ".join(
        f"LEFT JOIN _values v{at} ON v{at}.line = r.line AND v{at}.name = {literal(name)}"
        for at, name in enumerate(columns)
    )
    parts = ", ".join(
        f"v{at}.value AS {quote(f'whole_{name}')}, {_share(at)} AS {quote(f'part_{name}')}"
        for at, name in enumerate(columns)
    )
    return f"""
WITH ranked AS (
  SELECT *, sum(n) OVER (PARTITION BY line) AS whole,
    row_number() OVER (PARTITION BY line ORDER BY n DESC, {key}, pool, method, driver) = 1 AS top
  FROM _elements
), rated AS (
  SELECT *, CAST({part("1e12", "n", "whole")} AS BIGINT) AS share FROM ranked WHERE whole > 0
), ratios AS (
  SELECT *, CASE WHEN top THEN 1000000000000 - sum(CASE WHEN top THEN 0 ELSE share END)
    OVER (PARTITION BY line) ELSE share END AS ratio FROM rated
), receivers AS (
  SELECT line, {key}, sum(amount) AS amount, CAST(sum(n) AS BIGINT) AS n, any_value(whole) AS whole,
    string_agg('{{"AllocatedRatio":' || {_decimal("ratio")} || ',"UsageUnit":'
      || to_json(coalesce(nullif(driver, ''), method)) || ',"UsageQuantity":'
      || CAST(used AS VARCHAR) || ',"x_Pool":' || to_json(pool) || ',"x_Method":'
      || to_json(method) || '}}', ',' ORDER BY pool, method, driver) AS evidence
  FROM ratios GROUP BY ALL
), rows AS (
  SELECT *, row_number() OVER (PARTITION BY line ORDER BY n DESC, {key}) = 1 AS top
  FROM receivers WHERE n <> 0 OR amount <> 0
), parted AS (SELECT r.*, {parts} FROM rows r {joins})
SELECT line, {key}, '{{"Elements":[' || evidence || ']}}' AS evidence, {cut} FROM parted
"""


def _decimal(ratio: str) -> str:
    """Return whole 10^-12 as a number's text."""
    text = f"CAST({ratio} * CAST('0.000000000001' AS DECIMAL(13,12)) AS DECIMAL(30,12))"
    return f"rtrim(rtrim(CAST({text} AS VARCHAR), '0'), '.')"


def _share(at: int) -> str:
    count = f"CAST(abs(v{at}.atoms) AS DOUBLE)"
    found = atoms(f"v{at}.places", part(count, "r.n", "r.whole"))
    return f"CAST(sign(v{at}.atoms) AS INTEGER) * {found}"


def _column(name: str, *, exact: bool) -> str:
    whole, own = quote(f"whole_{name}"), quote(f"part_{name}")
    others = f"sum(CASE WHEN top THEN 0 ELSE {own} END) OVER (PARTITION BY line)"
    cut = f"CASE WHEN {whole} IS NULL THEN NULL WHEN top THEN {whole} - {others} ELSE {own} END"
    if exact:
        sums = "sum(amount) OVER (PARTITION BY line)"
        cut = f"CASE WHEN {sums} = {whole} THEN amount ELSE {cut} END"
    return f"{AMOUNT.format(cut)} AS {quote(name)}"


VALUES: Final = {
    "line": "string", "name": "string", "value": MONEY, "places": "int32", "atoms": "int64",
}  # fmt: skip
