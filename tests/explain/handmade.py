"""A run's tables made by hand, split by the reference kernel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from percapita.core import money
from percapita.core.periods import Span
from percapita.core.sources import Source
from percapita.core.split import scaled, split
from percapita.core.subjects import IDLE
from percapita.core.tables import (
    FLOWS,
    GROUPS,
    HEAVIEST,
    LEDGER,
    LINES,
    PARTS,
    ROLLUP,
    SLICES,
    Table,
)
from percapita.store import FileStat, Store
from percapita.store.engine import Engine

DAYS = [datetime(2025, 10, day, tzinfo=UTC) for day in (1, 2, 3)]
MONTH = Span(DAYS[0], datetime(2025, 11, 1, tzinfo=UTC))
BASIS = "effective"
FREE, PRO = 1, 2
SOURCE = Source("bill", "bill.csv", kind="bill")
MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
segments: {tier: {from: users.plan}}
pools:
  - {pool: pool 1, match: {ServiceName: db}, by: queries}
"""


class Run:
    """Tables of one run, filled group by group."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.bill: dict[str, Decimal] = defaultdict(Decimal)

    def part(self, group: int, line: str, day: datetime, amount: str, follows: str = "") -> None:
        """Let a part of a line enter a group."""
        value = Decimal(amount)
        self.bill[line] += value
        end = day + timedelta(days=1)
        self.rows["parts"].append((BASIS, group, line, follows or None, None, day, end, value))

    def given(self, group: int) -> Decimal:
        """What a group has to split."""
        entered = [row[-1] for row in self.rows["parts"] if row[1] == group]
        handed = [row[5] for row in self.rows["flows"] if row[2] == group]
        return money.total([*entered, *handed])

    def hand(self, group: int, targets: Sequence[tuple[int, int | None]]) -> None:
        """Hand a group's amount on, and nothing else."""
        self._cut(group, targets, idle=0)

    def idle(self, group: int, target: int, used: int, unused: int) -> None:
        """Cut off what nobody used."""
        self._cut(group, [(target, used)], idle=unused)

    def _cut(self, group: int, targets: Sequence[tuple[int, int | None]], idle: int) -> None:
        amount = self.given(group)
        weights = [w or 1 for _, w in targets] + ([idle] if idle else [])
        parts = split(amount, weights)
        for at, (target, weight) in enumerate(targets):
            self.rows["flows"].append((BASIS, group, target, at, weight, parts[at], parts[at]))
        if idle:
            row = (BASIS, group, IDLE, -1, None, None, None, idle, parts[-1])
            self.rows["ledger"].append(row)
        merged = targets[0][1] is None
        holder = IDLE if idle and weights.index(max(weights)) == len(targets) else None
        self._group(group, amount, 0 if merged else sum(weights), 0, holder, 1 if idle else 0)

    def leaf(self, group: int, wanted: Sequence[tuple[int, int, int]]) -> None:
        """Split a group over (subject, slice, weight)."""
        amount = self.given(group)
        used, shift = scaled([weight for *_, weight in wanted])
        top = used.index(max(used))
        for (subject, number, _), w, part in zip(wanted, used, split(amount, used), strict=True):
            self.rows["ledger"].append((BASIS, group, subject, number, None, None, None, w, part))
        self._group(group, amount, sum(used), shift, wanted[top][0], len(used))

    def _group(
        self, group: int, amount: Decimal, total: int, shift: int, holder: int | None, rows: int
    ) -> None:
        days = [row[5] for row in self.rows["parts"] if row[1] == group] or [DAYS[0]]
        start, end = min(days), max(days) + timedelta(days=1)
        self.rows["groups"].append(
            (BASIS, group, f"pool {group}", "driver", "queries", "2025-10", start, end, "day",
             None, "own", start, end, amount, amount,
             12, 0, Decimal(0), Decimal(total), shift,
             holder, 0, rows)
        )  # fmt: skip

    def load(self, engine: Engine) -> None:
        """Make the tables."""
        for table, rows in self.tables():
            schema = {column.name: column.type for column in table.columns}
            engine.load(table.name, schema, rows)

    def save(self, store: Store) -> None:
        """Import the lines, commit and publish the run."""
        for table, rows in self.tables():
            schema = {column.name: column.type for column in table.columns}
            store.engine.load(f"made_{table.name}", schema, rows)
        with store.begin_import(SOURCE, [FileStat("bill.csv", 1, "digest")]) as delivery:
            delivery.write(LINES, "SELECT * FROM made_lines", period="2025-10")
            delivery.commit()
        with store.begin_run(model_text=MODEL, model_hash="h", bases=[BASIS]) as tx:
            for table in (PARTS, HEAVIEST, GROUPS, FLOWS, LEDGER, ROLLUP, SLICES):
                tx.write(table, "2025-10", f"SELECT * FROM made_{table.name}")
            tx.commit({})
            tx.publish([(BASIS, "2025-10")])

    def tables(self) -> Iterator[tuple[Table, list[tuple[Any, ...]]]]:
        """Yield every table with its rows."""
        tiers = [(FREE, "user", [("tier", "Free")]), (PRO, "user", [("tier", "Pro")])]
        self.rows["slices"] = [*tiers, (-1, "idle", [])]
        self.rows["lines"] = [line_row(name, amount) for name, amount in self.bill.items()]
        self.rows["rollup"] = self._rolled_up()
        for table in (PARTS, HEAVIEST, GROUPS, FLOWS, LEDGER, ROLLUP, SLICES, LINES):
            yield table, self.rows[table.name]

    def _rolled_up(self) -> list[tuple[Any, ...]]:
        """Sum the ledger over subjects."""
        found: dict[tuple[int, int], list[tuple[int, Decimal]]] = defaultdict(list)
        for _, group, _, at, *_, weight, amount in self.rows["ledger"]:
            found[group, at].append((weight, amount))
        return [
            (BASIS, group, at, None, None, None, sum(w for w, _ in rows),
             money.total([amount for _, amount in rows]), len(rows))
            for (group, at), rows in found.items()
        ]  # fmt: skip


def line_row(name: str, amount: Decimal) -> tuple[Any, ...]:
    """Return a bill line of which little but id and cost is known."""
    known = {
        "LineId": name,
        "EffectiveCost": amount,
        "ServiceName": "db",
        "ChargeDescription": f"charge {name}",
        "ChargePeriodStart": DAYS[0],
        "ChargePeriodEnd": MONTH.end,
        "Tags": [("Team", "data")],
        "Extra": [],
    }
    return tuple(known.get(column.name) for column in LINES.columns)


def cascade() -> Run:
    """Direct leaves, an idle cut whose rest is mixed, a merged fall-back, credits, tiny amounts."""
    run = Run()
    run.part(1, "a", DAYS[0], "100.000000000000000001")
    run.part(1, "b", DAYS[0], "-33.333333333333333333")
    run.part(1, "a", DAYS[1], "0.1")
    run.leaf(1, [(7, FREE, 3), (8, PRO, 3), (9, PRO, 1)])
    run.part(2, "a", DAYS[0], "10")
    run.part(2, "c", DAYS[1], "0.000000000000000007")
    run.idle(2, 3, used=2, unused=5)
    run.hand(3, [(4, 8), (5, 2)])
    run.leaf(4, [(7, FREE, 10**17), (8, PRO, 5 * 10**18), (8, FREE, 5 * 10**18)])
    run.part(6, "d", DAYS[2], "3e12")
    run.hand(6, [(5, None)])
    run.part(5, "credit", DAYS[2], "-4000000.5", follows="d")
    run.leaf(5, [(7, FREE, 1), (9, PRO, 2)])
    run.part(10, "zero", DAYS[0], "0")
    run.leaf(10, [(7, FREE, 1)])
    return run
