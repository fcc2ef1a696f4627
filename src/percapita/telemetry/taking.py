"""A delivery of signals on its way from files to tables."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from percapita.core.errors import nearest
from percapita.core.sources import Kind, Source, Taken
from percapita.store import Store
from percapita.store.delivery import FileStat
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import aliases, clusters, counts, files, readings, revenue, segments
from percapita.telemetry.batch import Batch, Table
from percapita.telemetry.columns import DIMENSIONS, UnknownTableError, layout, recognises
from percapita.telemetry.intake import Intake, Way
from percapita.telemetry.readers import reader
from percapita.telemetry.ways import way_of


def take(
    store: Store,
    source: Source,
    *,
    root: Path,
    model_segments: Collection[str] = (),
    again: bool = False,
    now: datetime | None = None,
    identity: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Taken:
    """Take in what a source delivers, unless that very content is in already.

    Args:
        store: where it goes.
        source: what to read and how.
        root: folder that a relative path starts from.
        model_segments: names of the model's segments; a column so called names subjects.
        again: take it in even if the same content is there.
        now: up to when a server is asked; the time of the clock unless said.
        identity: the model's: level to the attributes that name a subject.

    Raises:
        InputError: a file cannot be read, or is no table of that kind.
    """
    way = way_of(source, root)
    if way and way.ask:
        return _take_asked(store, source, way, root, now or datetime.now(UTC))
    if way:
        with _scratch(store) as scratch:
            intake = Intake(store, source, (), model_segments, scratch, identity)
            return _take_own(intake, way, root, again=again)
    return _take_tables(store, source, root, model_segments, again=again)


def _take_tables(
    store: Store, source: Source, root: Path, model_segments: Collection[str], *, again: bool
) -> Taken:
    found = files.found(source, root)
    stats = [FileStat.of(file.path, root) for file in found]
    tables, kind, notes = _tables(store, source, found, model_segments)
    settled = _settled(source, kind, tables)
    if not again and store.unchanged(settled, stats):
        return _unchanged(store, settled, len(found))
    with _scratch(store) as scratch, store.begin_import(settled, stats, again=again) as tx:
        batch = Batch(store, settled, kind, tuple(tables), model_segments, scratch, notes)
        rows = _stage(batch, tx)
        _notes(batch)
        sums = revenue.sums(batch) if kind == "revenue" else {}
        tx.quarantine(batch.refused())
        if not tx.commit(rows=rows, sums=sums, notes=batch.notes):
            return _unchanged(store, settled, len(found))
    return Taken(
        source.name, tx.id, kind, settled.format, len(found), rows, len(batch.quarantined),
        unchanged=False, sums=sums, notes=tuple(batch.notes),
    )  # fmt: skip


def _take_own(intake: Intake, way: Way, root: Path, *, again: bool) -> Taken:
    """Take in what is no table, in its format's own way."""
    assert way.stage is not None  # noqa: S101
    store, name = intake.store, intake.source.name
    found = files.found(intake.source, root, way.suffixes, way.other)
    stats = [FileStat.of(file.path, root) for file in found]
    settled = dataclasses.replace(intake.source, kind=way.kind, format=way.format)
    intake.source, intake.files = settled, found
    if not again and store.unchanged(settled, stats):
        return _unchanged(store, settled, len(found))
    with store.begin_import(settled, stats, again=again) as tx:
        rows = way.stage(intake, tx)
        tx.quarantine(intake.quarantined)
        if not tx.commit(rows=rows, notes=intake.notes):
            return _unchanged(store, settled, len(found))
    return Taken(
        name, tx.id, way.kind, way.format, len(found), rows, len(intake.quarantined),
        unchanged=False, notes=tuple(intake.notes),
    )  # fmt: skip


def _take_asked(store: Store, source: Source, way: Way, root: Path, now: datetime) -> Taken:
    """Take in what a server has that is new; it stands beside what it had before."""
    assert way.ask is not None  # noqa: S101
    settled = dataclasses.replace(source, kind=way.kind, format=way.format, mode="append")
    asked = way.ask(store, settled, root, now)
    if asked is None:
        return Taken(source.name, "", way.kind, way.format, 0, 0, 0, unchanged=True)
    with _scratch(store) as scratch, store.begin_import(settled, asked.stats) as tx:
        intake = Intake(store, settled, (), (), scratch)
        rows = asked.stage(intake, tx)
        tx.reach(asked.state)
        if not tx.commit(rows=rows, notes=intake.notes):
            return _unchanged(store, settled, 0)
    return Taken(
        source.name, tx.id, way.kind, way.format, 0, rows, 0, unchanged=False,
        notes=tuple(intake.notes),
    )  # fmt: skip


def _unchanged(store: Store, source: Source, count: int) -> Taken:
    last = store.imports(source.name)[-1]
    kind = source.kind
    assert kind is not None  # noqa: S101
    return Taken(
        source.name, last.id, kind, source.format, count, last.rows, last.quarantined,
        unchanged=True, sums=last.sums, notes=last.notes,
    )  # fmt: skip


def _tables(
    store: Store, source: Source, found: Sequence[files.File], model_segments: Collection[str]
) -> tuple[list[Table], Kind, list[str]]:
    kind = source.kind
    read = [(file, reader(file, store.engine)) for file in found]
    if clusters.are_reports(read, source):
        usage, notes = clusters.tables(store.engine, source, read, model_segments)
        return usage, "readings", notes
    tables = []
    for file, opened in read:
        known = {ours for ours, theirs in source.columns.items() if theirs in opened.header}
        columns = [*known, *source.values, *opened.header]
        kind = kind or recognises(columns, model_segments)
        if kind is None or kind == "bill":
            raise UnknownTableError(file.name, opened.header)
        laid = layout(
            file.name, opened.header, source, kind, model_segments, sparse=file.form == "jsonl"
        )
        tables.append(Table(file, opened, laid))
    assert kind is not None  # noqa: S101
    return tables, kind, []


def _settled(source: Source, kind: Kind, tables: Sequence[Table]) -> Source:
    """Return the source with all that was found out: what is read otherwise is another delivery."""
    levels = {w.part: table.theirs(w.part) for table in tables for w in table.layout.whom}
    return dataclasses.replace(
        source,
        kind=kind,
        format=source.format or "+".join(sorted({table.file.form for table in tables})),
        columns={**levels, **source.columns},
    )


def _stage(batch: Batch, tx: ImportTx) -> int:
    stages = {
        "readings": readings.take,
        "counts": counts.take,
        "segments": segments.take,
        "revenue": revenue.take,
        "aliases": aliases.take,
    }
    rows = stages[batch.kind](batch, tx)
    if not rows and not batch.quarantined:
        batch.note("The files hold no row.")
    return rows


def _notes(batch: Batch) -> None:
    for table in batch.tables:
        laid, name = table.layout, table.file.name
        if laid.passed:
            batch.note(
                f"{name}: {laid.whom[0].part} names the subject, not {', '.join(laid.passed)}."
            )
        if laid.absent:
            batch.note(f"{name}: no row has the mapped column {', '.join(laid.absent)}.")
        if laid.kind == "readings" and not laid.whom and table.owned:
            batch.note(f"{name}: no column names a subject, so its usage is nobody's.")
        if laid.others and not (laid.kind == "readings" and not laid.has("meter")):
            guess = nearest(laid.others[0], ["user", "session", "tenant", *DIMENSIONS])
            guess = f" {guess}" if guess.startswith("Did") else ""
            batch.note(f"{name}: not used: {', '.join(laid.others)}.{guess}")


@contextmanager
def _scratch(store: Store) -> Iterator[Path]:
    folder = store.root / "temp"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="signals-", dir=folder) as name:
        yield Path(name)
