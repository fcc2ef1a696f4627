"""The one door to the data: open it, take deliveries in, write runs, bind tables to read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from percapita.core.errors import PercapitaError, Problem
from percapita.core.privacy import Key
from percapita.core.sources import Source
from percapita.core.subjects import SEGMENT, TENANT
from percapita.core.tables import INPUTS, LINES, Table
from percapita.model.tags import NO_RULES, Rules
from percapita.store.catalog import meters, records
from percapita.store.catalog.place import has_store
from percapita.store.delivery import FileStat, Quarantined, content_of, settings_of
from percapita.store.door import Door
from percapita.store.engine import Engine, literal
from percapita.store.files import views
from percapita.store.imports import scopes
from percapita.store.journal import Audited, audited
from percapita.store.site import NoStoreError, Site, user

if TYPE_CHECKING:
    from percapita.core.rates import Rates
    from percapita.store.care import Collected
    from percapita.store.catalog.catalog import Catalog
    from percapita.store.imports.contents import Contents
    from percapita.store.imports.transaction import ImportTx
    from percapita.store.keys import Keys
    from percapita.store.live.turns import LiveStore
    from percapita.store.runs.closing import Closings, Restated
    from percapita.store.runs.estimates import Estimates
    from percapita.store.runs.transaction import RunTransaction
    from percapita.store.tokens import Tokens


class UnboundError(PercapitaError):
    """An output table was asked for without saying whose."""

    def __init__(self, table: Table) -> None:
        super().__init__(f"{table.name} belongs to runs: say which run, or the basis published.")


class Store:
    """A store. What is live is decided by its catalog; see ``catalog.py``."""

    def __init__(self, site: Site, labels: Collection[str], tag_rules: Rules) -> None:
        self._site = site
        self.door = Door(site, labels)
        self.tag_rules = tag_rules
        """Rules for virtual tags as they are now: lines are read through them."""
        self.rates: Callable[[], Rates] | None = None
        """Reads what other currencies are worth, if anything says so: revenue is read at them."""

    @classmethod
    def open(
        cls,
        root: Path,
        key: Key,
        *,
        labels: Collection[str] = (TENANT, SEGMENT),
        threads: int | None = None,
        memory: str = "",
        create: bool = True,
        now: datetime | None = None,
        who: str | None = None,
        catalog: str = "",
        tag_rules: Rules = NO_RULES,
    ) -> Self:
        """Open the store in a folder. Nothing is read or made before it is used.

        Args:
            root: the store's folder.
            key: the secret of the pseudonyms.
            labels: kinds of subject whose names are kept readable.
            threads: of the engine; all the machine has unless said.
            memory: limit of the engine, such as ``512MB``; its own default unless said.
            create: make the store if it is not there.
            now: the time that writes carry unless they say their own.
            who: whose doing the audit log calls it; the operating system's user unless said.
            catalog: URL of a PostgreSQL catalog; a SQLite file in the folder unless said.
            tag_rules: rules for virtual tags; lines that no run read yet are read through them.

        Raises:
            NoStoreError: there is no store and ``create`` is false.
        """
        root = root.resolve()
        if not create and not has_store(root):
            raise NoStoreError(root)
        site = Site(root, key, who=user() if who is None else who, now=now, catalog=catalog,
                    threads=threads, memory=memory)  # fmt: skip
        return cls(site, labels, tag_rules)

    def close(self) -> None:
        """Give back connections, memory and temporary files."""
        self._site.close()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    @property
    def root(self) -> Path:
        """The store's folder."""
        return self._site.root

    @property
    def key(self) -> Key:
        """The secret of the pseudonyms."""
        return self._site.key

    @property
    def engine(self) -> Engine:
        """The engine that views and temporary tables live in."""
        return self._site.engine

    @property
    def catalog(self) -> Catalog:
        """The catalog."""
        return self._site.catalog

    # Imports

    def unchanged(self, source: Source, content: str | Iterable[FileStat]) -> bool:
        """Tell whether a delivery (its files, or their ``content_of``) is in and wholly live.

        False also where the source is read differently now: other columns, units, mode or key.
        """
        digest = content if isinstance(content, str) else content_of(content)
        settings = settings_of(source, self._site.key)
        with self.catalog.read() as connection:
            return scopes.unchanged(connection, source, digest, settings)

    @property
    def contents(self) -> Contents:
        """What the delivered files of bills hold."""
        from percapita.store.imports.contents import Contents  # noqa: PLC0415

        return Contents(self._site)

    def begin_import(
        self, source: Source, files: Sequence[FileStat], *, now: datetime | None = None,
        again: bool = False,
    ) -> ImportTx:  # fmt: skip
        """Begin to take a delivery in.

        Args:
            source: as handed to ``unchanged``; its mode says what the delivery replaces.
            files: the whole delivery.
            now: the time of the import.
            again: take it in even if another source delivered the same, or this one did.

        Raises:
            DuplicateContentError: another source delivered the same files, and not ``again``.
        """
        from percapita.store.imports.transaction import ImportTx  # noqa: PLC0415

        return ImportTx(self._site, source, files, self._site.clock(now), again=again)

    def remember(self, source: Source) -> None:
        """Keep a source that ``percapita.yaml`` does not name, for later runs."""
        from percapita.store.catalog import registered  # noqa: PLC0415

        with self.catalog.write() as connection:
            registered.remember(connection, source)

    def remembered(self) -> list[Source]:
        """Return the sources kept by ``remember``."""
        from percapita.store.catalog import registered  # noqa: PLC0415

        with self.catalog.read() as connection:
            return registered.remembered(connection)

    def imports(self, source: str | None = None) -> list[records.Import]:
        """Return the imports, live and past, in the order they came in."""
        with self.catalog.read() as connection:
            return records.imports(connection, source=source)

    def meter_bases(self) -> dict[str, str]:
        """Return the base unit of each meter of the live readings, empty for plain counts."""
        with self.catalog.read() as connection:
            return meters.bases(connection)

    def live_imports(self) -> list[str]:
        """Return the ids of the imports that have live rows, in the order they came in."""
        return [record.id for record in self.imports() if record.live]

    def quarantined(
        self, import_id: str | None = None, source: str | None = None
    ) -> list[Quarantined]:
        """Return the broken rows that wait for a fix; of one import, all it left out."""
        with self.catalog.read() as connection:
            return records.quarantined(connection, import_id=import_id, source=source)

    def live(self, **how: Any) -> LiveStore:  # noqa: ANN401 as LiveStore's
        """Take the live source, to count what is received."""
        from percapita.store.live.turns import LiveStore  # noqa: PLC0415

        return LiveStore(self._site, self.door, **how)

    # Runs

    def begin_run(
        self, *, model_text: str, model_hash: str, bases: Sequence[str],
        imports: Collection[str] | None = None, now: datetime | None = None,
    ) -> RunTransaction:  # fmt: skip
        """Begin a run over these imports as they stood when the last of them came in.

        Without ``imports`` it reads all that is live now. Bind its inputs with ``run=tx.id``.
        """
        from percapita.store.runs.transaction import RunTransaction  # noqa: PLC0415

        return RunTransaction(
            self._site, model_text=model_text, model_hash=model_hash, bases=bases,
            imports=imports, now=self._site.clock(now),
        )  # fmt: skip

    def runs(self) -> list[records.Run]:
        """Return the committed runs, oldest first."""
        with self.catalog.read() as connection:
            return records.runs(connection)

    def run(self, run: str) -> records.Run:
        """Return one committed run.

        Raises:
            UnknownRunError: there is none of that id.
        """
        found = {record.id: record for record in self.runs()}
        if run not in found:
            raise records.UnknownRunError(run, found)
        return found[run]

    def published(self, basis: str) -> dict[str, str]:
        """Return billing month to the run whose figures stand for it."""
        with self.catalog.read() as connection:
            return records.published(connection, basis)

    def publish(
        self, run: str, pairs: Iterable[tuple[str, str]], *, now: datetime | None = None,
        restated: Sequence[Restated] = (),
    ) -> None:  # fmt: skip
        """Make a committed run the figures of (basis, period) pairs, all at once.

        Closed months keep theirs; what runs of them that ``restated`` names differ by is booked.
        """
        from percapita.store.runs.transaction import publish  # noqa: PLC0415

        publish(self._site, run, pairs, self._site.clock(now), restated)

    @property
    def closings(self) -> Closings:
        """The closed months, and what is booked beside them."""
        from percapita.store.runs.closing import Closings  # noqa: PLC0415

        return Closings(self._site)

    # Receiving

    @property
    def tokens(self) -> Tokens:
        """The tokens that open the receivers from other machines."""
        from percapita.store.tokens import Tokens  # noqa: PLC0415

        return Tokens(self._site)

    @property
    def keys(self) -> Keys:
        """The key of the pseudonyms, and its former ones."""
        from percapita.store.keys import Keys  # noqa: PLC0415

        return Keys(self._site)

    @property
    def estimates(self) -> Estimates:
        """What was estimated before its bill, and what bills said then."""
        from percapita.store.runs.estimates import Estimates  # noqa: PLC0415

        return Estimates(self._site)

    # Reading

    def bind(
        self,
        table: Table,
        name: str | None = None,
        *,
        run: str | None = None,
        basis: str | None = None,
        chosen: Mapping[str, str] | None = None,
        periods: Collection[str] | None = None,
        seen_by: str | None = None,
        keys: Sequence[str] = (),
    ) -> str:
        """Make a temporary view over exactly the files meant, partition columns included.

        Lines that a committed run read are in its currency and under its tag rules; others are as
        imported, under the rules of now.

        Args:
            table: one of ``core/tables``.
            name: of the view; the table's unless said.
            run: inputs: as that run read them. Outputs: of that run.
            basis: outputs: of the run published for each period, rows of this basis only.
            chosen: outputs: of these runs, period to run, as ``published`` returned them.
            periods: only these months.
            seen_by: lines: in the currency and under the tag rules of this run; empty: as imported.
            keys: lines: of ``Extra``, none alike but for case; become columns ``Extra.KEY``.

        Raises:
            UnboundError: an output table, and neither run, basis nor chosen.
            UnknownRunError: the run was never committed.
            RunGoneError: its files were collected.
        """
        portions = self._portions(table, run, basis, chosen, periods)
        if table is LINES:
            relation = self._seen(portions, run if seen_by is None else seen_by, keys)
        else:
            where = f"basis = {literal(basis)}" if basis and "basis" in table.names else ""
            relation = views.relation(self._site, table, portions, where)
        self.engine.view(name or table.name, relation)
        return name or table.name

    def _seen(self, portions: Sequence[views.Portion], run: str | None, keys: Sequence[str]) -> str:
        if run == "" or (run is None and not self.tag_rules.rules):
            return views.relation(self._site, LINES, portions, keys=keys)
        from percapita.store.runs import lines as run_lines  # noqa: PLC0415

        return run_lines.lines_of(self._site, portions, run, self.tag_rules, keys)

    def _portions(
        self, table: Table, run: str | None, basis: str | None,
        chosen: Mapping[str, str] | None, periods: Collection[str] | None,
    ) -> list[views.Portion]:  # fmt: skip
        with self.catalog.read() as connection:
            if run is not None:
                records.require_run(connection, run, unfinished=table in INPUTS)
            if table in INPUTS:
                version = None if run is None else views.version_of(connection, run)
                return views.inputs(connection, table, version=version, periods=periods)
            if run is None and chosen is None:
                if basis is None:
                    raise UnboundError(table)
                chosen = records.published(connection, basis)
            return views.outputs(connection, table, views.pairs(run, chosen or {}, periods))

    def extra_keys(self, periods: Collection[str] | None = None) -> set[str]:
        """Return the keys of ``Extra`` that live lines have, of all months or these."""
        return views.extra_keys(self._site, self._portions(LINES, None, None, None, periods))

    def kinds_view(self, name: str = "subject_kinds") -> str:
        """Make a temporary table (subject, kind) of the subjects that are not plainly users."""
        self.engine.load(name, {"subject": "int64", "kind": "string"}, self.door.kinds().items())
        return name

    def subjects_view(self, name: str = "subjects") -> str:
        """Make a temporary table (subject, kind, label); who is not in it is a user, unnamed."""
        schema = {"subject": "int64", "kind": "string", "label": "string"}
        self.engine.load(name, schema, self.door.subjects())
        return name

    # Care

    def audit(self) -> list[Audited]:
        """Return the audit log, oldest first."""
        with self.catalog.read() as connection:
            return audited(connection)

    def logged(self, table: Table, version: int | None = None) -> dict[str, list[str]]:
        """Return the files that a version of the Delta log names, by partition; the latest's."""
        from percapita.store.files import delta  # noqa: PLC0415

        return delta.files(self._site, table, version)

    def doctor(self) -> list[Problem]:
        """Return what does not agree between catalog, files and Delta logs."""
        from percapita.store import care  # noqa: PLC0415

        return care.doctor(self._site)

    def gc(self, *, now: datetime | None = None, keep: Collection[str] = ()) -> Collected:
        """Remove what no live import, published run or run in ``keep`` names."""
        from percapita.store import care  # noqa: PLC0415

        return care.collect(self._site, self._site.clock(now), keep)
