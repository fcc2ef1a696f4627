"""Live readings: many small commits of one source, each with the place in the spool it reaches.

One transaction names the readings, says up to which entry of the spool all is counted, and what is
known again if it comes once more. Killed at any moment, the store has all of it or nothing, and
what it lacks is still in the spool.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.tables import CLAIMS, EVENTS, READINGS
from percapita.store import journal
from percapita.store.catalog import traced
from percapita.store.catalog.catalog import take
from percapita.store.catalog.many_rows import bulk
from percapita.store.catalog.tables import METERS, QUARANTINE
from percapita.store.crash import point
from percapita.store.delivery import Quarantined
from percapita.store.journal import Staging
from percapita.store.live import files as live_files
from percapita.store.live import large, memory, merging
from percapita.store.live.dedup import LIMIT, Marked, Words
from percapita.store.live.files import LEAD, Part
from percapita.store.live.numbers import Numbers
from percapita.store.live.tables import CARRIES, LIVE, LIVE_TABLES, SERIES
from percapita.store.lock import Lock
from percapita.store.site import Site

if TYPE_CHECKING:
    import pyarrow as pa

    from percapita.store.door import Door

_POSITION: Final = "position"
_READ: Final = "read"
_OWED: Final = 64
"""Steps that the Delta logs are behind at most while counting is busy."""
_ASKED: Final = 500
"""Keys asked for in one statement."""


@dataclass(slots=True)
class Turn:
    """What one turn of counting gave."""

    position: int
    """The entry of the spool up to which nothing is needed any more."""
    read: int
    """The entry up to which all was looked at, and counted if it waits for nothing."""
    readings: pa.Table | None = None
    """Columns of ``READINGS``."""
    claims: pa.Table | None = None
    """Columns of ``CLAIMS``: sessions that were seen together with a user."""
    events: pa.Table | None = None
    """Columns of ``EVENTS``: what happened."""
    bases: Mapping[str, str] = field(default_factory=dict)
    """Base unit of each meter in them."""
    marks: tuple[Words, Words] | None = None
    """Of the signals that were counted."""
    series: Mapping[str, tuple[int, Any]] = field(default_factory=dict)
    """Last points that are new: when, and what."""
    totals: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Exact sums of sampled readings that are new: hour and sum."""
    quarantine: Sequence[Quarantined] = ()
    traces: Sequence[traced.Begun] = ()
    """Traces of the sample that are new."""
    spans: Sequence[traced.Kept] = ()
    """Spans of the sample."""

    @property
    def empty(self) -> bool:
        """Tell whether there is nothing to keep but the position."""
        kept = (self.readings, self.claims, self.events, self.marks)
        return all(one is None for one in kept) and not (
            self.series or self.quarantine or self.spans
        )


class LiveStore:
    """The live source of a store. One process at a time has it."""

    def __init__(
        self,
        site: Site,
        door: Door,
        *,
        limit: int | None = None,
        settle: Callable[[], None] | None = None,
    ) -> None:
        self._site = site
        self._settle = settle or partial(journal.settle, site)
        site.catalog.prepare(LIVE_TABLES)
        site.root.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(site.root / "live.lock", "counting what is received").take()
        self.numbers = Numbers(door, site.catalog)
        self.marked = Marked(site.root, limit=LIMIT if limit is None else limit)
        # As a writer: a database may still be committing what a killed process sent last.
        with site.catalog.write() as connection:
            self.marked.load(connection)
            facts = {row.name: row.value for row in connection.execute(sa.select(LIVE))}
        self.position = int(facts.get(_POSITION, 0))
        self.read = int(facts.get(_READ, 0))
        live_files.clear_strays(site)
        large.clear(site)
        memory.alone()

    def close(self) -> None:
        """Let another process have it."""
        self._lock.let_go()

    @property
    def root(self) -> Path:
        """The store's folder."""
        return self._site.root

    def bases(self) -> dict[str, str]:
        """Return the base unit of each meter that has live readings, of whatever source."""
        from percapita.store.catalog import meters  # noqa: PLC0415

        with self._site.catalog.read() as connection:
            return meters.bases(connection)

    def series(self, keys: Sequence[str]) -> dict[str, Any]:
        """Return the last points of those series that have one."""
        return self._held(SERIES, SERIES.c.point, keys)

    def totals(self, keys: Sequence[str]) -> dict[str, int]:
        """Return the exact sums so far of those sampled readings that have one."""
        return self._held(CARRIES, CARRIES.c.total, keys)

    def commit(self, turn: Turn, now: datetime) -> None:
        """Make a turn live, wholly or not at all."""
        owner = LEAD + os.urandom(8).hex()
        staging = Staging(self._site, owner)
        for table, rows, time in (
            (READINGS, turn.readings, "time"), (EVENTS, turn.events, "at"),
        ):  # fmt: skip
            for month, of_month in () if rows is None else _months(rows, time):
                staging.write_arrow(table, of_month, period=month, part="0")
        if turn.claims is not None:
            staging.write_arrow(CLAIMS, turn.claims, period=None, part="0")
        point("live.file-written")
        if turn.marks is not None:
            self.marked.stage(*turn.marks, now)
        point("live.files-written")
        staging.settle()
        with self._site.catalog.write() as connection:
            if staging.files or turn.quarantine:
                self._name(connection, staging, owner, turn, now)
            if turn.marks is not None:
                self.marked.record(connection)
            self._keep(connection, turn)
            point("live.catalog-staged")
        self.position, self.read = turn.position, turn.read
        point("live.catalog-committed")
        if turn.marks is not None:
            self.marked.settle()
        memory.give_back()
        point("live.done")

    def tend(self, now: datetime, *, idle: bool = False) -> None:
        """Merge small files, and let go what no reader can still be reading."""
        if merging.merge(self._site, now, idle=idle):
            memory.give_back()
            self._settled(1 if idle else _OWED)
        live_files.let_go(self._site, now)

    def merging(self, now: datetime, *, idle: bool) -> Generator[None] | None:
        """Return the steps of merging large files, if there are any to be merged."""
        found = large.wanted(self._site, idle=idle)
        return self._merging(found, now, idle=idle) if found else None

    def _merging(self, found: Sequence[Part], now: datetime, *, idle: bool) -> Generator[None]:
        yield from large.steps(self._site, found, now)
        self._settled(1 if idle else _OWED)

    def _settled(self, least: int) -> None:
        """Bring the Delta logs up to date, if so many steps are owed."""
        if journal.owed(self._site) >= least:
            self._settle()

    def _name(
        self, connection: Connection, staging: Staging, owner: str, turn: Turn, now: datetime
    ) -> None:
        """Make what was staged an import that is live."""
        live_files.name(
            connection, staging, owner, now,
            seq=take(connection, "commits", 1), level=0, quarantined=len(turn.quarantine),
        )  # fmt: skip
        meters = [(owner, meter, base) for meter, base in sorted(turn.bases.items())]
        bulk(connection, METERS, ("import_id", "meter", "base"), meters)
        rows = [
            (owner, at, one.file, one.row, one.column, one.value, one.code, one.reason, one.hint)
            for at, one in enumerate(turn.quarantine)
        ]
        columns = (
            "import_id", "position", "file", "row", "column", "value", "code", "reason", "hint",
        )  # fmt: skip
        bulk(connection, QUARANTINE, columns, rows)

    def _keep(self, connection: Connection, turn: Turn) -> None:
        """Remember the place in the spool, last points and exact sums."""
        facts = {_POSITION: turn.position, _READ: turn.read}
        _put(connection, LIVE, {n: {"value": str(v)} for n, v in facts.items()}, key="name")
        _put(
            connection, SERIES,
            {key: {"at": at, "point": last} for key, (at, last) in turn.series.items()},
        )  # fmt: skip
        _put(
            connection, CARRIES,
            {key: {"hour": hour, "total": total} for key, (hour, total) in turn.totals.items()},
        )  # fmt: skip
        traced.keep(connection, turn.traces, turn.spans)

    def forget(self, now: datetime, *, series_before: int, hours_before: int) -> None:
        """Let go the last points and exact sums that are older than these, and old traces."""
        traced.let_go(self._site.catalog, now)
        with self._site.catalog.write() as connection:
            connection.execute(sa.delete(SERIES).where(SERIES.c.at < series_before))
            connection.execute(sa.delete(CARRIES).where(CARRIES.c.hour < hours_before))

    def _held(self, table: sa.Table, value: sa.Column[Any], keys: Sequence[str]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        with self._site.catalog.read() as connection:
            for start in range(0, len(keys), _ASKED):
                asked = list(keys[start : start + _ASKED])
                found = sa.select(table.c.key, value.label("found")).where(table.c.key.in_(asked))
                result |= {row.key: row.found for row in connection.execute(found)}
        return result


def _months(rows: pa.Table, time: str) -> Iterator[tuple[str, pa.Table]]:
    """Yield rows month by month."""
    import pyarrow.compute as pc  # noqa: PLC0415

    bounds: Any = pc.min_max(rows[time])
    low, high = (f"{bounds[end].as_py():%Y-%m}" for end in ("min", "max"))
    if low == high:
        yield low, rows
        return
    month: Any = pc.strftime(rows[time], format="%Y-%m")
    months = sorted(pc.unique(month).to_pylist())
    for one in months:
        yield one, rows.filter(pc.equal(month, one))


def _put(
    connection: Connection, table: sa.Table, rows: Mapping[str, Mapping[str, Any]], key: str = "key"
) -> None:
    """Insert rows, or write over those that are there."""
    column = table.c[key]
    names = list(rows)
    for start in range(0, len(names), _ASKED):
        asked = names[start : start + _ASKED]
        connection.execute(sa.delete(table).where(column.in_(asked)))
        connection.execute(sa.insert(table), [{key: name, **rows[name]} for name in asked])
