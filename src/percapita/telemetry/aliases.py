"""Alias maps: which session, device or account is whose, valid from-to."""

from __future__ import annotations

from typing import Final

from percapita.core.subjects import SESSION, TENANT, USER
from percapita.core.tables import CLAIMS
from percapita.store.engine import literal
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import cells, whom
from percapita.telemetry.batch import Batch, Flaw, Table, cell, first_flaw, flawed

_STAGED: Final = {
    "subject": "int64", "of": "int64", "level": "string", "start": "timestamp", "end": "timestamp",
}  # fmt: skip
_KINDS: Final = {"alias_kind": (USER, SESSION, TENANT), "of_kind": (USER, TENANT)}


def take(batch: Batch, tx: ImportTx) -> int:
    """Stage the aliases of a delivery; return how many were taken."""
    batch.engine.load("_aliases", _STAGED, [])
    for table in batch.tables:
        _stage(batch, table)
    relation = "SELECT DISTINCT *, NULL AS seen FROM _aliases ORDER BY ALL"
    return tx.write(CLAIMS, relation)


def _stage(batch: Batch, table: Table) -> None:
    engine, layout = batch.engine, table.layout
    source = table.reader.select(engine, layout.columns)
    kinds = ", ".join(
        f"lower(coalesce({cell(layout, part)}, {literal(USER)})) AS {part}" for part in _KINDS
    )
    rest = ", ".join(f'{cell(layout, part)} AS "{part}"' for part in ("alias", "of", "from", "to"))
    text = f"SELECT row, {kinds}, {rest} FROM ({source})"
    named = (
        f"SELECT DISTINCT {_who('alias_kind', 'alias')} AS who FROM ({text}) WHERE"
        f" {_known('alias_kind')} UNION SELECT DISTINCT {_who('of_kind', 'of')} FROM ({text})"
        f" WHERE {_known('of_kind')}"
    )
    found = engine.rows(f"SELECT who FROM ({named}) WHERE who IS NOT NULL")
    whom.learn(batch, {who for (who,) in found})
    engine.execute(f"CREATE OR REPLACE TEMP TABLE _checked AS {_checked(text)}")
    batch.refuse_broken(table)
    for flaw in flawed(engine, "FROM _checked"):
        _refuse(batch, table, flaw)
    rows = 'SELECT subject, "of", level, start, "end" FROM _checked WHERE flaw IS NULL'
    engine.insert("_aliases", rows, _STAGED)


def _who(kind: str, name: str, of: str = "") -> str:
    """Return SQL of the text that names a subject, as ``whom`` reads it; null for nobody."""
    text = f'{of}"{name}"'
    return f"CASE WHEN {text} <> '' THEN concat({of}{kind}, chr(31), chr(31), {text}) END"


def _known(kind: str) -> str:
    return f"{kind} IN ({', '.join(map(literal, _KINDS[kind]))})"


def _checked(text: str) -> str:
    checks = {
        "alias_kind": _known("alias_kind"),
        "of_kind": _known("of_kind"),
        "alias": "subject IS NOT NULL",
        "of": '"of" IS NOT NULL',
        "same": 'subject <> "of"',
        "from": '"from" IS NULL OR start IS NOT NULL',
        "to": '"to" IS NULL OR "end" IS NOT NULL',
        "order": 'coalesce(start < "end", true)',
    }
    values = {part: f'"{part}"' for part in ("alias_kind", "of_kind", "alias", "from", "to")}
    values |= {"of": "whose", "same": "whose", "order": '"to"'}
    joined = (
        f'SELECT t.* EXCLUDE ("of"), t."of" AS whose, a.number AS subject, o.number AS "of",'
        f' o.level, {cells.instant("t.from")} AS start, {cells.instant("t.to")} AS "end"'
        f" FROM ({text}) AS t LEFT JOIN _who AS a ON a.who = {_who('alias_kind', 'alias', 't.')}"
        f" LEFT JOIN _who AS o ON o.who = {_who('of_kind', 'of', 't.')}"
    )
    return f"SELECT *, {first_flaw(checks, values)} AS flaw FROM ({joined})"


_WHY: Final = {
    "alias": ("no-subject", "the row names no alias", "Every row needs an id."),
    "of": ("no-subject", "the row does not say whose it is", "Every row needs an id."),
    "same": ("alias-of-itself", "is the alias itself", "Name the other id."),
    "order": ("ends-before-start", "does not lie after the start", "The end is exclusive."),
}


def _refuse(batch: Batch, table: Table, flaw: Flaw) -> None:
    row, part, value = flaw
    if part in _KINDS:
        words = f"Write {' or '.join(_KINDS[part])}."
        batch.refuse(table, row, part, value, ("unknown-kind", "is no kind of subject", words))
    elif part in _WHY:
        shown = {"same": "of", "order": "to"}.get(part, part)
        batch.refuse(table, row, shown, value, _WHY[part])
    else:
        batch.refuse(table, row, part, value, ("not-a-time", *cells.NOT_A_TIME))
