"""The catalog: what is live, who is who, what was done. SQLite by default, PostgreSQL by URL.

The catalog is the authority. A file, import or run exists for percapita from the moment the
catalog's transaction names it; the Delta logs beside the files follow (see ``files/delta.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from percapita.core.errors import PercapitaError
from percapita.store.catalog import address
from percapita.store.catalog.place import CATALOG
from percapita.store.catalog.tables import ABOUT, COUNTERS, METADATA, SCHEMA

_WAIT_MILLISECONDS = 120_000
_WRITES = "percapita_writes"
_ATTEMPTS = 50
_COUNTERS = ("writes", "commits", "imports", "runs", "subjects")


class CatalogVersionError(PercapitaError):
    """The store was written by another version of percapita."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"The store has catalog version {found}; this percapita reads version {SCHEMA}.",
            hint="Use the percapita that wrote it, or import into a new store with --store DIR.",
        )


class Catalog:
    """A connection pool to the catalog, its tables made on first use."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sqlite = engine.dialect.name == "sqlite"
        if self._sqlite:
            sa.event.listen(engine, "connect", _configure)
            sa.event.listen(engine, "begin", _begin)
        self._ready()

    @classmethod
    def of(cls, root: Path, url: str = "") -> Catalog:
        """Open the catalog of the store in a folder: a file in it, or the database of a URL.

        Raises:
            CatalogUrlError: the URL is of no PostgreSQL database.
            CatalogUnreachableError: the database does not answer, or refuses.
            CatalogElsewhereError: the store's catalog is another one.
        """
        address.check(root, outside=bool(url))
        if not url:
            return cls.at(root / CATALOG)
        with ExitStack() as unless_opened:
            engine = address.connected(address.url_of(url))
            unless_opened.callback(engine.dispose)
            catalog = cls(engine)
            catalog._claim(root)
            unless_opened.pop_all()
        return catalog

    def _claim(self, root: Path) -> None:
        try:
            with self.read() as connection:
                known = address.is_known(connection, ABOUT, root)
        except address.CatalogElsewhereError:
            # Another process may be tying the two at this moment: in our turn it has ended.
            known = False
        if not known:
            with self.write() as connection:
                address.claim(connection, ABOUT, root)

    @classmethod
    def at(cls, path: Path) -> Catalog:
        """Open the SQLite catalog of this file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        return cls(sa.create_engine(sa.URL.create("sqlite", database=str(path))))

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a transaction that sees one consistent state and waits for no writer."""
        with self._engine.connect() as connection:
            if not self._sqlite:
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a transaction that is the only writer until it ends; it commits on leaving."""
        with self._turn() as connection:
            take(connection, "writes", 1)
            yield connection

    @contextmanager
    def append(self) -> Iterator[Connection]:
        """Give a transaction for what no figure depends on: sessions, and who looked at what."""
        with self._turn() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection.execution_options(**{_WRITES: True})
            with connection.begin():
                yield connection

    def overwrite(self) -> None:
        """Leave nothing of what was deleted in the log beside the database."""
        if self._sqlite:
            with closing(self._engine.raw_connection()) as raw:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def prepare(self, tables: Sequence[sa.Table]) -> None:
        """Make these tables if the store was made before they were known."""
        with self._turn() as connection:
            METADATA.create_all(connection, tables)

    def _ready(self) -> None:
        for attempt in range(_ATTEMPTS):
            try:
                if self._version() is None:
                    self._create()
                break
            except (IntegrityError, OperationalError, ProgrammingError):
                # Another process is making the same tables at this moment.
                if attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(0.05)
        if (found := self._version()) != SCHEMA:
            raise CatalogVersionError(str(found))

    def _version(self) -> str | None:
        wanted = sa.select(ABOUT.c.value).where(ABOUT.c.name == "schema")
        try:
            with self._engine.connect() as connection:
                return connection.execute(wanted).scalar_one_or_none()
        except (OperationalError, ProgrammingError):
            if self._has_tables():
                raise
            return None

    def _has_tables(self) -> bool:
        return sa.inspect(self._engine).has_table(ABOUT.name)

    def _create(self) -> None:
        with self._turn() as connection:
            METADATA.create_all(connection)
            if connection.execute(sa.select(ABOUT.c.value)).first() is None:
                counters = [{"name": name, "value": 0} for name in _COUNTERS]
                connection.execute(sa.insert(COUNTERS), counters)
                connection.execute(sa.insert(ABOUT), {"name": "schema", "value": SCHEMA})


def take(connection: Connection, counter: str, count: int) -> int:
    """Take the next ``count`` numbers of a counter; return the first.

    The row stays locked to the end of the transaction, which is what makes writers take turns.
    """
    row = COUNTERS.c.name == counter
    connection.execute(sa.update(COUNTERS).where(row).values(value=COUNTERS.c.value + count))
    last = connection.execute(sa.select(COUNTERS.c.value).where(row)).scalar_one()
    return int(last) - count + 1


def integrity(catalog: Catalog) -> str:
    """Return ``ok``, or what the database finds wrong with its own file."""
    with catalog.read() as connection:
        if connection.dialect.name != "sqlite":
            return "ok"
        try:
            return str(connection.exec_driver_sql("PRAGMA quick_check").scalar_one())
        except DBAPIError as error:
            return str(error.orig)


def _configure(connection: Any, _record: object) -> None:  # noqa: ANN401
    # SQLAlchemy's own begin, not the driver's, starts transactions: see _begin.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {_WAIT_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once where another wrote in between;
    # a writer therefore asks for its turn when it begins.
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
