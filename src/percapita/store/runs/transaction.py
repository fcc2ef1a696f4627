"""A run: its tables are written unseen, become visible when it is proven, and are published."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import PercapitaError
from percapita.core.tables import GROUPS, LEDGER, OUTPUTS, SLICES, Table
from percapita.store.catalog.catalog import take
from percapita.store.catalog.records import require_run
from percapita.store.catalog.tables import COUNTERS, IMPORTS, PUBLISHED, RUN_IMPORTS, RUNS, SCOPES
from percapita.store.crash import point
from percapita.store.files import views
from percapita.store.journal import Staging, audit, settle
from percapita.store.runs import closing
from percapita.store.runs.fingerprint import ledger_hash
from percapita.store.site import Site


class NotPublishableError(PercapitaError):
    """A run was to be published for a basis it did not compute, or before it was proven."""

    def __init__(self, run: str, reason: str) -> None:
        super().__init__(f"Run {run} cannot be published: {reason}.")


class RunTransaction:
    """One run on its way. Leaving it without ``commit`` leaves the store as it was.

    Bind the inputs with ``store.bind(table, run=tx.id)``: they stay what they were when the run
    began, whatever is imported meanwhile.
    """

    def __init__(
        self,
        site: Site,
        *,
        model_text: str,
        model_hash: str,
        bases: Sequence[str],
        imports: Collection[str] | None,
        now: datetime,
    ) -> None:
        self._site = site
        self._now = now
        self._done = False
        with site.catalog.write() as connection:
            self.id = f"r{take(connection, 'runs', 1):06d}"
            read = _read(connection, imports)
            row = {
                "id": self.id, "state": "open", "seq": read.seq, "model_text": model_text,
                "model_hash": model_hash, "bases": list(bases), "begun_at": now, "periods": [],
                "stats": {}, "reason": "",
            }  # fmt: skip
            connection.execute(sa.insert(RUNS), row)
            named = [{"run_id": self.id, "import_id": name} for name in sorted(read.imports)]
            if named:
                connection.execute(sa.insert(RUN_IMPORTS), named)
        self.imports = tuple(sorted(read.imports))
        self._staging = Staging(site, self.id)
        point("run.begun")

    def write(
        self, table: Table, period: str, relation: object, part: str = "0", row_group: int = 16_384
    ) -> int:
        """Write one part of a period (billing month) of an output table; return its rows."""
        if table not in OUTPUTS:
            raise ValueError(f"{table.name} is written by {table.writer}, not by a run")
        rows = self._staging.write(table, relation, period=period, part=part, row_group=row_group)
        point(f"run.{table.name}-written")
        return rows

    def relation(self, table: Table, periods: Collection[str] | None = None) -> str:
        """Return the SQL over what this run wrote so far, which nobody else can see yet."""
        paths = [
            file.path
            for file in self._staging.files
            if file.table == table and (periods is None or file.period in periods)
        ]
        portions = [views.Portion(tuple(paths), None)] if paths else []
        return views.relation(self._site, table, portions)

    def ledger_hash(self) -> str:
        """Return the hash of the ledger written so far; it takes a sort of all of it."""
        tables = (self.relation(table) for table in (LEDGER, GROUPS, SLICES))
        return ledger_hash(self._site.engine, *tables)

    @property
    def rows(self) -> dict[str, int]:
        """Rows written so far, by table."""
        result = {table.name: 0 for table in OUTPUTS}
        for file in self._staging.files:
            result[file.table.name] += file.rows
        return result

    @property
    def periods(self) -> tuple[str, ...]:
        """Billing months written so far."""
        return tuple(sorted({file.period for file in self._staging.files if file.period}))

    def commit(self, stats: Mapping[str, Any], ledger_hash: str | None = None) -> None:
        """Make the run visible. Call it when the run is proven.

        Args:
            stats: figures about the run, in JSON's types.
            ledger_hash: of ``ledger_hash``, where it was asked for.
        """
        point("run.proven")
        self._staging.settle()
        with self._site.catalog.write() as connection:
            self._staging.name(connection)
            self._update(
                connection, state="committed", committed_at=self._now, stats=dict(stats),
                periods=list(self.periods), ledger_hash=ledger_hash,
            )  # fmt: skip
            audit(
                connection, self._site, self._now, "run", self.id,
                periods=list(self.periods), ledger=ledger_hash,
            )  # fmt: skip
            point("run.catalog-staged")
        self._done = True
        point("run.catalog-committed")
        settle(self._site)
        point("run.done")

    def publish(
        self, pairs: Iterable[tuple[str, str]], restated: Iterable[closing.Restated] = ()
    ) -> None:
        """Make this run the figures of these (basis, period) pairs, all at once."""
        publish(self._site, self.id, pairs, self._now, restated)

    def fail(self, reason: str) -> None:
        """Give the run up: its files go, its record stays with the reason."""
        if self._done:
            return
        self._done = True
        self._staging.discard()
        with self._site.catalog.write() as connection:
            self._update(connection, state="failed", reason=reason)
            audit(connection, self._site, self._now, "run", self.id, failed=reason)

    def __enter__(self) -> Self:
        """Return the transaction."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Fail the run if it was not committed."""
        self.fail("not committed" if error is None else f"{type(error).__name__}: {error}")

    def _update(self, connection: Connection, **values: object) -> None:
        connection.execute(sa.update(RUNS).where(RUNS.c.id == self.id).values(values))


def _read(connection: Connection, imports: Collection[str] | None) -> views.Version:
    """Return what a run reads: the named imports as of the last of them, or all that is live."""
    numbered = sa.select(IMPORTS.c.id, IMPORTS.c.seq).where(IMPORTS.c.seq.is_not(None))
    if imports is None:
        live = sa.exists().where(SCOPES.c.import_id == IMPORTS.c.id, SCOPES.c.superseded.is_(None))
        names = frozenset(connection.execute(numbered.where(live)).scalars())
        last = sa.select(COUNTERS.c.value).where(COUNTERS.c.name == "commits")
        return views.Version(int(connection.execute(last).scalar_one()), names)
    order = {row.id: row.seq for row in connection.execute(numbered)}
    if unknown := sorted(set(imports) - set(order)):
        raise ValueError(f"a run cannot read what is not in: {', '.join(unknown)}")
    return views.Version(max((order[name] for name in imports), default=0), frozenset(imports))


def publish(
    site: Site,
    run: str,
    pairs: Iterable[tuple[str, str]],
    now: datetime,
    restated: Iterable[closing.Restated] = (),
) -> None:
    """Make a committed run the figures of (basis, period) pairs, in one transaction.

    A month that was closed meanwhile keeps its own.
    """
    with site.catalog.write() as connection:
        closed = closing.closed_pairs(connection)
        wanted = sorted({pair for pair in pairs if pair[1] not in closed})
        require_run(connection, run)
        computed = connection.execute(sa.select(RUNS.c.bases).where(RUNS.c.id == run)).scalar_one()
        if missing := sorted({basis for basis, _ in wanted} - set(computed)):
            raise NotPublishableError(run, f"it did not compute {', '.join(missing)}")
        for basis, period in wanted:
            held = (PUBLISHED.c.basis == basis) & (PUBLISHED.c.period == period)
            connection.execute(sa.delete(PUBLISHED).where(held))
            connection.execute(
                sa.insert(PUBLISHED), {"basis": basis, "period": period, "run_id": run, "at": now}
            )
        audit(connection, site, now, "publish", run, pairs=[list(pair) for pair in wanted])
        closing.book(connection, site, now, restated)
        point("publish.staged")
    point("publish.committed")
