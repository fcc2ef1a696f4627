"""A run written by hand: lines, splits by the reference kernel, activity, counts, revenue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from percapita.core import money
from percapita.core.periods import midnight, next_month, zone
from percapita.core.privacy import Key
from percapita.core.sources import Kind, Source
from percapita.core.split import split
from percapita.core.subjects import PSEUDO, PSEUDO_SLICE
from percapita.core.tables import (
    ACTIVITY,
    COUNTS,
    FLOWS,
    GROUPS,
    LEDGER,
    LINES,
    PARTS,
    REVENUE,
    ROLLUP,
    SEGMENTS,
    SLICES,
    Table,
)
from percapita.model.load import loads
from percapita.store import FileStat, Store
from percapita.store.engine import Engine

NOW = datetime(2025, 11, 3, 12, 0, tzinfo=UTC)
KEY = Key(b"k" * 32)
BASIS = "effective"
RUN_TABLES = (PARTS, GROUPS, FLOWS, LEDGER, SLICES, ACTIVITY, ROLLUP)


class Part(NamedTuple):
    """A part of a line that enters a group."""

    line: str
    day: date
    amount: str


class To(NamedTuple):
    """A receiver of a group, or the next group."""

    who: int
    weight: int
    slice: int = 0
    feature: str | None = None
    group: bool = False


@dataclass
class World:
    """Collects rows, then writes one import of each kind and one published run."""

    model: str
    period: str = "2025-10"
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    slices: dict[int, tuple[str, dict[str, str]]] = field(default_factory=dict)
    subjects: list[tuple[str, str]] = field(default_factory=list)
    """(kind, name) whose numbers are handed out before anything is written."""

    @property
    def start(self) -> datetime:
        """The first instant of the period."""
        return midnight(date.fromisoformat(f"{self.period}-01"), zone(loads(self.model).timezone))

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        first = date.fromisoformat(f"{self.period}-01")
        return midnight(next_month(first), zone(loads(self.model).timezone))

    def line(self, name: str, amount: str, **columns: Any) -> None:  # noqa: ANN401
        """Add a bill line of the whole period."""
        self.rows["lines"].append(
            {
                "LineId": name, "source": "bill", "EffectiveCost": amount, "BilledCost": amount,
                "BillingCurrency": "USD", "ChargeCategory": "Usage",
                "BillingPeriodStart": self.start, "BillingPeriodEnd": self.end,
                "ChargePeriodStart": self.start, "ChargePeriodEnd": self.end, **columns,
            }
        )  # fmt: skip

    def group(
        self,
        pool: str,
        parts: Sequence[Part],
        to: Sequence[To],
        *,
        days: tuple[date, date] | None = None,
        given: Decimal | None = None,
        method: str = "driver",
    ) -> int:
        """Let parts (or what another group hands on) be split; return the group's number."""
        number = len(self.rows["groups"]) + 1
        amount = money.total([Decimal(p.amount) for p in parts]) if given is None else given
        start, end = (self.start, self.end) if days is None else map(self._instant, days)
        self._parts(number, parts)
        weights = [item.weight for item in to]
        for at, (item, part) in enumerate(zip(to, split(amount, weights), strict=True)):
            if item.group:
                self.rows["flows"].append(
                    {"basis": BASIS, "from_group": number, "to_group": item.who, "position": at,
                     "w": item.weight, "amount": part, "gross": part}
                )  # fmt: skip
                continue
            slice_ = PSEUDO_SLICE[item.who] if item.who in PSEUDO else item.slice
            self.rows["ledger"].append(
                {"basis": BASIS, "group": number, "subject": item.who, "slice": slice_,
                 "feature": item.feature, "w": item.weight, "amount": part}
            )  # fmt: skip
        self.rows["groups"].append(
            {"basis": BASIS, "group": number, "pool": pool, "method": method, "driver": "",
             "billing_period": self.period, "start": start, "end": end, "grain": "month",
             "level": "own", "weight_start": start, "weight_end": end, "amount": amount,
             "gross": amount, "places": 12, "atoms": 0,
             "tail": Decimal(0), "total": sum(weights), "shift": 0, "receivers": len(to)}
        )  # fmt: skip
        return number

    def _parts(self, number: int, parts: Sequence[Part]) -> None:
        for part in parts:
            self.rows["parts"].append(
                {"basis": BASIS, "group": number, "LineId": part.line,
                 "start": self._instant(part.day),
                 "end": self._instant(part.day + timedelta(days=1)), "amount": part.amount}
            )  # fmt: skip

    def _instant(self, day: date) -> datetime:
        return midnight(day, zone(loads(self.model).timezone))

    def active(self, day: date, subject: int, number: int, *, unit: str = "active user") -> None:
        """Let a subject be active on a day."""
        self.rows["activity"].append(
            {"unit": unit, "day": day, "subject": subject, "slice": number, "quantity": 1}
        )

    def count(self, subject: int, heads: int, *, month: str = "") -> None:
        """Give a head count of a month."""
        first = date.fromisoformat(f"{month or self.period}-01")
        self.rows["counts"].append(
            {"subject": subject, "start": label(first), "end": label(next_month(first)),
             "count": heads}
        )  # fmt: skip

    def pays(
        self, subject: int, amount: str, start: date, end: date, currency: str = "USD"
    ) -> None:
        """Let a subject pay for a span."""
        self.rows["revenue"].append(
            {"subject": subject, "start": label(start), "end": label(end), "amount": amount,
             "currency": currency, "kind": "revenue"}
        )  # fmt: skip

    def plan(self, subject: int, value: str, start: date | None, end: date | None) -> None:
        """Say which plan a user had."""
        self.rows["segments"].append(
            {"subject": subject, "level": "user", "source": "users", "attribute": "plan",
             "value": value, "start": start and label(start), "end": end and label(end)}
        )  # fmt: skip

    def write(self, store: Store) -> str:
        """Write and publish everything; return the run's id."""
        for kind, name in self.subjects:
            store.door.numbers(kind, [name])
        deliver(store, "bill", "bill", LINES, self.rows["lines"], self.period)
        for kind, table in (("counts", COUNTS), ("revenue", REVENUE)):
            if self.rows[kind]:
                deliver(store, kind, kind, table, self.rows[kind], self.period)  # type: ignore[arg-type]
        if self.rows["segments"]:
            deliver(store, "users", "segments", SEGMENTS, self.rows["segments"], None)
        self.finish()
        with store.begin_run(
            model_text=self.model, model_hash=loads(self.model).hash, bases=[BASIS]
        ) as tx:
            for table in RUN_TABLES:
                load(store.engine, table, self.rows[table.name])
                tx.write(table, self.period, "SELECT * FROM _hand")
            tx.commit({}, "")
            tx.publish([(BASIS, self.period)])
        return tx.id

    def finish(self) -> None:
        """Make the roll-up and the slices."""
        sums: dict[tuple[Any, ...], list[Any]] = {}
        for row in self.rows["ledger"]:
            key = (row["basis"], row["group"], row["slice"], row["feature"])
            found = sums.setdefault(key, [0, Decimal(0), 0])
            found[0] += row["w"]
            found[1] = money.total([found[1], Decimal(row["amount"])])
            found[2] += 1
        self.rows["rollup"] = [
            {"basis": basis, "group": group, "slice": number, "feature": feature, "w": w,
             "amount": amount, "receivers": receivers}
            for (basis, group, number, feature), (w, amount, receivers) in sums.items()
        ]  # fmt: skip
        nobody = [(PSEUDO_SLICE[subject], kind) for subject, kind in PSEUDO.items()]
        self.rows["slices"] = [
            {"slice": number, "kind": kind, "attributes": []}
            for number, kind in ((0, "user"), *nobody)
        ] + [
            {"slice": number, "kind": kind, "attributes": sorted(attributes.items())}
            for number, (kind, attributes) in self.slices.items()
        ]


def label(day: date) -> datetime:
    """Return a local date as it is stored."""
    return datetime.combine(day, time(), tzinfo=UTC)


def load(
    engine: Engine, table: Table, rows: Sequence[Mapping[str, Any]], name: str = "_hand"
) -> None:
    """Load rows as a temporary table."""
    schema = {column.name: column.type for column in table.columns}
    values = [[_value(row.get(name), kind) for name, kind in schema.items()] for row in rows]
    engine.load(name, schema, values)


def _value(value: Any, kind: str) -> Any:  # noqa: ANN401
    return Decimal(value) if kind.startswith("decimal") and value is not None else value


def deliver(
    store: Store,
    name: str,
    kind: Kind,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    period: str | None,
) -> str:
    """Import rows as one delivery; return the import's id."""
    source = Source(name, f"{name}.csv", kind=kind)
    digest = f"{name}:{period}:{rows}"
    with store.begin_import(source, [FileStat(f"{name}.csv", len(digest), digest)]) as tx:
        load(store.engine, table, rows)
        tx.write(table, "SELECT * FROM _hand", period=period)
        tx.commit()
    return tx.id


def open_store(root: Path) -> Store:
    """Open a store for a test."""
    return Store.open(root / ".percapita", KEY, now=NOW, who="tester", threads=1)
