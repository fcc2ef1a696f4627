"""Given head counts: how many units there were, where no user-level data says it."""

from __future__ import annotations

from typing import Final

from percapita.core.tables import COUNTS
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import dated, whom
from percapita.telemetry.batch import FLAW, Batch, Flaw, Table, first_flaw, flawed

_PARTS: Final = ("unit", *dated.SPAN, "count", "subject_kind")
_STAGED: Final = {
    "file": "int32", "row": "int64", "unit": "string", "subject": "int64", "start": "timestamp",
    "end": "timestamp", "count": "int64",
}  # fmt: skip
_TWICE: Final = (
    "counted-twice",
    "the same heads are counted in an earlier row",
    "Keep one of the two rows.",
)


def take(batch: Batch, tx: ImportTx) -> int:
    """Stage the head counts of a delivery; return how many rows were taken."""
    batch.engine.load("_counts", _STAGED, [])
    for at, table in enumerate(batch.tables):
        _stage(batch, table, at)
    _refuse_twice(batch)
    relation = (
        'SELECT unit, subject, start, "end", CAST(sum("count") AS BIGINT) AS "count",'
        " strftime(start, '%Y-%m') AS period FROM _counts GROUP BY ALL ORDER BY ALL"
    )
    tx.write_by_period(COUNTS, relation)
    return int(batch.engine.value("SELECT count(*) FROM _counts"))


def _stage(batch: Batch, table: Table, at: int) -> None:
    engine = batch.engine
    columns = table.reader.select(engine, table.layout.columns)
    text = dated.relation(table, _PARTS, columns)
    whom.learn(batch, whom.ids(batch, table, text))
    dated.spans(batch, text)
    dated.numbers(batch, text, ["count"], dated.count, "int64")
    values = {"period": dated.TEXTS, "number": '"count"', "who": "subject_kind"}
    joined = dated.joined(text, ["count"])
    checked = f"SELECT *, {first_flaw(dated.CHECKS, values)} AS flaw FROM ({joined})"
    engine.create(
        "_checked",
        f'SELECT {at} AS "file", row, unit, subject, first AS start, last AS "end",'
        f' number AS "count", flaw FROM ({checked})',
        {**_STAGED, "flaw": FLAW},
    )
    batch.refuse_broken(table)
    for flaw in flawed(engine, "FROM _checked"):
        _refuse(batch, table, flaw)
    engine.insert("_counts", "SELECT * FROM _checked WHERE flaw IS NULL", _STAGED)


def _refuse(batch: Batch, table: Table, flaw: Flaw) -> None:
    row, part, value = flaw
    if part == "period":
        dated.refuse_span(batch, table, row, value or "")
    elif part == "number":
        why = dated.count(value)
        batch.refuse(table, row, "count", value, why if isinstance(why, tuple) else dated.TOO_BIG)
    else:
        of = whom.shown(table.layout)
        batch.refuse(table, row, of, value, whom.why(of))


def _refuse_twice(batch: Batch) -> None:
    """Refuse what counts the same heads again, unless rows differ in columns nobody asked for."""
    finer = {at for at, table in enumerate(batch.tables) if table.layout.others}
    again = batch.engine.rows(
        'SELECT "file", row, "count" FROM (SELECT *, row_number() OVER (PARTITION BY unit, subject,'
        ' start, "end" ORDER BY "file", row) AS nth FROM _counts) WHERE nth > 1 ORDER BY ALL'
    )
    for at, row, count in again:
        table = batch.tables[at]
        if at in finer:
            name, others = table.file.name, ", ".join(table.layout.others)
            batch.note(f"{name}: rows that differ in {others} alone are summed.")
            continue
        batch.refuse(table, row, "count", str(count), _TWICE)
        batch.engine.execute(f'DELETE FROM _counts WHERE "file" = {at} AND row = {row}')
