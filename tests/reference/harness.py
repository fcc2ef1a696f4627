"""Runs the real pipeline on a world, and reads its ledger back in the reference's words."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from percapita import pipeline
from percapita.core import subjects
from percapita.core.privacy import Key
from percapita.core.rates import NO_RATES
from percapita.core.sources import Kind, Source
from percapita.core.tables import (
    CLAIMS,
    COUNTS,
    GROUPS,
    LEDGER,
    LINES,
    READINGS,
    SEGMENTS,
    SLICES,
    Table,
)
from percapita.model.spec import Basis
from percapita.project import Project
from percapita.store import Store
from reference.allocator import Ledger, LedgerKey
from reference.lines import billing_of
from reference.world import Receiver, Slice, World, level_of

NOW = datetime(2026, 1, 15, tzinfo=UTC)
KEY = Key(b"reference".ljust(32, b"\0"))
Row = Mapping[str, Any]


def run_engine(world: World, folder: Path, *, threads: int = 1) -> dict[str, Ledger]:
    """Run the pipeline on a world in an empty folder; return the ledger of each basis."""
    with Store.open(folder / "store", KEY, threads=threads, now=NOW) as store:
        numbers = hand_over(store, world)
        path = folder / "model.yaml"
        path.write_text("version: 1\n", encoding="utf-8")
        bases = cast("tuple[Basis, ...]", world.bases)
        project = cast("Project", SimpleNamespace(root=folder, now=NOW, rates=NO_RATES))
        result = pipeline.run(project, store, replace(world.model, path=str(path)), bases=bases)
        return ledgers(store, result.run, {mine: world_s for world_s, mine in numbers.items()})


def hand_over(store: Store, world: World) -> dict[int, int]:
    """Write a world into a store; return the world's subject numbers to the store's."""
    numbers = {subjects.NOBODY: subjects.NOBODY}
    for number, (kind, name) in sorted(world.subjects.items()):
        numbers[number] = store.door.numbers(level_of(kind), [name])[name]
        if kind != level_of(kind):
            store.door.set_kind([numbers[number]], kind)
    lines = [{**line, "period": billing_of(world, line)} for line in world.lines]
    _take(store, "bill", "bill", LINES, lines)
    _take(store, "usage", "readings", READINGS, _readings(world, numbers))
    _take(store, "claims", "aliases", CLAIMS, _claims(world, numbers))
    _take(store, "users", "segments", SEGMENTS, _segments(world, numbers))
    _take(store, "heads", "counts", COUNTS, _counts(world, numbers))
    return numbers


def _readings(world: World, numbers: Mapping[int, int]) -> Iterable[Row]:
    for reading in world.readings:
        yield {
            "period": f"{reading.time:%Y-%m}",
            "time": reading.time,
            "grain": reading.grain,
            "meter": reading.meter,
            "subject": numbers[reading.subject],
            "level": reading.level,
            "signals": 1,
            "quantity": reading.quantity,
            **reading.columns,
        }


def _segments(world: World, numbers: Mapping[int, int]) -> Iterable[Row]:
    for row in world.attributes:
        yield {
            "subject": numbers[row.subject],
            "level": level_of(world.subjects[row.subject][0]),
            "source": row.source,
            "attribute": row.attribute,
            "value": row.value,
            "start": row.start,
            "end": row.end,
        }


def _claims(world: World, numbers: Mapping[int, int]) -> Iterable[Row]:
    for claim in world.claims:
        yield {
            "subject": numbers[claim.subject],
            "of": numbers[claim.of],
            "level": level_of(world.subjects[claim.of][0]),
            "start": claim.start,
            "end": claim.end,
            "seen": claim.seen,
        }


def _counts(world: World, numbers: Mapping[int, int]) -> Iterable[Row]:
    for count in world.counts:
        yield {
            "period": f"{count.start:%Y-%m}",
            "subject": numbers[count.subject],
            "start": datetime(count.start.year, count.start.month, count.start.day, tzinfo=UTC),
            "end": datetime(count.end.year, count.end.month, count.end.day, tzinfo=UTC),
            "count": count.count,
        }


def _take(store: Store, name: str, kind: Kind, table: Table, rows: Iterable[Row]) -> None:
    """Import rows as one delivery, a file for each period."""
    schema = {column.name: column.type for column in table.columns}
    by_period: dict[str | None, list[list[Any]]] = defaultdict(list)
    for row in rows:
        by_period[row.get("period")].append([row.get(column) for column in schema])
    form = "signals" if table is READINGS else ""
    with store.begin_import(Source(name, name, kind=kind, format=form), [], again=True) as tx:
        for period, values in by_period.items():
            store.engine.load("_world", schema, values)
            tx.write(table, "SELECT * FROM _world", period=period)
            store.engine.drop("_world")
        tx.commit()


def ledgers(store: Store, run: str, numbers: Mapping[int, int]) -> dict[str, Ledger]:
    """Read the ledgers of a run, subjects under the world's numbers; rows of zero left out."""
    for table in (GROUPS, LEDGER, SLICES):
        store.bind(table, run=run)
    rows = store.engine.records(
        "SELECT l.*, s.kind, s.attributes, g.billing_period, g.pool, g.start AS first,"
        ' g."end" AS last, g.level, g.cell'
        ' FROM ledger l JOIN groups g USING (period, run, basis, "group")'
        " LEFT JOIN slices s USING (period, run, slice)"
    )
    found: dict[str, dict[LedgerKey, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        found[row["basis"]][_key(row, numbers)] += row["amount"]
    return {
        basis: {key: amount for key, amount in ledger.items() if amount}
        for basis, ledger in found.items()
    }


def _key(row: Row, numbers: Mapping[int, int]) -> LedgerKey:
    subject = numbers.get(row["subject"], row["subject"])
    attributes = row["attributes"] or {}
    if isinstance(attributes, list):
        attributes = dict(attributes)
    piece = Slice(row["kind"], frozenset(attributes.items()))
    cell = row["cell"]
    return LedgerKey(
        row["billing_period"],
        row["pool"],
        row["first"].astimezone(UTC),
        row["last"].astimezone(UTC),
        row["level"],
        "" if cell is None else json.dumps(json.loads(cell)),
        Receiver(subject, piece, row["feature"], row["operation"], row["region"]),
    )


def comparable(world: World, ledger: Ledger) -> Ledger:
    """Leave level and cell out of the keys where they only name what the amount shows anyway."""
    methods = {pool.name: pool.method for pool in world.model.pools}
    found: dict[LedgerKey, Decimal] = defaultdict(Decimal)
    for key, amount in ledger.items():
        plain = key.receiver.subject < 0 or methods.get(key.pool) != "driver"
        found[key._replace(level="", cell="") if plain else key] += amount
    return {key: amount for key, amount in found.items() if amount}
