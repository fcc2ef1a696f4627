"""The catalog's tables: what is live, who is who, what was done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

from percapita.core.subjects import USER

SCHEMA = "4"
"""Version of these tables."""


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
PSEUDONYMS = _table(
    "pseudonyms",
    # What else a subject is known by: its hash made with a later key.
    sa.Column("hash", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, index=True),
    sa.Column("key_id", sa.String(16), nullable=False),
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
