"""Taking a delivery in: its rows are staged, then become live all at once or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError, PercapitaError
from percapita.core.sources import Source
from percapita.core.tables import LINES, Table
from percapita.store import door
from percapita.store.catalog import meters
from percapita.store.catalog.catalog import take
from percapita.store.catalog.tables import DELIVERED, IMPORTS, QUARANTINE
from percapita.store.crash import point
from percapita.store.delivery import FileStat, Quarantined, content_of, settings_of
from percapita.store.engine import compiled, literal
from percapita.store.files.views import has_account
from percapita.store.imports import contents, positions, scopes, upsert
from percapita.store.imports.contents import Place, Told
from percapita.store.imports.scopes import Scope
from percapita.store.journal import Staging, audit, settle
from percapita.store.site import Site

_ROW_GROUP = 65_536


_TELLING: Final = 16_384
"""Bytes from which a file is taken to hold rows: months without any are alike everywhere."""


class DuplicateContentError(InputError):
    """The same files are already in, under another name."""

    def __init__(self, source: str, other: str) -> None:
        super().__init__(
            f"What {source!r} delivers is already in as {other!r}; it would count twice.",
            hint="If it is to count twice, import it with --again.",
        )


class NoPeriodError(PercapitaError):
    """Rows to be written have no period."""

    def __init__(self, table: Table) -> None:
        super().__init__(f"Rows of {table.name} have no period and cannot be stored.")


class ImportTx:
    """One delivery on its way in. Leaving it without ``commit`` leaves the store as it was."""

    def __init__(
        self, site: Site, source: Source, files: Sequence[FileStat], now: datetime, *, again: bool
    ) -> None:
        self.source = source
        self._site = site
        self._files = tuple(files)
        self._now = now
        self._again = again
        self._content = content_of(files)
        self._settings = settings_of(source, site.key)
        self._quarantine: list[Quarantined] = []
        self._meters: dict[str, str] = {}
        self._scopes: set[Scope] = set()
        self._reached: Mapping[str, Any] | None = None
        self._whole = False
        self._told = Told()
        self._done = False
        with site.catalog.write() as connection:
            self._refuse_duplicate(connection)
            self.id = f"i{take(connection, 'imports', 1):06d}"
            connection.execute(sa.insert(IMPORTS), self._row())
        self._staging = Staging(site, self.id)
        point("import.begun")

    def write(
        self,
        table: Table,
        relation: object,
        *,
        period: str | None = None,
        listed: Mapping[str, Collection[str]] | None = None,
    ) -> int:
        """Stage rows of one period (a month; none for tables without); return how many.

        May be called again for the same partition, which then gets a further file. ``listed`` says
        of a column every text that it can have, where that is known.
        """
        part = f"part-{self._staging.count(table, period)}"
        rows = self._staging.write(
            table, relation, period=period, part=part, row_group=_ROW_GROUP, listed=listed
        )
        if not has_account(table):
            # A delivery without rows still replaces what it names.
            self._scopes.add(Scope(table.name, period or "", ""))
        point("import.file-written")
        return rows

    def adopt(
        self, table: Table, draft: Path, rows: int, *, period: str, extra: Sequence[str]
    ) -> None:
        """Stage a finished file of one month, whose columns ``extra`` are keys of ``Extra``."""
        part = f"part-{self._staging.count(table, period)}"
        self._staging.adopt(table, draft, rows, period=period, part=part, extra=extra)
        point("import.file-written")

    def write_by_period(self, table: Table, relation: object) -> dict[str, int]:
        """Stage the rows of a relation with a further column ``period``; return rows by period.

        The relation is read once for the list of periods and once for each of them: hand in a
        temporary table, not the parsing of a file.

        Raises:
            NoPeriodError: a row has none.
        """
        sql = compiled(relation)
        listed = f"SELECT DISTINCT period FROM ({sql}) ORDER BY period NULLS FIRST"
        periods = [row[0] for row in self._site.engine.rows(listed)]
        if None in periods:
            raise NoPeriodError(table)
        return {
            period: self.write(
                table, f"SELECT * FROM ({sql}) WHERE period = {literal(period)}", period=period
            )
            for period in periods
        }

    def measure(self, bases: Mapping[str, str]) -> None:
        """Say in which base unit the readings keep each meter; empty is a plain count."""
        self._meters.update(bases)

    def reach(self, state: Mapping[str, Any]) -> None:
        """Say how far the source is read with this import; the next one goes on from there."""
        self._reached = state

    def replace_all(self) -> None:
        """Say that the delivery is all that its source has: what it lacks is replaced too."""
        self._whole = True

    def places(self) -> dict[str, set[Place]]:
        """Return where the staged lines of a bill fall, by their column ``file``."""
        return scopes.places(self._site, self._staging, LINES)

    def tell(self, told: Told) -> None:
        """Say what the next import has to know of the files."""
        self._told = told

    def quarantine(self, rows: Iterable[Quarantined]) -> None:
        """Remember rows that could not be taken in."""
        self._quarantine.extend(rows)

    def commit(
        self,
        *,
        rows: int | None = None,
        sums: Mapping[str, Mapping[str, str]] | None = None,
        notes: Sequence[str] = (),
        keys: Sequence[str] | None = None,
        form: str = "",
    ) -> bool:
        """Make the delivery live; return false where another process has just delivered the same.

        Args:
            rows: rows taken in, as reported; those written unless said.
            sums: of a bill: currency to basis to sum, as money text.
            notes: what the user should know.
            keys: for ``upsert``: the identifying columns in the table's own names, where the
                source's keys are named otherwise.
            form: the format the files turned out to have; the source's unless said.
        """
        point("import.files-written")
        facts = {
            "rows": sum(file.rows for file in self._staging.files) if rows is None else rows,
            "sums": {currency: dict(by_basis) for currency, by_basis in (sums or {}).items()},
            "notes": list(notes),
            "quarantined": len(self._quarantine),
            "format": form or self.source.format,
        }
        with self._site.catalog.write() as connection:
            if self._overtaken(connection):
                return False
            self._go_live(connection, facts, keys)
            point("import.catalog-staged")
        self._done = True
        self._site.marks.clear()
        point("import.catalog-committed")
        settle(self._site)
        point("import.done")
        return True

    def abandon(self) -> None:
        """Drop what was staged. After ``commit`` there is nothing to drop."""
        if self._done:
            return
        self._done = True
        self._staging.discard()
        self._site.marks.clear()
        with self._site.catalog.write() as connection:
            self._update(connection, state="failed")

    def __enter__(self) -> Self:
        """Return the transaction."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Abandon what was not committed."""
        self.abandon()

    def _row(self) -> dict[str, Any]:
        return {
            "id": self.id, "source": self.source.name, "kind": self.source.kind or "",
            "format": self.source.format, "mode": self.source.mode, "content": self._content,
            "settings": self._settings, "state": "open", "begun_at": self._now, "rows": 0,
            "quarantined": 0, "sums": {}, "notes": [],
        }  # fmt: skip

    def _update(self, connection: Connection, **values: object) -> None:
        connection.execute(sa.update(IMPORTS).where(IMPORTS.c.id == self.id).values(values))

    def _refuse_duplicate(self, connection: Connection) -> None:
        """Refuse a delivery, or a file of one, that a second source delivered as the same kind."""
        if self._again:
            return
        digests = [file.digest for file in self._files if file.bytes >= _TELLING]
        shared = sa.exists().where(
            DELIVERED.c.import_id == IMPORTS.c.id, DELIVERED.c.digest.in_(digests)
        )
        same = sa.select(IMPORTS.c.source).where(
            (IMPORTS.c.content == self._content) | shared,
            IMPORTS.c.kind == (self.source.kind or ""),
            IMPORTS.c.state == "live",
            IMPORTS.c.source != self.source.name,
        )
        other = connection.execute(same.order_by(IMPORTS.c.seq)).scalars().first()
        every = [file.digest for file in self._files]
        other = other or contents.elsewhere(connection, self.source, every)
        if other is not None:
            raise DuplicateContentError(self.source.name, other)

    def _overtaken(self, connection: Connection) -> bool:
        """Look again, now that no other process can write, whether the delivery is still new."""
        self._refuse_duplicate(connection)
        same = scopes.unchanged(connection, self.source, self._content, self._settings)
        return same and not self._again

    def _go_live(
        self, connection: Connection, facts: Mapping[str, Any], keys: Sequence[str] | None
    ) -> None:
        seq = take(connection, "commits", 1)
        covered = self._scopes | scopes.delivered(self._site, self._staging)
        if self.source.mode == "upsert":
            covered |= upsert.carry(
                self._site, connection, self._staging, self.source,
                seq=seq, keys=keys, row_group=_ROW_GROUP,
            )  # fmt: skip
        self._staging.settle()
        self._staging.name(connection)
        self._record(connection)
        scopes.record(connection, self.id, covered)
        if self.source.mode == "overwrite":
            scopes.overwrite(connection, self.id, self.source, seq, whole=self._whole)
        if self._reached is not None:
            positions.keep(connection, self.source.name, self._reached)
        contents.record(connection, self.id, self._told)
        contents.empty(connection, self._told.emptied, seq)
        scopes.retire(connection, self.id, self.source, seq, kept=self._told.kept)
        contents.forget_broken(connection, self._told.gone, seq)
        meters.record(connection, self.id, self.source.name, self._meters)
        self._update(connection, seq=seq, state="live", committed_at=self._now, **facts)
        door.mark(connection, self.id, self.source, self._site.marks)
        audit(
            connection, self._site, self._now, "import", self.id,
            source=self.source.name, mode=self.source.mode, content=self._content,
            rows=facts["rows"], quarantined=facts["quarantined"],
        )  # fmt: skip

    def _record(self, connection: Connection) -> None:
        """Remember the delivered files and the broken rows."""
        files = [
            {"import_id": self.id, "path": f.path, "bytes": f.bytes, "digest": f.digest}
            for f in self._files
        ]
        if files:
            connection.execute(sa.insert(DELIVERED), files)
        broken = [
            {
                "import_id": self.id, "position": position, "file": row.file, "row": row.row,
                "column": row.column, "value": row.value, "code": row.code,
                "reason": row.reason, "hint": row.hint,
            }
            for position, row in enumerate(self._quarantine)
        ]  # fmt: skip
        if broken:
            connection.execute(sa.insert(QUARANTINE), broken)
