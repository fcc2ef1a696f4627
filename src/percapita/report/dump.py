"""Stored rows as they are, streamed: anyone can recompute every figure from them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, Final

from percapita.core import money
from percapita.core.tables import LINES
from percapita.report.adjustments import ledger as closed_ledger
from percapita.report.export import row_writer
from percapita.report.opened import NoPeriodError, Opened
from percapita.store import Store
from percapita.store.engine import Engine
from percapita.store.read.run import RUN_TABLES, described, dump, line_dump, write_parquet
from percapita.store.runs.fingerprint import STATUS
from percapita.store.runs.lines import KEPT

_BATCH: Final = 5_000
WHOLE: Final = "DECIMAL(38,0)"
"""Type of totals of weights: whole numbers, printed as such."""


def bind_run(opened: Opened, months: Sequence[str], label: str) -> None:
    """Bind the tables of the runs that stand for these billing months.

    Raises:
        NoPeriodError: no run has rows of them, and nothing is booked in them.
    """
    chosen = {period: run for period, run in opened.runs.items() if period in months}
    steps = opened.store.closings.adjustments(opened.basis)
    if not chosen and not any(step.booked_in in months for step in steps):
        raise NoPeriodError(label, opened.runs)
    for table in RUN_TABLES:
        opened.store.bind(table, chosen=chosen)


def of_run(what: str, opened: Opened, pool: str, months: Sequence[str]) -> str:
    """Return the query of groups, weights or ledger over what is bound for these months."""
    rows = dump(what, basis=opened.basis, pool=pool, status=STATUS)
    return closed_ledger(opened, rows, months, pool) if what == "ledger" else rows


def of_lines(store: Store, months: Sequence[str], opened: Opened | None, pool: str) -> str:
    """Bind the live lines of these billing months and return the query over them.

    With ``opened`` they are the lines that its last run read; where it converted some, with what
    they were converted from.
    """
    store.bind(LINES, run=opened.last_run if opened else None, periods=list(months))
    there = {name for name, _ in described(store.engine, "SELECT * FROM lines")}
    kept = [name for name in KEPT if name in there]
    return line_dump(basis=opened.basis if opened else "", pool=pool, more=kept)


def write(engine: Engine, query: str, form: str, out: Path | None) -> None:
    """Write a query's rows in its order: one JSON array, CSV or Parquet, to a file or stdout."""
    if form == "parquet":
        _parquet(engine, query, out)
    elif out is not None:
        with out.open("w", encoding="utf-8", newline="") as stream:
            _text(engine, query, form, stream)
    else:
        try:
            _text(engine, query, form, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough; what is left in the buffer must not raise at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parquet(engine: Engine, query: str, out: Path | None) -> None:
    if out is not None:
        write_parquet(engine, query, out)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        write_parquet(engine, query, path)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _text(engine: Engine, query: str, form: str, stream: IO[str]) -> None:
    columns = described(engine, query)
    names = [name for name, _ in columns]
    whole = [kind == WHOLE for _, kind in columns]
    if form == "csv":
        write_row = row_writer(stream)
        write_row(names)
        for row in _rows(engine, query, whole):
            write_row([_cell(value) for value in row])
        return
    separator = "[\n"
    for row in _rows(engine, query, whole):
        record = dict(zip(names, row, strict=True))
        stream.write(separator + json.dumps(record, ensure_ascii=False))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def _rows(engine: Engine, query: str, whole: Sequence[bool]) -> Iterator[list[Any]]:
    for batch in engine.batches(query, size=_BATCH):
        for row in batch:
            yield [
                int(value) if is_whole and value is not None else _plain(value)
                for value, is_whole in zip(row, whole, strict=True)
            ]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else value
