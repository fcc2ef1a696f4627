"""Fixed questions to one run's tables: what explain and the dumps read.

The tables are asked for under their own names, bound to one period of one run by ``bind``. Ledger
files are sorted by subject, so a question about one subject opens few row groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from percapita.core.money import text
from percapita.core.tables import COSTS, FLOWS, GROUPS, LEDGER, LINES, PARTS, ROLLUP, SLICES
from percapita.model.tags import RAW, RULE
from percapita.store.engine import Engine, literal, quote

SHOWN = (
    "LineId", "source", "file", "row", "ChargePeriodStart", "ChargePeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeDescription", "ServiceName", "ResourceId",
    "ResourceName", "SubAccountId", "RegionId", "BillingCurrency",
)  # fmt: skip
"""Columns of a line that explain prints beside its amount."""


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
    where, given = _among('"group"', numbers)
    at = GroupRow._fields.index("total")
    rows = engine.rows(
        f'SELECT {columns} FROM groups WHERE basis = ? AND {where} ORDER BY start, pool, "group"',
        [basis, *given],
    )
    return [GroupRow._make(row)._replace(total=int(row[at])) for row in rows]


def flows(engine: Engine, basis: str) -> list[tuple[int, int, int, int | None]]:
    """Return every hand-over: from, to, position, weight."""
    return engine.rows(
        "SELECT from_group, to_group, position, w FROM flows WHERE basis = ?"
        " ORDER BY from_group, position, to_group",
        [basis],
    )


def parts(
    engine: Engine, basis: str, numbers: Collection[int]
) -> list[tuple[int, datetime, str, str, Decimal]]:
    """Return the line parts that enter these groups: group, start, line, follows, amount."""
    where, given = _among('"group"', numbers)
    return engine.rows(
        "SELECT \"group\", start, LineId, coalesce(follows, ''), amount FROM parts"
        f" WHERE basis = ? AND {where}",
        [basis, *given],
    )


def entered(engine: Engine, basis: str, numbers: Collection[int]) -> dict[int, Decimal]:
    """Return what the line parts that enter these groups sum to."""
    where, given = _among('"group"', numbers)
    rows = engine.rows(
        f'SELECT "group", sum(amount) FROM parts WHERE basis = ? AND {where} GROUP BY "group"',
        [basis, *given],
    )
    return {int(group): amount for group, amount in rows}


def heavy_lines(
    engine: Engine, basis: str, shares: Mapping[int, tuple[int, int]], most: int
) -> tuple[int, list[str]]:
    """Return how many lines enter these groups, and those with the largest shares, about.

    ``shares`` is each group's own weight and W. Sizes are doubles: they choose, nothing else.
    """
    of = ", ".join(f"({group}, {weight}e0 / {total})" for group, (weight, total) in shares.items())
    rows = engine.rows(
        f'WITH s("group", part) AS (VALUES {of}), sizes AS (SELECT p.LineId AS line,'
        " sum(CAST(p.amount AS DOUBLE) * s.part) AS size FROM parts p"
        ' JOIN s ON s."group" = p."group" WHERE p.basis = ? GROUP BY 1)'
        " SELECT line, (SELECT count(*) FROM sizes) FROM sizes ORDER BY abs(size) DESC, line"
        f" LIMIT {most}",
        [basis],
    )
    return (int(rows[0][1]) if rows else 0), [str(line) for line, _ in rows]


def parts_of_lines(
    engine: Engine, basis: str, lines: Collection[str]
) -> list[tuple[int, datetime, str, str, Decimal]]:
    """Return the parts of these lines: group, start, line, follows, amount."""
    where, given = _among("LineId", lines)
    return engine.rows(
        "SELECT \"group\", start, LineId, coalesce(follows, ''), amount FROM parts"
        f" WHERE basis = ? AND {where}",
        [basis, *given],
    )


def counted_up(
    engine: Engine, basis: str, numbers: Collection[int], lines: Collection[str]
) -> list[tuple[int, datetime, str, str, Decimal, Decimal]]:
    """Return the parts of these lines in these groups, each with what is counted up before it.

    Rows are group, start, line, follows, amount, before.
    """
    (among, members), (these, named) = _among('"group"', numbers), _among("LineId", lines)
    met = f'"group" IN (SELECT "group" FROM parts WHERE basis = ? AND {these})'
    order = "start, LineId, coalesce(follows, ''), amount"
    return engine.rows(
        "SELECT \"group\", start, LineId, coalesce(follows, ''), amount, coalesce(before, 0) FROM"
        f' (SELECT *, sum(amount) OVER (PARTITION BY "group" ORDER BY {order}'
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
        f" FROM parts WHERE basis = ? AND {among} AND {met}) WHERE {these}",
        [basis, *members, basis, *named, *named],
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
    facts, count = ("ledger", "count(*)") if who.subjects else ("rollup", "sum(receivers)")
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
    where, members = _among('"group"', numbers)
    rows = engine.rows(
        f'SELECT "group", coalesce(w, 0), count(*) FROM ledger WHERE basis = ? AND'
        f' {"NOT " if others else ""}{condition} AND {where} GROUP BY "group", w',
        [basis, *given, *members],
    )
    return [(int(g), int(w), int(n)) for g, w, n in rows]


def ledger_rows(
    engine: Engine, basis: str, numbers: Collection[int], *, holders: bool = False
) -> list[LedgerRow]:
    """Return the ledger rows of these groups; with ``holders``, only those of their holders."""
    where, given = _among('l."group"', numbers)
    join = ' JOIN groups g ON g."group" = l."group" AND g.basis = l.basis' if holders else ""
    only = " AND l.subject = g.holder" if holders else ""
    rows = engine.rows(
        "SELECT l.\"group\", l.subject, l.slice, coalesce(l.feature, ''),"
        " coalesce(l.operation, ''), coalesce(l.region, ''), coalesce(l.w, 0), l.amount"
        f" FROM ledger l{join} WHERE l.basis = ? AND {where}{only}"
        ' ORDER BY l."group", l.subject, l.slice, 4, 5, 6',
        [basis, *given],
    )
    return [LedgerRow(*row) for row in rows]


def slices(engine: Engine) -> dict[int, tuple[str, dict[str, str]]]:
    """Return each slice's kind and attributes."""
    rows = engine.rows("SELECT slice, kind, attributes FROM slices")
    return {int(number): (kind, dict(known or {})) for number, kind, known in rows}


def lines(engine: Engine, basis: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return what is known of these lines, with ``amount`` in the basis."""
    columns = ", ".join(quote(name) for name in SHOWN)
    where, given = _among("LineId", ids)
    rows = engine.records(
        f"SELECT {columns}, {quote(COSTS[basis])} AS amount FROM lines WHERE {where}", given
    )
    return {row["LineId"]: row for row in rows}


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


def _among(column: str, values: Collection[Any] | None) -> tuple[str, list[Any]]:
    if values is None:
        return "true", []
    return f"{column} IN (SELECT unnest(?))", [sorted(values)]


RUN_TABLES = (PARTS, GROUPS, FLOWS, LEDGER, ROLLUP, SLICES)
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
