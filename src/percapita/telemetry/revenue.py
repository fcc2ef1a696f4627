"""Revenue: money from users, tenants or segments, for a period or a span of days."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from percapita.core import money
from percapita.core.tables import MONEY, REVENUE
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import dated, whom
from percapita.telemetry.batch import FLAW, Batch, Flaw, Table, first_flaw, flawed

_PARTS: Final = (*dated.SPAN, "amount", "price", "count", "currency", "kind", "subject_kind")
_STAGED: Final = {
    "row": "int64", "subject": "int64", "start": "timestamp", "end": "timestamp",
    "amount": MONEY, "currency": "string", "kind": "string",
}  # fmt: skip
_CURRENCY: Final = re.compile(r"[A-Za-z]{3}")
_BAD_CURRENCY: Final = ("not-a-currency", "is not a currency", "Write an ISO code such as EUR.")


def take(batch: Batch, tx: ImportTx) -> int:
    """Stage the revenue of a delivery; return how many rows were taken."""
    batch.engine.load("_revenue", _STAGED, [])
    for table in batch.tables:
        _stage(batch, table)
    relation = (
        'SELECT subject, start, "end", CAST(sum(amount) AS DECIMAL(36,18)) AS amount, currency,'
        " kind, strftime(start, '%Y-%m') AS period FROM _revenue GROUP BY ALL ORDER BY ALL"
    )
    tx.write_by_period(REVENUE, relation)
    return int(batch.engine.value("SELECT count(*) FROM _revenue"))


def sums(batch: Batch) -> Mapping[str, Mapping[str, str]]:
    """Return currency -> kind of revenue -> sum, as money text."""
    result: dict[str, dict[str, str]] = {}
    for currency, kind, amount in batch.engine.rows(
        "SELECT coalesce(currency, ''), kind, CAST(sum(amount) AS DECIMAL(36,18)) FROM _revenue"
        " GROUP BY ALL ORDER BY ALL"
    ):
        result.setdefault(currency, {})[kind] = str(money.text(amount))
    return result


def _stage(batch: Batch, table: Table) -> None:
    engine = batch.engine
    columns = table.reader.select(engine, table.layout.columns)
    text = dated.relation(table, _PARTS, columns)
    whom.learn(batch, whom.ids(batch, table, text))
    dated.spans(batch, text)
    priced = not table.layout.has("amount")
    cells = ["price", "count"] if priced else ["amount"]
    dated.numbers(batch, text, cells, dated.product if priced else dated.amount, MONEY)
    checks = {**dated.CHECKS, "currency": "currency IS NULL OR length(currency) = 3"}
    shown = "concat(coalesce(price, ''), chr(31), coalesce(\"count\", ''))" if priced else "amount"
    values = {
        "period": dated.TEXTS, "number": shown, "who": "subject_kind", "currency": "currency",
    }  # fmt: skip
    checked = f"SELECT *, {first_flaw(checks, values)} AS flaw FROM ({dated.joined(text, cells)})"
    engine.create(
        "_checked",
        'SELECT row, subject, first AS start, last AS "end", number AS amount,'
        " upper(currency) AS currency, lower(coalesce(kind, 'revenue')) AS kind, flaw"
        f" FROM ({checked})",
        {**_STAGED, "flaw": FLAW},
    )
    batch.refuse_broken(table)
    for flaw in flawed(engine, "FROM _checked"):
        _refuse(batch, table, flaw, priced=priced)
    engine.insert("_revenue", "SELECT * FROM _checked WHERE flaw IS NULL", _STAGED)


def _refuse(batch: Batch, table: Table, flaw: Flaw, *, priced: bool) -> None:
    row, part, value = flaw
    if part == "period":
        dated.refuse_span(batch, table, row, value or "")
    elif part == "number":
        texts = [text or None for text in (value or "").split("\x1f")]
        why = dated.product(*texts) if priced else dated.amount(texts[0])
        column = "price" if priced else "amount"
        assert isinstance(why, tuple)  # noqa: S101
        batch.refuse(table, row, column, " x ".join(text or "" for text in texts), why)
    elif part == "currency":
        batch.refuse(table, row, part, value, _BAD_CURRENCY)
    else:
        of = whom.shown(table.layout)
        batch.refuse(table, row, of, value, whom.why(of))
