"""Fixed questions to one run's tables: what explain and the dumps read.

The tables are asked for under their own names, bound to one period of one run by ``bind``. Ledger
files are sorted by subject, so a question about one subject opens few row groups.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from percapita.core.money import text
from percapita.core.tables import (
    COSTS,
    FLOWS,
    GROUPS,
    HEAVIEST,
    LEDGER,
    LINES,
    PARTS,
    ROLLUP,
    SLICES,
)
from percapita.model.tags import RAW, RULE
from percapita.store.engine import Engine, literal, quote
from percapita.store.kept.in_engine import MOST_ROWS, in_engine

SHOWN = (
    "LineId", "source", "file", "row", "ChargePeriodStart", "ChargePeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeDescription", "ServiceName", "ResourceId",
    "ResourceName", "SubAccountId", "RegionId", "BillingCurrency",
)  # fmt: skip
"""Columns of a line that explain prints beside its amount."""


_OFTEN = 25
"""Lines of each group that are looked up at once: as many as a page names."""


class Who(NamedTuple):
    """A choice of ledger rows: by subject, by slice, or by both (either fits)."""

    subjects: tuple[int, ...] = ()
    slices: tuple[int, ...] = ()

    def condition(self) -> tuple[str, list[Any]]:
        """Return the SQL condition and its parameters."""
        parts = []
        if self.subjects:
            parts.append(f"subject IN ({', '.join('?' * len(self.subjects))})")
        if self.slices:
            parts.append(f"slice IN ({', '.join('?' * len(self.slices))})")
        return f"({' OR '.join(parts) or 'false'})", [*self.subjects, *self.slices]


class GroupRow(NamedTuple):
    """A row of ``groups``, without what only the split itself needs."""

    group: int
    pool: str
    method: str
    driver: str
    billing_period: str
    start: datetime
    end: datetime
    grain: str
    cell: str | None
    level: str
    weight_start: datetime
    weight_end: datetime
    amount: Decimal
    total: int
    shift: int
    holder: int | None
    residual: int
    receivers: int


class Own(NamedTuple):
    """What the chosen rows have of one group."""

    group: int
    weight: int
    amount: Decimal
    rows: int


_LEDGER = (
    "SELECT l.\"group\", l.subject, l.slice, coalesce(l.feature, ''), coalesce(l.operation, ''),"
    " coalesce(l.region, ''), coalesce(l.w, 0), l.amount FROM ledger l"
)
_IN_ORDER = 'ORDER BY l."group", l.subject, l.slice, 4, 5, 6'


class LedgerRow(NamedTuple):
    """One ledger row."""

    group: int
    subject: int
    slice: int
    feature: str
    operation: str
    region: str
    weight: int
    amount: Decimal


def groups(engine: Engine, basis: str, numbers: Collection[int] | None = None) -> list[GroupRow]:
    """Return the groups of a basis, all or those with these numbers."""
    columns = ", ".join(quote(name) for name in GroupRow._fields)
    where, given = among('"group"', numbers)
    at = GroupRow._fields.index("total")
    sql = f'SELECT {columns} FROM groups WHERE basis = ? AND {where} ORDER BY start, pool, "group"'
    if numbers is None:
        rows = in_engine(engine).rows(("groups",), sql, [basis])
    else:
        rows = engine.rows(sql, [basis, *given])
    return [GroupRow._make(row)._replace(total=int(row[at])) for row in rows]


def flows(engine: Engine, basis: str) -> list[tuple[int, int, int, int | None]]:
    """Return every hand-over: from, to, position, weight."""
    return in_engine(engine).rows(
        ("flows",),
        "SELECT from_group, to_group, position, w FROM flows WHERE basis = ?"
        " ORDER BY from_group, position, to_group",
        [basis],
    )


def parts(
    engine: Engine, basis: str, numbers: Collection[int]
) -> list[tuple[int, datetime, str, str, Decimal]]:
    """Return the line parts that enter these groups: group, start, line, follows, amount."""
    where, given = among('"group"', numbers)
    return engine.rows(
        "SELECT \"group\", start, LineId, coalesce(follows, ''), amount FROM parts"
        f" WHERE basis = ? AND {where}",
        [basis, *given],
    )


def groups_of_line(engine: Engine, basis: str, line: str) -> list[int]:
    """Return the groups that a line's parts enter."""
    rows = engine.rows(
        'SELECT DISTINCT "group" FROM parts WHERE basis = ? AND LineId = ? ORDER BY 1',
        [basis, line],
    )
    return [int(row[0]) for row in rows]


def own(engine: Engine, basis: str, who: Who) -> list[Own]:
    """Return what the chosen rows have, group by group."""
    condition, given = who.condition()
    # Whole slices are summed up already.
    facts, count = "ledger", "count(*)"
    if not who.subjects:
        facts, count = "rollup", "sum(receivers)"
        if in_engine(engine).is_small(facts):
            columns = 'basis, "group", slice, w, amount, receivers'
            facts = in_engine(engine).table((facts,), f"SELECT {columns} FROM rollup")
    rows = engine.rows(
        f'SELECT "group", sum(w), sum(amount), {count} FROM {facts}'
        f' WHERE basis = ? AND {condition} GROUP BY "group"',
        [basis, *given],
    )
    return [Own(int(g), int(w or 0), amount, int(n)) for g, w, amount, n in rows]


def weights(
    engine: Engine, basis: str, who: Who, numbers: Collection[int], *, others: bool = False
) -> list[tuple[int, int, int]]:
    """Return how often each weight stands in these groups: group, weight, rows.

    Counts the chosen rows or, with ``others``, all the rest.
    """
    condition, given = who.condition()
    where, members = among('"group"', numbers)
    rows = engine.rows(
        f'SELECT "group", coalesce(w, 0), count(*) FROM ledger WHERE basis = ? AND'
        f' {"NOT " if others else ""}{condition} AND {where} GROUP BY "group", w',
        [basis, *given, *members],
    )
    return [(int(g), int(w), int(n)) for g, w, n in rows]


def ledger_rows(engine: Engine, basis: str, numbers: Collection[int]) -> list[LedgerRow]:
    """Return the ledger rows of these groups."""
    where, given = among('l."group"', numbers)
    rows = engine.rows(f"{_LEDGER} WHERE l.basis = ? AND {where} {_IN_ORDER}", [basis, *given])
    return [LedgerRow(*row) for row in rows]


def held_rows(engine: Engine, basis: str) -> list[LedgerRow]:
    """Return of every group the ledger rows of whoever holds its residual."""
    joined = ' JOIN groups g ON g."group" = l."group" AND g.basis = l.basis'
    rows = in_engine(engine).rows(
        ("ledger", "groups"),
        f"{_LEDGER}{joined} WHERE l.basis = ? AND l.subject = g.holder {_IN_ORDER}",
        [basis],
    )
    return [LedgerRow(*row) for row in rows]


def slices(engine: Engine) -> dict[int, tuple[str, dict[str, str]]]:
    """Return each slice's kind and attributes."""
    rows = in_engine(engine).rows(("slices",), "SELECT slice, kind, attributes FROM slices")
    return {int(number): (kind, dict(known or {})) for number, kind, known in rows}


def lines(engine: Engine, basis: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what is known of these lines, with ``amount`` in the basis."""
    where, given = among("LineId", ids)
    return _lines(engine.rows(_lines_sql(basis, where), given))


def heavy_lines(engine: Engine, basis: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the same of those that are among the few heaviest lines of each group.

    Most explanations name no others.
    """
    heaviest = (
        "SELECT LineId FROM heaviest WHERE basis = ? AND LineId IS NOT NULL"
        f' QUALIFY row_number() OVER (PARTITION BY "group" ORDER BY abs(amount) DESC) <= {_OFTEN}'
        f" ORDER BY abs(amount) DESC LIMIT {MOST_ROWS}"
    )
    sql = _lines_sql(basis, f"LineId IN ({heaviest})")
    known = in_engine(engine).rows(("heaviest", "lines"), sql, [basis])
    return _lines(row for row in known if row[0] in ids)


def _lines_sql(basis: str, where: str) -> str:
    columns = ", ".join(quote(name) for name in SHOWN)
    return f"SELECT {columns}, {quote(COSTS[basis])} FROM lines WHERE {where}"


def _lines(rows: Iterable[Sequence[Any]]) -> dict[str, dict[str, Any]]:
    return {row[0]: dict(zip((*SHOWN, "amount"), row, strict=True)) for row in rows}


def seen(engine: Engine, basis: str, line: str) -> dict[str, Any]:
    """Return what a line said before it was converted, and which of its tags rules supplied."""
    rows = engine.records("SELECT * EXCLUDE (Extra) FROM lines WHERE LineId = ?", [line])
    row = rows[0] if rows else {}
    tags = dict(row.get("Tags") or {})
    found: dict[str, Any] = {}
    if row.get("ExchangeRate"):
        found["original"] = {
            "currency": row["OriginalCurrency"],
            "amount": text(row[f"Original{COSTS[basis]}"]),
            "rate": row["ExchangeRate"],
            "rate_day": row["ExchangeRateDay"],
        }
    rules = {k.removeprefix(RULE): v for k, v in tags.items() if k.startswith(RULE)}
    if rules:
        found["virtual_tags"] = {
            key: {"value": tags.get(key), "original": tags.get(f"{RAW}{key}"), "rule": rule}
            for key, rule in sorted(rules.items())
        }
    return found


def line_ids(engine: Engine, prefix: str, limit: int = 6) -> list[str]:
    """Return the ids of the lines that start so."""
    rows = engine.rows(
        "SELECT DISTINCT LineId FROM lines WHERE starts_with(LineId, ?) ORDER BY 1 LIMIT ?",
        [prefix, limit],
    )
    return [row[0] for row in rows]


def among(column: str, values: Collection[Any] | None) -> tuple[str, list[Any]]:
    """Return the SQL condition of one of these values, and its parameters."""
    if values is None:
        return "true", []
    return f"{column} IN (SELECT unnest(?))", [sorted(values)]


RUN_TABLES = (PARTS, HEAVIEST, GROUPS, FLOWS, LEDGER, ROLLUP, SLICES)
"""What ``bind`` names, besides the lines."""

_KEYS = 'l."group", l.subject, l.slice, l.feature, l.operation, l.region'


def dump(what: str, *, basis: str, pool: str, status: str) -> str:
    """Return the query of one dump over the bound tables of one or more runs.

    ``what`` is groups, weights or ledger; an empty ``pool`` takes all. Rows come in the order of
    their keys; those of the ledger in the order that its hash is taken in.
    """
    only = f" AND g.pool = {literal(pool)}" if pool else ""
    if what == "groups":
        columns = ", ".join(f"g.{quote(name)}" for name in GROUPS.names)
        return (
            f"SELECT g.run, g.period, {columns} FROM groups g"
            f' WHERE g.basis = {literal(basis)}{only} ORDER BY g.period, g."group"'
        )
    joined = (
        "FROM ledger l JOIN groups g"
        ' ON g.period = l.period AND g.basis = l.basis AND g."group" = l."group"'
        " LEFT JOIN slices s ON s.period = l.period AND s.slice = l.slice"
        f" WHERE l.basis = {literal(basis)}{only}"
    )
    if what == "weights":
        keys = f"l.period, {_KEYS}"
        return f"SELECT l.run, {keys}, l.w {joined} ORDER BY {keys}"
    columns = 'g.start, g."end", g.grain, g.billing_period, g.pool, l.subject'
    rest = "l.slice, l.feature, l.operation, l.region"
    return (
        f"SELECT l.run, {columns}, s.kind AS subject_kind, {rest}, l.amount, l.basis,"
        f" {literal(status)} AS status {joined}"
        f" ORDER BY {columns}, s.kind, {rest}, l.basis, l.amount"
    )


def line_dump(*, basis: str, pool: str, more: Collection[str] = ()) -> str:
    """Return the query of the stored lines, with a pool only those that entered it."""
    columns = ", ".join(f"l.{quote(name)}" for name in (*LINES.names, *more))
    entered = (
        " WHERE l.LineId IN (SELECT p.LineId FROM parts p JOIN groups g"
        ' ON g.period = p.period AND g.basis = p.basis AND g."group" = p."group"'
        f" WHERE p.basis = {literal(basis)} AND g.pool = {literal(pool)})"
    )
    return f"SELECT {columns} FROM lines l{entered if pool else ''} ORDER BY l.LineId, l.period"


def described(engine: Engine, query: str) -> list[tuple[str, str]]:
    """Return the columns of a query and their types."""
    return [(str(row[0]), str(row[1])) for row in engine.rows(f"DESCRIBE {query}")]


def write_parquet(engine: Engine, query: str, path: Path) -> int:
    """Write a query to a Parquet file, in its order and types; return its rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = engine.rows(
        f"COPY ({query}) TO {literal(str(path))}"
        " (FORMAT parquet, COMPRESSION zstd, PRESERVE_ORDER true)"
    )
    return int(written[0][0])
