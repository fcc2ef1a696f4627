"""Record batches into a file, a batch at a time; a file that is not whole does not stay."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from percapita.core.tables import MONEY
from percapita.report.focus.columns import MAP, TIME

if TYPE_CHECKING:
    from percapita.report.focus.rows import Shape


def write(out: Path, ending: str, shape: Shape, batches: Iterable[Any]) -> None:
    """Write batches to ``.csv``, ``.csv.gz`` or ``.parquet``; the file appears when it is whole."""
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{out.name}.part")
    try:
        if ending == ".parquet":
            _parquet(draft, shape, batches)
        else:
            _csv(draft, shape, batches, compressed=ending == ".csv.gz")
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)


def _parquet(path: Path, shape: Shape, batches: Iterable[Any]) -> None:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    schema = pa.schema([(name, _type(kind)) for name, kind, _ in shape.columns])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch.cast(schema))


def _csv(path: Path, shape: Shape, batches: Iterable[Any], *, compressed: bool) -> None:
    import gzip  # noqa: PLC0415

    # The same rows are the same bytes: no time and no name in the head of the archive.
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) if compressed else file as stream,
    ):
        stream.write((",".join(shape.names) + "\n").encode())
        for batch in batches:
            stream.write(_bytes(batch.column(0)))


def _bytes(texts: Any) -> memoryview:  # noqa: ANN401
    """Return the texts of an Arrow column, run together, without a copy of each."""
    import pyarrow as pa  # noqa: PLC0415

    texts = texts.cast(pa.large_string())
    _, offsets, data = texts.buffers()
    if not len(texts):
        return memoryview(b"")
    ends = memoryview(offsets).cast("q")[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[ends[0] : ends[-1]]


def _type(kind: str) -> Any:  # noqa: ANN401
    import pyarrow as pa  # noqa: PLC0415

    if kind == MONEY:
        return pa.decimal128(36, 18)
    if kind == TIME:
        return pa.timestamp("us", tz="UTC")
    return pa.map_(pa.string(), pa.string()) if kind == MAP else pa.string()
