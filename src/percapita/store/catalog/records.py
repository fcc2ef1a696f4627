"""What the catalog says of imports and runs, as it is read back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError, nearest
from percapita.store.catalog.tables import (
    DELIVERED,
    IMPORTS,
    PUBLISHED,
    QUARANTINE,
    RUN_IMPORTS,
    RUNS,
)
from percapita.store.delivery import FileStat, Quarantined


class UnknownRunError(InputError):
    """No run of that name can be read."""

    def __init__(self, run: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no run {run!r}.", hint=nearest(run, known))


class RunGoneError(InputError):
    """The run is on record, but its files were collected."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"The tables of run {run} were removed: it was neither published nor kept.",
            hint="Run the model again: percapita run.",
        )


@dataclass(frozen=True, slots=True)
class Import:
    """A delivery that was taken in."""

    id: str
    source: str
    kind: str
    format: str
    mode: str
    content: str
    live: bool
    """False: every row was replaced since."""
    committed_at: datetime
    rows: int
    quarantined: int
    sums: Mapping[str, Mapping[str, str]]
    """Bills: currency to basis to sum, as money text."""
    notes: tuple[str, ...]
    files: tuple[FileStat, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was proven and committed."""

    id: str
    model_text: str
    model_hash: str
    bases: tuple[str, ...]
    imports: tuple[str, ...]
    """What it read."""
    periods: tuple[str, ...]
    """Billing months it has rows of."""
    begun_at: datetime
    committed_at: datetime
    stats: Mapping[str, Any]
    ledger_hash: str | None
    published: tuple[tuple[str, str], ...]
    """(basis, period) pairs it stands for now."""
    collected: bool
    """Its files were removed; the record stays."""


def imports(connection: Connection, *, source: str | None = None) -> list[Import]:
    """Return the imports, live and past, in the order they became live."""
    files: dict[str, list[FileStat]] = defaultdict(list)
    for row in connection.execute(sa.select(DELIVERED).order_by(DELIVERED.c.path)):
        files[row.import_id].append(FileStat(row.path, row.bytes, row.digest))
    wanted = sa.select(IMPORTS).where(IMPORTS.c.seq.is_not(None)).order_by(IMPORTS.c.seq)
    if source is not None:
        wanted = wanted.where(IMPORTS.c.source == source)
    return [
        Import(
            row.id, row.source, row.kind, row.format, row.mode, row.content, row.state == "live",
            row.committed_at, row.rows, row.quarantined, row.sums, tuple(row.notes),
            tuple(files[row.id]),
        )
        for row in connection.execute(wanted)
    ]  # fmt: skip


def quarantined(
    connection: Connection, *, import_id: str | None = None, source: str | None = None
) -> list[Quarantined]:
    """Return the broken rows that still wait for a fix, or all that one import left out."""
    wanted = (
        sa.select(QUARANTINE)
        .join(IMPORTS, IMPORTS.c.id == QUARANTINE.c.import_id)
        .where(IMPORTS.c.seq.is_not(None))
        .order_by(IMPORTS.c.seq, QUARANTINE.c.position)
    )
    if import_id is not None:
        wanted = wanted.where(QUARANTINE.c.import_id == import_id)
    else:
        wanted = wanted.where(QUARANTINE.c.superseded.is_(None))
    if source is not None:
        wanted = wanted.where(IMPORTS.c.source == source)
    return [
        Quarantined(row.file, row.row, row.column, row.value, row.code, row.reason, row.hint)
        for row in connection.execute(wanted)
    ]


def runs(connection: Connection) -> list[Run]:
    """Return the committed runs, oldest first."""
    read: dict[str, list[str]] = defaultdict(list)
    for row in connection.execute(sa.select(RUN_IMPORTS).order_by(RUN_IMPORTS.c.import_id)):
        read[row.run_id].append(row.import_id)
    stands: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in connection.execute(
        sa.select(PUBLISHED).order_by(PUBLISHED.c.basis, PUBLISHED.c.period)
    ):
        stands[row.run_id].append((row.basis, row.period))
    wanted = sa.select(RUNS).where(RUNS.c.state.in_(("committed", "collected")))
    return [
        Run(
            row.id, row.model_text, row.model_hash, tuple(row.bases), tuple(read[row.id]),
            tuple(row.periods), row.begun_at, row.committed_at, row.stats, row.ledger_hash,
            tuple(stands[row.id]), row.state == "collected",
        )
        for row in connection.execute(wanted.order_by(RUNS.c.id))
    ]  # fmt: skip


def published(connection: Connection, basis: str) -> dict[str, str]:
    """Return period to run of a basis."""
    wanted = sa.select(PUBLISHED.c.period, PUBLISHED.c.run_id).where(PUBLISHED.c.basis == basis)
    return {row.period: row.run_id for row in connection.execute(wanted.order_by("period"))}


def require_run(connection: Connection, run: str, *, unfinished: bool = False) -> None:
    """Refuse a run that cannot be read.

    Raises:
        UnknownRunError: no run of that id was committed, nor is any going on if ``unfinished``.
        RunGoneError: its files were collected.
    """
    states = {row.id: row.state for row in connection.execute(sa.select(RUNS.c.id, RUNS.c.state))}
    if states.get(run) == "collected":
        raise RunGoneError(run)
    if states.get(run) != "committed" and not (unfinished and states.get(run) == "open"):
        raise UnknownRunError(run, (name for name, state in states.items() if state == "committed"))
