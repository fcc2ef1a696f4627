"""DuckDB in process: the engine every command runs on by default."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import duckdb

from percapita.core.errors import PercapitaError
from percapita.core.tables import COSTS, LEDGER, OUTPUTS, Column, Table
from percapita.plugins import Schema

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

EngineError = duckdb.Error
"""What the engine raises where it cannot do what it is asked."""

TABLE: Final = "TABLE"
"""How a temporary table stands among the views; its rows may change."""
_PAIRS = "map<string,string>"
_TYPES = {
    "string": "VARCHAR",
    "int64": "BIGINT",
    "int32": "INTEGER",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
    _PAIRS: "MAP(VARCHAR, VARCHAR)",
}


_FEW = 50_000
"""Rows up to which a table is loaded as lists."""
_WRITTEN_BY_RUNS = ", PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1000"
"""Ids, weights and amounts are nearly all different: a dictionary of them is made in vain."""
_WRITTEN_BY_IMPORTS = ", DICTIONARY_SIZE_LIMIT 4000"
"""Values up to which a dictionary saves more than it costs."""
_HELD = 512 << 20
_HELD_A_THREAD = 256 << 20
"""Bytes that an engine needs that reads and writes wide files without ever waiting for memory."""


class SchemaMismatchError(PercapitaError):
    """A file does not have the columns its table declares."""

    def __init__(self, path: Path, found: list[str], declared: list[str]) -> None:
        super().__init__(f"{path.name} was written as {found}, declared is {declared}.")


def sql_type(name: str) -> str:
    """Return DuckDB's name of a type of ``core/tables``."""
    return _TYPES.get(name) or name.upper()


def quote(name: str) -> str:
    """Quote an identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Quote a text literal."""
    return "'" + value.replace("'", "''") + "'"


def one_of(values: Iterable[str]) -> str:
    """Return the type of a text that is one of these; they are in the order of the list."""
    return f"ENUM({', '.join(map(literal, values))})"


def compiled(relation: object) -> str:
    """Return a relation as DuckDB SQL; Ibis is imported only where an expression comes in."""
    if isinstance(relation, str):
        return relation
    # An expression is unhashable, its operation is not.
    return _compiled(relation.op())  # type: ignore[attr-defined]


@lru_cache(maxsize=1024)
def _compiled(operation: Any) -> str:  # noqa: ANN401
    """Compile once: the windows of a run ask the same again and again."""
    from ibis.backends.sql.compilers.duckdb import DuckDBCompiler  # noqa: PLC0415

    return str(DuckDBCompiler().to_sqlglot(operation.to_expr()).sql("duckdb"))


class Engine:
    """One connection, UTC, with exactly the threads and memory it was given."""

    def __init__(
        self, *, threads: int | None = None, memory: str = "", temp: Path | None = None
    ) -> None:
        config: dict[str, Any] = {"autoinstall_known_extensions": False}
        if threads:
            config["threads"] = threads
        if memory:
            config["memory_limit"] = memory
        if temp:
            # DuckDB makes the folder when it first needs it, but none above it.
            temp.parent.mkdir(parents=True, exist_ok=True)
            config["temp_directory"] = str(temp)
        self._connection = duckdb.connect(":memory:", config=config)
        self._expected: dict[str, tuple[str, ...]] = {"basis": tuple(COSTS)}
        # What is there: ``TABLE``, or the text of a view.
        self._made: dict[str, str] = {}
        self._beside: dict[str, Any] = {}
        self._connection.execute("SET TimeZone = 'UTC'")
        # Every order that matters is written as ORDER BY.
        self._connection.execute("SET preserve_insertion_order = false")
        # A run opens the same readings for every day: their footers are read once.
        self._connection.execute("SET parquet_metadata_cache = true")

    def close(self) -> None:
        """Give the memory back."""
        self._beside.clear()
        self._connection.close()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """Return what this engine has one of, made when it is first asked for.

        Whoever has tables of its own here leaves with it what it knows of them.
        """
        if name not in self._beside:
            self._beside[name] = make()
        found: T = self._beside[name]
        return found

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Hold as much memory as reading and writing wide files takes, however large they are.

        Otherwise the engine keeps what waits for its turn, up to most of the machine's memory.
        """
        threads, given, most = self.rows(
            "SELECT current_setting('threads'), current_setting('memory_limit') AS given,"
            " parse_formatted_bytes(given)"
        )[0]
        enough = min(most, _HELD + threads * _HELD_A_THREAD)
        self.execute(f"SET memory_limit = '{enough}B'")
        try:
            yield
        finally:
            self.execute(f"SET memory_limit = {literal(given)}")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement for its effect."""
        self._connection.execute(sql, list(parameters))

    def rows(self, relation: object, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a relation as Python values."""
        return self._connection.execute(compiled(relation), list(parameters)).fetchall()

    def batches(self, relation: object, *, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a relation, ``size`` at a time."""
        cursor = self._connection.execute(compiled(relation))
        while rows := cursor.fetchmany(size):
            yield rows

    def records(self, relation: object, parameters: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a relation, each as column to value."""
        cursor = self._connection.execute(compiled(relation), list(parameters))
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def arrow(self, relation: object, *, size: int) -> Iterator[Any]:
        """Yield the rows of a relation as Arrow record batches of ``size`` rows."""
        yield from self._connection.sql(compiled(relation)).to_arrow_reader(size)

    def texts(self, relation: object) -> Iterator[bytes]:
        """Yield the texts of a relation of one text column, run together, a block at a time."""
        import pyarrow as pa  # noqa: PLC0415

        reader = self._connection.sql(compiled(relation)).to_arrow_reader()
        for batch in reader:
            texts = batch.column(0).cast(pa.large_string())
            _, offsets, data = texts.buffers()
            ends = memoryview(offsets).cast("q")[texts.offset : texts.offset + len(texts) + 1]
            if len(texts):
                yield memoryview(data)[ends[0] : ends[-1]].tobytes()

    def value(self, relation: object, parameters: Sequence[Any] = ()) -> Any:  # noqa: ANN401
        """Return the one value of a relation of one row and column."""
        return self.rows(relation, parameters)[0][0]

    def create(self, name: str, relation: object, schema: Schema, *, ordered: bool = False) -> int:
        """Make or replace a temporary table of exactly this schema; return its rows.

        ``ordered``: its rows are kept in the order of the relation.
        """
        columns = ", ".join(
            f"CAST({quote(c)} AS {sql_type(t)}) AS {quote(c)}" for c, t in schema.items()
        )
        made = f"CREATE TEMP TABLE {quote(name)} AS SELECT {columns} FROM ({compiled(relation)})"
        self.drop(name)
        with self._in_order() if ordered else nullcontext():
            rows = int(self.rows(made)[0][0])
        self._made[name] = TABLE
        return rows

    @contextmanager
    def _in_order(self) -> Iterator[None]:
        self._connection.execute("SET preserve_insertion_order = true")
        try:
            yield
        finally:
            self._connection.execute("SET preserve_insertion_order = false")

    def insert(self, name: str, relation: object, schema: Schema) -> int:
        """Append to a temporary table; columns are taken by name."""
        columns = ", ".join(quote(c) for c in schema)
        result = self.rows(
            f"INSERT INTO {quote(name)} ({columns}) SELECT {columns} FROM ({compiled(relation)})"
        )
        return int(result[0][0])

    def load(self, name: str, schema: Schema, rows: Iterable[Sequence[Any]]) -> int:
        """Make or replace a temporary table of these Python rows; return their number."""
        rows = list(rows)
        if len(rows) <= _FEW:
            return self._load_few(name, schema, rows)
        import pyarrow as pa  # noqa: PLC0415

        columns = list(zip(*rows, strict=True)) or [()] * len(schema)
        arrays = {
            column: pa.array(values, type=arrow_type(kind))
            for (column, kind), values in zip(schema.items(), columns, strict=True)
        }
        return self.load_arrow(name, schema, pa.table(arrays))

    def _load_few(self, name: str, schema: Schema, rows: Sequence[Sequence[Any]]) -> int:
        """Load rows as lists, a column each: Arrow would import pandas, if only to ask."""
        lists = zip(*rows, strict=True) if rows else ([] for _ in schema)
        told: list[str] = []
        plain: list[list[Any]] = []
        for kind, column in zip(schema.values(), lists, strict=True):
            if kind == _PAIRS:
                told.append("map(unnest(CAST(? AS VARCHAR[][])), unnest(CAST(? AS VARCHAR[][])))")
                pairs = [None if v is None else dict(v) for v in column]
                plain.append([None if v is None else [*v] for v in pairs])
                plain.append([None if v is None else [*v.values()] for v in pairs])
            else:
                told.append(f"unnest(CAST(? AS {sql_type(kind)}[]))")
                plain.append([f"{v:f}" if isinstance(v, Decimal) else v for v in column])
        self.create(
            name, f"SELECT {', '.join(f'NULL AS {quote(c)}' for c in schema)} LIMIT 0", schema
        )
        self._connection.execute(f"INSERT INTO {quote(name)} SELECT {', '.join(told)}", plain)
        return len(rows)

    def load_arrow(self, name: str, schema: Schema, table: pa.Table) -> int:
        """Make or replace a temporary table of an Arrow table; return its rows."""
        self._connection.register("_loading", table)
        try:
            return self.create(name, "SELECT * FROM _loading", schema)
        finally:
            self._connection.unregister("_loading")

    def view(self, name: str, relation: object) -> None:
        """Make or replace a temporary view; one that is there already is left alone."""
        sql = compiled(relation)
        if self._made.get(name) == sql:
            return
        self.drop(name)
        self.execute(f"CREATE TEMP VIEW {quote(name)} AS {sql}")
        self._made[name] = sql

    def made(self, name: str) -> str:
        """Return what a temporary view is made of; ``TABLE`` for whatever is none."""
        return self._made.get(name, TABLE)

    def drop(self, name: str) -> None:
        """Forget a temporary table or view, if it is there."""
        made = self._made.pop(name, None)
        if made is not None:
            self.execute(f"DROP {'TABLE' if made == TABLE else 'VIEW'} temp.main.{quote(name)}")
            return
        try:
            self.execute(f"DROP TABLE IF EXISTS temp.main.{quote(name)}")
        except duckdb.CatalogException:
            self.execute(f"DROP VIEW temp.main.{quote(name)}")

    def rename(self, name: str, to: str) -> None:
        """Put a temporary table in the place of another; views of that one are of this one then."""
        self.drop(to)
        self.execute(f"ALTER TABLE temp.main.{quote(name)} RENAME TO {quote(to)}")
        self._made[to] = self._made.pop(name)

    def copy(
        self,
        table: Table,
        relation: object,
        path: Path,
        *,
        row_group: int = 16_384,
        more: Sequence[str] = (),
        listed: Mapping[str, Collection[str]] | None = None,
    ) -> int:
        """Write a relation to a Parquet file with exactly the table's columns; return its rows.

        ``more`` are further columns, texts, that the file gets behind those; ``listed`` says of a
        column every text that it can have, as ``expect`` does for all files.

        Types are cast before writing: a HUGEINT would reach the file as a double, in silence. The
        file is complete and durable when this returns.

        Raises:
            SchemaMismatchError: the file's schema is not the declared one.
        """
        columns = ", ".join(
            f"CAST({quote(c.name)} AS {self._written_type(c, listed or {})}) AS {quote(c.name)}"
            for c in (*table.columns, *_texts(more))
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        written = self.rows(
            f"COPY (SELECT {columns} FROM ({compiled(relation)})) TO {literal(str(path))}"
            f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {row_group}"
            f"{_WRITTEN_BY_RUNS if table in OUTPUTS else _WRITTEN_BY_IMPORTS}"
            f"{', PRESERVE_ORDER true' if table == LEDGER else ''})"
        )
        with path.open("rb") as file:
            os.fsync(file.fileno())
        self._check([*table.columns, *_texts(more)], path)
        return int(written[0][0])

    def expect(self, column: str, values: Collection[str]) -> None:
        """Say every text that a column of the files written from now on can have.

        As one of a list, a text that stands in every row needs no dictionary made while writing.
        Files hold it as text all the same.
        """
        self._expected[column] = tuple(values)

    def _written_type(self, column: Column, listed: Mapping[str, Collection[str]]) -> str:
        """Return the type that a column is cast to on its way into a file."""
        values = listed.get(column.name) or self._expected.get(column.name, ())
        return one_of(values) if values else sql_type(column.type)

    def _check(self, columns: Sequence[Column], path: Path) -> None:
        described = self.rows(f"DESCRIBE SELECT * FROM {parquet([path])}")
        found = [f"{row[0]} {_normal(row[1])}" for row in described]
        declared = [f"{c.name} {_normal(sql_type(c.type))}" for c in columns]
        if found != declared:
            raise SchemaMismatchError(path, found, declared)


def _texts(names: Sequence[str]) -> list[Column]:
    return [Column(name, "string", "") for name in names]


def parquet(paths: Sequence[Path]) -> str:
    """Return a table function over exactly these Parquet files."""
    listed = ", ".join(literal(str(path)) for path in paths)
    return f"read_parquet([{listed}], hive_partitioning = false)"


def _normal(kind: str) -> str:
    return kind.replace(" ", "").replace("TIMESTAMPWITHTIMEZONE", "TIMESTAMPTZ")


def arrow_type(kind: str) -> Any:  # noqa: ANN401
    """Return Arrow's type of a type of ``core/tables``."""
    import pyarrow as pa  # noqa: PLC0415

    simple: Mapping[str, Any] = {
        "string": pa.string(),
        "int64": pa.int64(),
        "int32": pa.int32(),
        "double": pa.float64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
        "date": pa.date32(),
        _PAIRS: pa.map_(pa.string(), pa.string()),
    }
    if kind in simple:
        return simple[kind]
    precision, scale = kind.removeprefix("decimal(").removesuffix(")").split(",")
    return pa.decimal128(int(precision), int(scale))


def decimal_literal(value: Decimal) -> str:
    """Write an amount as a money literal."""
    return f"CAST('{value:f}' AS DECIMAL(36,18))"
