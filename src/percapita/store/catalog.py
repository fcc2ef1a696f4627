"""The catalog: what is live, who is who, what was done. SQLite by default, PostgreSQL by URL.

The catalog is the authority. A file, import or run exists for percapita from the moment the
catalog's transaction names it; the Delta logs beside the files follow (see ``delta.py``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, ProgrammingError

from percapita.core.errors import PercapitaError
from percapita.core.subjects import USER
from percapita.store import address
from percapita.store.place import CATALOG

SCHEMA = "4"
"""Version of the tables below."""

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


class Instant(sa.TypeDecorator[datetime]):
    """An instant as ISO text in UTC: sorts as time does, and every database gives it back whole."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Write the instant in UTC."""
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002
        """Read it back, aware."""
        return None if value is None else datetime.fromisoformat(str(value))


METADATA = sa.MetaData()
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _table(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, METADATA, *columns)


ABOUT = _table(
    "about",
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
COUNTERS = _table(
    "counters",
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)
IMPORTS = _table(
    "imports",
    sa.Column("id", sa.String(32), primary_key=True),
    # Order in which imports became live; null until then.
    sa.Column("seq", sa.BigInteger, unique=True),
    sa.Column("source", sa.Text, nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("content", sa.String(64), nullable=False, index=True),
    sa.Column("settings", sa.String(64), nullable=False),
    # open, live, past (all replaced), failed, collected (files removed)
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("begun_at", Instant, nullable=False),
    sa.Column("committed_at", Instant),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("quarantined", sa.BigInteger, nullable=False),
    sa.Column("sums", sa.JSON, nullable=False),
    sa.Column("notes", sa.JSON, nullable=False),
)
DELIVERED = _table(
    "delivered",
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)
CONTENTS = _table(
    "contents",
    # Where the lines of a delivered file of a bill fell; empty places: it holds none.
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("path", sa.Text, primary_key=True),
    sa.Column("period", sa.String(16), primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
)
READ_AS = _table(
    "read_as",
    # How dates and amounts of a layout were read, where one file alone may not tell.
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("layout", sa.String(64), primary_key=True),
    sa.Column("dates", sa.String(16), nullable=False),
    sa.Column("amounts", sa.String(16), nullable=False),
)
METERS = _table(
    "meters",
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("meter", sa.Text, primary_key=True),
    # Base unit that its quantities are whole numbers of; empty for a plain count.
    sa.Column("base", sa.String(64), nullable=False),
)
SCOPES = _table(
    "scopes",
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("table_name", sa.String(32), primary_key=True),
    # Empty where the table knows no period, or no billing account.
    sa.Column("period", sa.String(16), primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    # Order number of the import that replaced these rows; null while they are live.
    sa.Column("superseded", sa.BigInteger),
)
FILES = _table(
    "files",
    sa.Column("path", sa.Text, primary_key=True),  # below the store's folder tables/
    sa.Column("table_name", sa.String(32), nullable=False),
    sa.Column("period", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(32), nullable=False),  # id of the import or run
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("extra", sa.JSON, nullable=False),  # keys of Extra that are columns in it
    sa.Column("removed_at", Instant),
    sa.Index("files_by_owner", "owner", "table_name"),
    sa.Index("files_by_table", "table_name", "period"),
)
QUARANTINE = _table(
    "quarantine",
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("file", sa.Text, nullable=False),
    sa.Column("row", sa.BigInteger, nullable=False),
    sa.Column("column", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("code", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("superseded", sa.BigInteger),
)
RUNS = _table(
    "runs",
    sa.Column("id", sa.String(32), primary_key=True),
    # open, committed, failed, collected (files removed)
    sa.Column("state", sa.String(16), nullable=False),
    # The inputs are those that were live after the import of this order number.
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("model_text", sa.Text, nullable=False),
    sa.Column("model_hash", sa.String(64), nullable=False),
    sa.Column("bases", sa.JSON, nullable=False),
    sa.Column("begun_at", Instant, nullable=False),
    sa.Column("committed_at", Instant),
    sa.Column("periods", sa.JSON, nullable=False),
    sa.Column("stats", sa.JSON, nullable=False),
    sa.Column("ledger_hash", sa.String(64)),
    sa.Column("reason", sa.Text, nullable=False),
)
RUN_IMPORTS = _table(
    "run_imports",
    sa.Column("run_id", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
)
PUBLISHED = _table(
    "published",
    sa.Column("basis", sa.String(16), primary_key=True),
    sa.Column("period", sa.String(16), primary_key=True),
    sa.Column("run_id", sa.ForeignKey("runs.id"), nullable=False),
    sa.Column("at", Instant, nullable=False),
)
SUBJECTS = _table(
    "subjects",
    sa.Column("number", _SERIAL, primary_key=True, autoincrement=False),
    # The kind it is taken for: as it was named, unless a live import marks it.
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("named", sa.String(16), nullable=False),
    sa.Column("key_id", sa.String(16)),
    sa.Column("hash", sa.String(32), unique=True),
    sa.Column("label", sa.Text),
    sa.Column("alias_of", sa.BigInteger),
    sa.Column("erased_at", Instant),
)
# As text, because SQLAlchemy would load PostgreSQL's dialect to know its partial indexes.
sa.event.listen(
    SUBJECTS,
    "after_create",
    sa.DDL(  # type: ignore[no-untyped-call]
        f"CREATE INDEX subjects_not_user ON subjects (kind) WHERE kind <> '{USER}'"
    ),
)
MARKS = _table(
    "marks",
    # An import says that a subject is a bot, or nobody in particular.
    sa.Column("import_id", sa.ForeignKey("imports.id"), primary_key=True),
    sa.Column("number", sa.ForeignKey("subjects.number"), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Index("marks_by_number", "number"),
)
AUDIT = _table(
    "audit",
    sa.Column("id", _SERIAL, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("what", sa.String(32), nullable=False),
    sa.Column("ref", sa.Text, nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
)
REGISTERED = _table(
    "registered",
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("settings", sa.JSON, nullable=False),
)
STEPS = _table(
    "steps",
    sa.Column("id", _SERIAL, primary_key=True),
    # What a committed transaction still owes to the Delta logs: add or remove, of an owner.
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("owner", sa.String(32), nullable=False),
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
        with self.read() as connection:
            known = address.is_known(connection, ABOUT, root)
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
