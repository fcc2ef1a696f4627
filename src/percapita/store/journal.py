"""Who did what when, and what is published: the parts of a write that imports and runs share."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.tables import Table
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import AUDIT, FILES, STEPS
from percapita.store.engine import parquet
from percapita.store.files.extra import columns
from percapita.store.site import Site, part_name, partition, remove

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Audited:
    """One entry of the audit log."""

    at: datetime
    who: str
    what: str
    """``import``, ``run``, ``publish``, ``alias``, ``gc``, ``sign in``, ``look at`` …"""
    ref: str
    detail: Mapping[str, Any]
    id: int = 0
    """Its place in the log."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A file that was written and that nothing names yet."""

    table: Table
    period: str | None
    path: str
    rows: int
    extra: tuple[str, ...] = ()
    """Keys of ``Extra`` that have columns of their own in the file."""


class Staging:
    """The files of one import or run, written but invisible."""

    def __init__(self, site: Site, owner: str) -> None:
        self._site = site
        self._owner = owner
        self.files: list[Staged] = []

    def write(
        self,
        table: Table,
        relation: object,
        *,
        period: str | None,
        part: str,
        row_group: int,
        listed: Mapping[str, Collection[str]] | None = None,
    ) -> int:
        """Write one file; return its rows. A file without rows is not kept."""
        copy = self._site.engine.copy
        return self._written(
            table, period, part,
            lambda path: copy(table, relation, path, row_group=row_group, listed=listed),
        )  # fmt: skip

    def write_arrow(
        self,
        table: Table,
        rows: pa.Table,
        *,
        period: str | None,
        part: str,
        statistics: bool = False,
    ) -> int:
        """Do the same with rows that are in memory."""
        from percapita.store.files import arrow_files  # noqa: PLC0415

        return self._written(
            table, period, part,
            lambda path: arrow_files.write(table, rows, path, statistics=statistics),
        )  # fmt: skip

    def _written(
        self, table: Table, period: str | None, part: str, write: Callable[[Path], int]
    ) -> int:
        path = f"{partition(table, period, self._owner)}/{part_name(part)}"
        target = self._site.tables / path
        if target.exists():
            raise FileExistsError(f"{path} was written before")
        try:
            rows = write(target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        if rows:
            self.files.append(Staged(table, period, path, rows))
        else:
            target.unlink()
        return rows

    def adopt(
        self,
        table: Table,
        draft: Path,
        rows: int,
        *,
        period: str | None,
        part: str,
        extra: Sequence[str] = (),
    ) -> None:
        """Take over a finished, durable file of exactly the table's columns, and those of extra."""
        path = f"{partition(table, period, self._owner)}/{part_name(part)}"
        target = self._site.tables / path
        if target.exists():
            raise FileExistsError(f"{path} was written before")
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.replace(target)
        self.files.append(Staged(table, period, path, rows, tuple(extra)))

    def count(self, table: Table, period: str | None) -> int:
        """Return how many files were written to a partition."""
        return sum(f.table == table and f.period == period for f in self.files)

    def relation(self, table: Table, periods: Iterable[str] | None = None) -> str:
        """Return the relation of the files written so far; empty where there are none."""
        wanted = None if periods is None else set(periods)
        by_extra: dict[tuple[str, ...], list[Path]] = {}
        for file in self.files:
            if file.table == table and (wanted is None or file.period in wanted):
                by_extra.setdefault(file.extra, []).append(self._site.tables / file.path)
        selects = [
            f"SELECT {columns(table, extra)} FROM {parquet(paths)}"
            for extra, paths in by_extra.items()
        ]
        return f"({' UNION ALL '.join(selects)})" if selects else ""

    @property
    def paths(self) -> list[Path]:
        """Where the files written so far are."""
        return [self._site.tables / file.path for file in self.files]

    def name(self, connection: Connection, *, logged: bool = True) -> None:
        """Name the files in the catalog and, unless said, owe them to the Delta logs."""
        rows = [
            {
                "path": file.path,
                "table_name": file.table.name,
                "period": file.period or "",
                "owner": self._owner,
                "rows": file.rows,
                "bytes": (self._site.tables / file.path).stat().st_size,
                "extra": list(file.extra),
            }
            for file in self.files
        ]
        if rows:
            connection.execute(sa.insert(FILES), rows)
        if rows and logged:
            owe(connection, "add", self._owner)

    def settle(self) -> None:
        """Make the new folder entries durable; the files themselves are."""
        folders = {
            folder
            for file in self.files
            for folder in (self._site.tables / file.path).parents
            if folder.is_relative_to(self._site.root)
        }
        for folder in folders:
            _sync(folder)

    def discard(self) -> None:
        """Delete the files."""
        for file in self.files:
            remove(self._site.tables, self._site.tables / file.path)
        self.files.clear()


def owe(connection: Connection, what: str, owner: str) -> None:
    """Note that the Delta logs are to ``add`` or ``remove`` the files of an import or run."""
    connection.execute(sa.insert(STEPS), {"what": what, "owner": owner})


def audit(
    connection: Connection, site: Site, at: datetime, what: str, ref: str, **detail: object
) -> None:
    """Append to the audit log, in the transaction of what is logged."""
    entry = {"at": at, "who": site.who, "what": what, "ref": ref, "detail": detail}
    connection.execute(sa.insert(AUDIT), entry)


_DECISIVE: Final = (
    "import", "run", "publish", "close", "sign-off", "reopen", "adjust", "alias", "erase", "gc",
    "key rotate", "decide", "observe",
)  # fmt: skip


def decided(catalog: Catalog) -> int:
    """Return a number that grows with every act that figures depend on, telemetry apart."""
    wanted = sa.select(sa.func.max(AUDIT.c.id)).where(AUDIT.c.what.in_(_DECISIVE))
    with catalog.read() as connection:
        return int(connection.execute(wanted).scalar() or 0)


def audited(connection: Connection) -> list[Audited]:
    """Return the audit log, oldest first."""
    rows = connection.execute(sa.select(AUDIT).order_by(AUDIT.c.id))
    return [Audited(row.at, row.who, row.what, row.ref, row.detail, row.id) for row in rows]


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def owed(site: Site) -> int:
    """Return how many steps the Delta logs are behind what is committed."""
    with site.catalog.read() as connection:
        steps = sa.select(sa.func.count()).select_from(STEPS)
        return int(connection.execute(steps).scalar_one())


def settle(site: Site) -> None:
    """Bring the Delta logs up to what is committed; only writers pay for loading deltalake."""
    if owed(site):
        from percapita.store.files import delta  # noqa: PLC0415

        delta.settle(site)
