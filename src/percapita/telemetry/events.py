"""Files of events: CSV, JSON lines, a JSON list, Parquet, or a list in YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from percapita.model.yaml import Items, Keyed, Node, Text, parse
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry.files import File, UnreadableFileError, opened, records
from percapita.telemetry.happenings import Refused, event
from percapita.telemetry.intake import Intake, Way
from percapita.telemetry.readers import csv_header
from percapita.telemetry.timeline import IDENTITY, Event, keys, write

_SUFFIXES: Final = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".parquet": "parquet", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip
_NO_OBJECT: Final = ("broken-row", "it is not a JSON object", "Write one JSON object in the line.")
_RAGGED: Final = ("broken-row", "it has other cells than the header", "Put quotes around commas.")
_WORDS: Final = ("kind", "at")
"""Parts whose values name nobody."""


def take(intake: Intake, tx: ImportTx) -> int:
    """Stage the events of a delivery; return how many."""
    found: list[Event] = []
    for file in intake.files:
        for row, record in _records(file):
            if isinstance(record, tuple):
                intake.refuse(file, row, record)
                continue
            read = event(record, intake.source.columns, intake.source.values)
            if isinstance(read, Refused):
                _refuse(intake, file, row, read)
            else:
                found.append(read)
    if not found and not intake.quarantined:
        intake.note("The files hold no event.")
    mapped = {level: (key,) for level, key in intake.source.columns.items() if level in IDENTITY}
    return write(intake.store, tx, found, keys(mapped, intake.identity))


WAY: Final = Way("events", "events", take, _SUFFIXES)


def _refuse(intake: Intake, file: File, row: int, read: Refused) -> None:
    shown = read.value[:80] if read.part in _WORDS and "@" not in read.value else ""
    intake.refuse(file, row, read.why, intake.source.columns.get(read.part, read.part), shown)


Record = dict[str, Any] | tuple[str, str, str]


def _records(file: File) -> Iterator[tuple[int, Record]]:
    """Yield every record with its row, or why it is none."""
    if file.form == "yaml":
        return _yaml(file)
    if file.form == "jsonl":
        return _json(file)
    if file.form == "parquet":
        return _parquet(file)
    return _csv(file)


def _csv(file: File) -> Iterator[tuple[int, Record]]:
    head, row = csv_header(file), 0
    for line, cells in enumerate(records(file, head.delimiter), start=1):
        if line <= head.skip or not cells:
            continue
        row += 1
        whole = len(cells) == len(head.names)
        yield row, dict(zip(head.names, cells, strict=True)) if whole else _RAGGED


def _json(file: File) -> Iterator[tuple[int, Record]]:
    with opened(file) as stream:
        if stream.read(64).lstrip().startswith("["):
            stream.seek(0)
            for row, value in enumerate(_whole(file, stream.read()), start=1):
                yield row, value if isinstance(value, dict) else _NO_OBJECT
            return
        stream.seek(0)
        for row, line in enumerate(stream, start=1):
            if line.strip():
                yield row, _object(line)


def _whole(file: File, text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UnreadableFileError(
            file.name, f"{error}.", "Write a JSON list of objects."
        ) from error
    assert isinstance(found, list)  # noqa: S101
    return found


def _object(line: str) -> Record:
    try:
        value = json.loads(line)
    except ValueError:
        return _NO_OBJECT
    return value if isinstance(value, dict) else _NO_OBJECT


def _parquet(file: File) -> Iterator[tuple[int, Record]]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        rows = pq.read_table(file.path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(file.name, f"{error}.", "Fetch the file again.") from error
    yield from enumerate(rows, start=1)


def _yaml(file: File) -> Iterator[tuple[int, Record]]:
    text = file.path.read_text(encoding="utf-8-sig")
    root, problems = parse(text, file.name, start="- {at: 2025-10-03T14:05:00Z, name: deploy}")
    listed = root.get("events") if isinstance(root, Keyed) else root
    if problems or not isinstance(listed, Items):
        why = str(problems[0]) if problems else "it is no list of events."
        raise UnreadableFileError(file.name, why, "Write a list: - {at: …, kind: …, name: …}.")
    for row, node in enumerate(listed.items, start=1):
        value = _plain(node)
        yield row, value if isinstance(value, dict) else _NO_OBJECT


def _plain(node: Node) -> Any:  # noqa: ANN401
    if isinstance(node, Text):
        return node.value
    if isinstance(node, Items):
        return [_plain(item) for item in node.items]
    return {key.value: _plain(value) for key, value in node.pairs}
