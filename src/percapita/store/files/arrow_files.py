"""Files of readings written straight from Arrow: what is live is written often, and read soon."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from percapita.core.tables import Table
from percapita.store.engine import SchemaMismatchError, arrow_type

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


def write(table: Table, rows: pa.Table, path: Path, *, statistics: bool = False) -> int:
    """Write rows to a Parquet file with exactly the table's columns; return how many.

    ``statistics``: of every column, as the Delta log wants them.

    Writing through the engine costs four times as much. The file is durable when this returns.

    Raises:
        SchemaMismatchError: the rows are not of the declared types.
    """
    with Growing(table, path, statistics=statistics) as file:
        file.add(rows)
    return file.rows


class Growing:
    """A file of a table that rows are added to: a row group each time, durable at the end."""

    def __init__(self, table: Table, path: Path, *, statistics: bool = True) -> None:
        self._table = table
        self._path = path
        self._statistics = statistics
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def __enter__(self) -> Self:
        """Open the file."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        return self

    def add(self, rows: pa.Table) -> None:
        """Write rows.

        Raises:
            SchemaMismatchError: they are not of the declared types.
        """
        if self._writer is None:
            self._writer = self._begun(rows.schema)
        self._writer.write_table(rows)
        self.rows += rows.num_rows

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish the file; what failed is for the caller to remove."""
        with self._file:
            if self._writer is not None:
                self._writer.close()
            if kind is None:
                self._file.flush()
                os.fsync(self._file.fileno())

    def _begun(self, schema: pa.Schema) -> pq.ParquetWriter:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415

        def plain(kind: pa.DataType) -> pa.DataType:
            return kind.value_type if pa.types.is_dictionary(kind) else kind

        found = [f"{field.name} {plain(field.type)}" for field in schema]
        declared = [f"{column.name} {arrow_type(column.type)}" for column in self._table.columns]
        if found != declared:
            raise SchemaMismatchError(self._path, found, declared)
        texts = [field.name for field in schema if pa.types.is_dictionary(field.type)]
        return pq.ParquetWriter(
            self._file, schema, compression="zstd", compression_level=1, use_dictionary=texts,  # type: ignore[arg-type]
            write_statistics=self._statistics, store_schema=False,
        )  # fmt: skip
