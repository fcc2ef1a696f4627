"""Attributes of subjects over time: plan, tenant, sign-up, region, and who is a bot."""

from __future__ import annotations

from typing import Final

from percapita.core.subjects import ANONYMOUS, BOT
from percapita.core.tables import SEGMENTS
from percapita.store.engine import literal, quote
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import cells, whom
from percapita.telemetry.batch import Batch, Flaw, Table, cell, first_flaw, flawed

_STAGED: Final = {
    "row": "int64", "subject": "int64", "level": "string", "attribute": "string",
    "value": "string", "start": "timestamp", "end": "timestamp",
}  # fmt: skip
_FOR_EVER: Final = "TIMESTAMPTZ '9999-01-01'"
_KIND: Final = "kind"


def take(batch: Batch, tx: ImportTx) -> int:
    """Stage the attributes of a delivery; return how many were taken."""
    engine = batch.engine
    engine.load("_facts", {"file": "int32", **_STAGED}, [])
    for at, table in enumerate(batch.tables):
        _stage(batch, table, at)
    engine.create("_settled", _settled(), {**_STAGED, "cut": "bool"})
    _note(batch)
    _mark(batch)
    source = literal(batch.source.name)
    relation = (
        f'SELECT subject, level, {source} AS source, attribute, value, start, "end" FROM _settled'
        " WHERE value IS NOT NULL ORDER BY subject, attribute, start NULLS FIRST"
    )
    return tx.write(SEGMENTS, relation)


def _stage(batch: Batch, table: Table, at: int) -> None:
    engine, layout = batch.engine, table.layout
    attributes = {f"a{n}": name for n, name in enumerate(_attributes(table))}
    columns = {
        name: layout.attributes[a] for name, a in attributes.items() if a in layout.attributes
    }
    source = table.reader.select(engine, {**layout.columns, **columns})
    listed = ", ".join(
        f"{quote(name)}" if name in columns else f"{literal(layout.values[a])} AS {quote(name)}"
        for name, a in attributes.items()
    )
    comma = ", " if listed else ""
    text = (
        f'SELECT row, {cell(layout, "from")} AS "from", {cell(layout, "to")} AS "to",'
        f" {cell(layout, 'subject_kind')} AS subject_kind, {whom.who(layout)} AS who{comma}{listed}"
        f" FROM ({source})"
    )
    whom.learn(batch, whom.ids(batch, table, text))
    engine.execute(f"CREATE OR REPLACE TEMP TABLE _checked AS {_checked(text)}")
    batch.refuse_broken(table)
    for flaw in flawed(engine, "FROM _checked"):
        _refuse(batch, table, flaw)
    for name, attribute in attributes.items():
        engine.insert(
            "_facts",
            f'SELECT {at} AS "file", row, number AS subject, level,'
            f' {literal(attribute)} AS attribute, {quote(name)} AS value, start, "end"'
            " FROM _checked WHERE flaw IS NULL",
            {"file": "int32", **_STAGED},
        )


def _attributes(table: Table) -> list[str]:
    """Return the attributes of a file: its further columns, and fixed values that play no part."""
    parts = {"from", "to", "subject_kind", *(w.part for w in table.layout.whom)}
    fixed = [name for name in table.layout.values if name not in parts]
    return list(dict.fromkeys([*table.layout.attributes, *fixed]))


def _checked(text: str) -> str:
    checks = {
        "who": "number IS NOT NULL",
        "from": '"from" IS NULL OR start IS NOT NULL',
        "to": '"to" IS NULL OR "end" IS NOT NULL',
        "order": 'coalesce(start < "end", true)',
    }
    values = {"who": "subject_kind", "from": '"from"', "to": '"to"', "order": '"to"'}
    moments = f'{cells.instant("c.from")} AS start, {cells.instant("c.to")} AS "end"'
    joined = (
        f"SELECT c.*, {moments}, w.number, w.level FROM ({text}) AS c"
        " LEFT JOIN _who AS w ON w.who = c.who"
    )
    return f"SELECT *, {first_flaw(checks, values)} AS flaw FROM ({joined})"


def _refuse(batch: Batch, table: Table, flaw: Flaw) -> None:
    row, part, value = flaw
    if part == "who":
        of = whom.shown(table.layout) if value else table.layout.whom[0].part
        batch.refuse(table, row, of, value, whom.why(of))
    elif part == "order":
        why = ("ends-before-start", "does not lie after the start", "The end is exclusive.")
        batch.refuse(table, row, "to", value, why)
    else:
        batch.refuse(table, row, part, value, ("not-a-time", *cells.NOT_A_TIME))


def _settled() -> str:
    """Return SQL of intervals that do not overlap: the later start wins from its start.

    Of rows with the same start the last one of the delivery counts.
    """
    per = "PARTITION BY subject, attribute"
    last = f'row_number() OVER ({per}, start ORDER BY "file" DESC, row DESC)'
    following = f"lead(start) OVER ({per} ORDER BY start NULLS FIRST)"
    return (
        f'SELECT row, subject, level, attribute, value, start, least("end", following) AS "end",'
        ' coalesce("end" > following, false) AS cut'
        f" FROM (SELECT *, {following} AS following"
        f" FROM (SELECT *, {last} AS nth FROM _facts) WHERE nth = 1)"
    )


def _note(batch: Batch) -> None:
    cut = batch.engine.value("SELECT count(*) FROM _settled WHERE cut")
    if cut:
        batch.note(f"{cut} intervals reached into the next one and end where that one starts.")
    other = batch.engine.value(
        "SELECT count(*) FROM (SELECT subject FROM _facts GROUP BY subject, attribute, start"
        " HAVING count(DISTINCT coalesce(value, '')) > 1)"
    )
    if other:
        batch.note(
            f"{other} {'value was' if other == 1 else 'values were'} given twice for the same"
            " moment; the last row counts."
        )
    for table in batch.tables:
        if table.layout.private:
            left = ", ".join(table.layout.private)
            batch.note(
                f"{table.file.name}: {left} left out, as it tells who a person is;"
                " map the column to itself to keep it."
            )


def _mark(batch: Batch) -> None:
    """Let an attribute ``kind`` say who is a bot or anonymous, and who no longer is."""
    rows = batch.engine.rows(
        "SELECT DISTINCT subject, level, lower(value) FROM _settled"
        f" WHERE lower(attribute) = {literal(_KIND)} AND value IS NOT NULL"
    )
    special = {(number, kind) for number, _, kind in rows if kind in (BOT, ANONYMOUS)}
    levels = {number: level for number, level, _ in rows}
    marked = {number for number, _ in special}
    wanted = special | {(n, of) for n, of in levels.items() if n not in marked}
    for kind in sorted({kind for _, kind in wanted}):
        batch.store.door.set_kind([number for number, of in wanted if of == kind], kind)
