"""One look at a PostgreSQL: its statements, sizes and connections at this moment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from percapita.core.errors import InputError

if TYPE_CHECKING:
    import pg8000.dbapi

COUNTERS: Final = (
    "db.queries", "db.time", "db.rows", "db.blocks.read", "db.blocks.hit", "db.blocks.written",
)  # fmt: skip
"""Meters of a statement, in the order of ``Statement.counts``."""
_TIMEOUT: Final = 30
_SECURE: Final = frozenset({"require", "verify-ca", "verify-full"})
_COMMENT: Final = re.compile(r"/\*(.*?)\*/", re.DOTALL)
_PAIR: Final = re.compile(r"([\w.%-]+)\s*=\s*'((?:[^'\\]|\\.)*)'")
_HIDDEN: Final = "<insufficient privilege>"

_STATEMENTS: Final = """\
SELECT s.userid::text || '-' || s.dbid::text || '-' || coalesce(s.queryid, 0)::text AS key,
       coalesce(d.datname, ''), coalesce(r.rolname, ''), s.query, s.calls,
       round(s.total_exec_time * 1000)::bigint, s.rows, s.shared_blks_read, s.shared_blks_hit,
       s.shared_blks_written + s.temp_blks_written
FROM pg_stat_statements s
LEFT JOIN pg_database d ON d.oid = s.dbid LEFT JOIN pg_roles r ON r.oid = s.userid"""
_SIZES: Final = """\
SELECT current_database(), n.nspname, r.rolname, sum(pg_total_relation_size(c.oid))::bigint
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
GROUP BY 1, 2, 3"""
_DATABASES: Final = """\
SELECT d.datname, '', r.rolname, pg_database_size(d.oid)
FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba
WHERE d.datallowconn AND NOT d.datistemplate AND d.datname <> current_database()
  AND has_database_privilege(d.oid, 'CONNECT')"""
_CONNECTIONS: Final = """\
SELECT coalesce(datname, ''), coalesce(usename, ''), count(*)
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1, 2"""
_INFO: Final = "SELECT dealloc, stats_reset::text FROM pg_stat_statements_info"


class PostgresError(InputError):
    """PostgreSQL cannot be asked."""

    def __init__(self, where: str, why: str, hint: str) -> None:
        super().__init__(f"PostgreSQL at {where} cannot be asked: {why}", hint=hint)


class Statement(NamedTuple):
    """A statement, and what it counted so far."""

    database: str
    role: str
    comment: tuple[tuple[str, str], ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What is there at one moment."""

    host: str
    reset: str
    """When all counters were last set to 0."""
    dealloc: int
    """How often statements were forgotten since."""
    statements: Mapping[str, Statement]
    sizes: tuple[tuple[str, str, str, int], ...]
    """Database, schema, owner, bytes."""
    connections: tuple[tuple[str, str, int], ...]
    """Database, role, how many."""
    notes: tuple[str, ...]

    def state(self) -> dict[str, Any]:
        """Return what the next look is compared with; no text of a statement is kept."""
        return {
            "reset": self.reset,
            "dealloc": self.dealloc,
            "statements": {key: list(one.counts) for key, one in self.statements.items()},
            "sizes": [list(row) for row in self.sizes],
            "connections": [list(row) for row in self.connections],
        }


def looked(dsn: str) -> Look:
    """Look once.

    Raises:
        PostgresError: it cannot be reached, or does not count statements.
    """
    url = urlsplit(dsn)
    where = f"{url.hostname or 'localhost'}:{url.port or 5432}"
    with _connected(url, where) as connection:
        cursor = connection.cursor()
        rows = _rows(cursor, _STATEMENTS, where)
        dealloc, reset = _rows(cursor, _INFO, where)[0]
        sizes = [*_rows(cursor, _SIZES, where), *_rows(cursor, _DATABASES, where)]
        connections = _rows(cursor, _CONNECTIONS, where)
    hidden = any(row[3] == _HIDDEN for row in rows)
    note = f"{where}: comments of other roles' statements are hidden; GRANT pg_read_all_stats."
    return Look(
        where, str(reset), int(dealloc), _statements(rows),
        tuple((d, s, o, int(size)) for d, s, o, size in sizes),
        tuple((d, role, int(count)) for d, role, count in connections),
        (note,) if hidden else (),
    )  # fmt: skip


def _statements(rows: list[tuple[Any, ...]]) -> dict[str, Statement]:
    """Return statements by key; those inside of functions count with those outside."""
    found: dict[str, Statement] = {}
    for key, database, role, query, *counts in rows:
        one = Statement(database, role, _comment(query or ""), tuple(map(int, counts)))
        if key in found:
            both = zip(found[key].counts, one.counts, strict=True)
            one = one._replace(counts=tuple(a + b for a, b in both))
        found[key] = one
    return found


def _comment(query: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs that a statement's comments hold, as sqlcommenter writes them."""
    return tuple(
        (unquote(key), unquote(value.replace("\\'", "'")))
        for comment in _COMMENT.findall(query)
        for key, value in _PAIR.findall(comment)
    )


@contextmanager
def _connected(url: SplitResult, where: str) -> Iterator[pg8000.dbapi.Connection]:
    try:
        import pg8000.dbapi  # noqa: PLC0415
    except ImportError as error:
        hint = "Install it: pip install 'percapita[postgres]'."
        raise PostgresError(where, "the driver pg8000 is not installed.", hint) from error
    secure = parse_qs(url.query).get("sslmode", ["prefer"])[0] in _SECURE
    try:
        connection = pg8000.dbapi.connect(
            unquote(url.username or "postgres"), url.hostname or "localhost",
            unquote(url.path.strip("/")) or "postgres", url.port or 5432,
            unquote(url.password or "") or None, timeout=_TIMEOUT,
            ssl_context=True if secure else None, application_name="percapita",
        )  # fmt: skip
    except (pg8000.dbapi.Error, OSError) as error:
        hint = "Check the connection string: postgresql://USER:PASSWORD@HOST:5432/DATABASE."
        raise PostgresError(where, _said(error), hint) from error
    try:
        yield connection
    finally:
        connection.close()


def _rows(cursor: Any, sql: str, where: str) -> list[tuple[Any, ...]]:  # noqa: ANN401
    import pg8000.dbapi  # noqa: PLC0415

    try:
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]
    except pg8000.dbapi.Error as error:
        hint = (
            "It takes PostgreSQL 14 or newer with pg_stat_statements in shared_preload_libraries,"
            " CREATE EXTENSION pg_stat_statements in this database, and GRANT pg_read_all_stats."
        )
        raise PostgresError(where, _said(error), hint) from error


def _said(error: Exception) -> str:
    """Return what the server says, without what the driver adds."""
    first = error.args[0] if error.args else str(error)
    text = str(first.get("M", first)) if isinstance(first, dict) else str(first)
    return text if text.endswith(".") else f"{text}."
