"""The columns of a source, read without an engine: enough to tell what it holds."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from percapita.core.sources import Source
from percapita.telemetry.files import File, UnreadableFileError, form, found, opened, records
from percapita.telemetry.readers import csv_header

_LINES: Final = 1000
"""Lines of JSON that are looked at for keys."""


def header(source: Source, *, root: Path) -> tuple[str, ...]:
    """Return the columns of a source's first file, mapped ones under our names.

    Raises:
        InputError: there is no file, or it cannot be read.
    """
    file = found(source, root)[0]
    try:
        if file.form == "parquet":
            names = _parquet(file)
        else:
            names = _keys(file) if file.form == "jsonl" else csv_header(file).names
    except (OSError, EOFError) as error:
        raise UnreadableFileError(file.name, f"{error}.", "Fetch the file again.") from error
    ours = {theirs: name for name, theirs in source.columns.items()}
    return (*(ours.get(name, name) for name in names), *source.values)


def _parquet(file: File) -> tuple[str, ...]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        return tuple(pq.read_schema(file.path).names)
    except pa.ArrowException as error:
        raise UnreadableFileError(file.name, f"{error}.", "Fetch the file again.") from error


def _keys(file: File) -> tuple[str, ...]:
    keys: dict[str, None] = {}
    with opened(file) as stream:
        for line in itertools.islice(stream, _LINES):
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                keys |= dict.fromkeys(record)
    if not keys:
        why, hint = "it holds no JSON object.", "Write one JSON object a line."
        raise UnreadableFileError(file.name, why, hint)
    return tuple(keys)


def originals(
    path: Path, rows: Collection[int], *, lines: bool = False
) -> Iterator[tuple[int, str | list[str]]]:
    """Yield rows of a file as they stand there, by the numbers that messages give them.

    A row of CSV comes as its cells, one of JSON lines or Parquet as text. ``lines``: the file is a
    log, whatever it is called. Of events in YAML there are no rows to be shown.
    """
    file = File(path, path.name, "jsonl" if lines else form(path))
    if path.suffix.lower() in (".yaml", ".yml"):
        return
    if file.form == "csv":
        yield from _records(file, rows)
    elif file.form == "jsonl":
        with opened(file) as stream:
            numbered = enumerate(stream, start=1)
            yield from ((row, line.rstrip("\r\n")) for row, line in numbered if row in rows)
    else:
        import pyarrow.parquet as pq  # noqa: PLC0415

        table = pq.read_table(path).take([row - 1 for row in sorted(rows)])
        for row, record in zip(sorted(rows), table.to_pylist(), strict=True):
            yield row, json.dumps(record, default=str, ensure_ascii=False)


def _records(file: File, rows: Collection[int]) -> Iterator[tuple[int, list[str]]]:
    head, row = csv_header(file), 0
    for line, cells in enumerate(records(file, head.delimiter), start=1):
        if line > head.skip and cells:
            row += 1
            if row in rows:
                yield row, cells
