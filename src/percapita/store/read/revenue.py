"""The fixed SQL of revenue: who paid, and what it is worth in the currency asked for.

The tables ``revenue segments`` are asked for under their own names. Days are local ones, the last
one of a span not included.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final, NamedTuple

from percapita.core.subjects import SEGMENT, TENANT
from percapita.core.tables import MONEY
from percapita.model.spec import Segment
from percapita.store.engine import Engine, literal
from percapita.store.read.units import Named


class Payment(NamedTuple):
    """Equal payments of payers that the question cannot tell apart."""

    receivers: tuple[Any, ...]
    start: date
    end: date
    amount: Decimal
    times: int
    day: date | None
    """The one day these receivers hold for; ``None``: the whole span."""


class Foreign(NamedTuple):
    """Payments alike in another currency than is asked for."""

    currency: str
    day: date
    """Last day of their time, or of its first month: its rate counts."""
    amount: Decimal
    times: int


def foreign(engine: Engine, currency: str, first: date, last: date) -> list[Foreign]:
    """Return the revenue in other currencies that touches some days; without one it is in none."""
    rows = engine.rows(
        f"SELECT currency, {_RATED_ON}, amount, count(*) FROM revenue WHERE currency <> ?"
        ' AND CAST(start AS DATE) < ? AND (CAST("end" AS DATE) > ? OR CAST(start AS DATE) >= ?)'
        " GROUP BY ALL ORDER BY ALL",
        [currency, last, first, first],
    )
    return [Foreign(*row) for row in rows]


_RATED_ON: Final = (
    'least(greatest(CAST("end" AS DATE) - 1, CAST(start AS DATE)), last_day(CAST(start AS DATE)))'
)


def earnings(
    engine: Engine, currency: str, products: Sequence[tuple[str, date, Decimal, Decimal]]
) -> None:
    """Make ``earnings``: revenue in one currency.

    Args:
        engine: where the table ``revenue`` is.
        currency: what it is asked in.
        products: currency, day, amount and what that is worth; other revenue is left out.
    """
    schema = {"currency": "string", "day": "date", "amount": MONEY, "product": MONEY}
    engine.load("revenue_products", schema, products)
    engine.view(
        "earnings",
        f'SELECT r.subject, r.start, r."end", coalesce(p.product, r.amount) AS amount'
        f" FROM revenue r LEFT JOIN revenue_products p ON p.currency = r.currency"
        f" AND p.day = {_RATED_ON} AND p.amount = r.amount WHERE p.product IS NOT NULL"
        f" OR coalesce(r.currency, {literal(currency)}) = {literal(currency)}",
    )


def touched(engine: Engine, first: date, last: date) -> bool:
    """Tell whether any of ``earnings`` touches some days."""
    rows = engine.rows(
        "SELECT 1 FROM earnings WHERE CAST(start AS DATE) < ?"
        ' AND (CAST("end" AS DATE) > ? OR CAST(start AS DATE) >= ?) LIMIT 1',
        [last, first, first],
    )
    return bool(rows)


class Asked(NamedTuple):
    """Which revenue is asked for, and what must be known of its payers."""

    first: date
    last: date
    receivers: tuple[tuple[str, str], ...]
    """As in ``Counting``, and dimensions, which no payer has."""
    segments: Sequence[Segment]
    """All of the model."""
    named: Sequence[Named]


def payments(engine: Engine, asked: Asked) -> list[Payment]:
    """Return the payments in ``earnings`` of spans that touch some days, by who paid.

    A payer whose attributes change within the span comes day by day, so that each day counts for
    what the payer was then.
    """
    names = [name for place, name in asked.receivers if place == "attribute"]
    columns = [_payer(place, name, names) for place, name in asked.receivers]
    shown = ", ".join([*columns, "p.start", 'p."end"', "p.amount", "count(*)", "p.day"])
    rows = engine.rows(
        f"WITH {_payer_facts(asked, names)}, {_paid(names)}"
        f" SELECT {shown} FROM known p LEFT JOIN others o ON o.subject = p.subject"
        " GROUP BY ALL ORDER BY ALL",
        [asked.last, asked.first, asked.first, asked.last],
    )
    return [Payment(row[:-5], *row[-5:]) for row in rows]


def _payer(place: str, name: str, names: Sequence[str]) -> str:
    if place == "attribute":
        return f"p.v{names.index(name)}"
    if place == "dimension":
        return "NULL"
    kind = f"coalesce(o.kind, CASE WHEN p.subject > 0 THEN 'user' END) = {literal(name)}"
    return f"CASE WHEN {kind} THEN p.subject END"


def _paid(names: Sequence[str]) -> str:
    """Return the CTEs from ``revenue`` to ``known``: payments with the payer's attributes.

    Parameters: last, first, first, last.
    """
    known = "".join(f", h{at}.value AS v{at}" for at in range(len(names)))
    joins = "".join(f" LEFT JOIN held{at} h{at} ON h{at}.id = p.id" for at in range(len(names)))
    steady = " AND ".join(f"coalesce(h{at}.steady, true)" for at in range(len(names))) or "true"
    on_day = "".join(f", max(f.value) FILTER (f.name = {literal(n)}) AS v{at}"
                     for at, n in enumerate(names))  # fmt: skip
    values = "".join(f", v{at}" for at in range(len(names)))
    return f"""
        payments AS (
            SELECT row_number() OVER () AS id, subject, CAST(start AS DATE) AS start,
                   greatest(CAST("end" AS DATE), CAST(start AS DATE) + 1) AS "end", amount
            FROM earnings
        ), paid AS (
            SELECT * FROM payments WHERE start < ? AND "end" > ?
        ), {"".join(_held(at, name) for at, name in enumerate(names))}
        joined AS (SELECT p.*{known}, {steady} AS steady FROM paid p{joins}),
        daily AS (
            SELECT id, subject, start, "end", amount,
                   CAST(unnest(generate_series(greatest(start, CAST(? AS DATE)),
                        least("end", CAST(? AS DATE)) - 1, INTERVAL 1 DAY)) AS DATE) AS day
            FROM joined WHERE NOT steady
        ), known AS (
            SELECT subject, start, "end", amount{values}, CAST(NULL AS DATE) AS day
            FROM joined WHERE steady
            UNION ALL BY NAME
            SELECT d.subject, d.start, d."end", d.amount{on_day}, d.day
            FROM daily d LEFT JOIN facts f
              ON f.subject = d.subject AND f.start <= d.day AND f."end" > d.day
            GROUP BY d.id, d.subject, d.start, d."end", d.amount, d.day
        )
    """


def _held(at: int, name: str) -> str:
    """Return the CTE of what each payer was in one attribute, and whether it stayed so."""
    return f"""held{at} AS (
        SELECT p.id, max(f.value) AS value,
               count(*) = 1 AND min(f.start) <= min(p.start) AND max(f."end") >= max(p."end")
               AS steady
        FROM paid p JOIN facts f ON f.subject = p.subject AND f.name = {literal(name)}
         AND f.start < p."end" AND f."end" > p.start
        GROUP BY p.id
    ), """


def _payer_facts(asked: Asked, names: Sequence[str]) -> str:
    """Return the CTEs ``others`` and ``facts``: what the sources say, as the model names it."""
    has_tenant = any(segment.name == TENANT for segment in asked.segments)
    needed = {*names, *([TENANT] if has_tenant else [])}
    told = [_told(segment) for segment in asked.segments if segment.name in needed]
    listed = ", ".join(literal(name) for name in sorted(needed)) or "''"
    own = f"""
        SELECT subject, split_part(label, '=', 1) AS name,
               substr(label, strpos(label, '=') + 1) AS value, {_EVER}
        FROM others WHERE kind = '{SEGMENT}' AND split_part(label, '=', 1) IN ({listed})
        UNION ALL
        SELECT subject, '{TENANT}', label, {_EVER}
        FROM others WHERE kind = '{TENANT}' AND '{TENANT}' IN ({listed})
    """
    return f"""
        others AS ({_others(asked.named)}),
        said AS ({" UNION ALL ".join([*told, own])}),
        facts AS (
            SELECT * FROM said
            UNION ALL
            SELECT m.subject, t.name, t.value, greatest(m.start, t.start), least(m."end", t."end")
            FROM said m
            JOIN others o ON o.kind = '{TENANT}' AND o.label = m.value
            JOIN said t ON t.subject = o.subject AND t.name <> '{TENANT}'
             AND t.start < m."end" AND t."end" > m.start
            WHERE m.name = '{TENANT}' AND m.subject <> o.subject
              AND NOT EXISTS (
                  SELECT 1 FROM said k WHERE k.subject = m.subject AND k.name = t.name
              )
        )
    """


_EVER: Final = "DATE '0001-01-01' AS start, DATE '9999-12-31' AS \"end\""


def _others(named: Sequence[Named]) -> str:
    rows = ", ".join(f"({n.subject}, {literal(n.kind)}, {literal(n.label)})" for n in named)
    columns = "CAST(subject AS BIGINT) AS subject, kind, label"
    if not rows:
        return "SELECT CAST(0 AS BIGINT) AS subject, '' AS kind, '' AS label WHERE false"
    return f"SELECT {columns} FROM (VALUES {rows}) AS t(subject, kind, label)"


def _told(segment: Segment) -> str:
    return f"""
        SELECT subject, {literal(segment.name)} AS name, {_value(segment)} AS value,
               coalesce(CAST(start AS DATE), DATE '0001-01-01') AS start,
               coalesce(CAST("end" AS DATE), DATE '9999-12-31') AS "end"
        FROM segments WHERE source = {literal(segment.source)}
         AND attribute = {literal(segment.column)} AND value <> ''
    """


_CUTS: Final = {"year": 4, "month": 7, "day": 10}


def _value(segment: Segment) -> str:
    """Return the value as the model cuts it: by date, or into bands."""
    if segment.bands:
        number = "TRY_CAST(value AS DECIMAL(38,9))"
        cases = [f"WHEN {number} >= {low} THEN {literal(name)}" for name, low in segment.bands]
        return f"CASE {' '.join(reversed(cases))} END"
    if segment.by in _CUTS:
        return f"left(value, {_CUTS[segment.by]})"
    if segment.by == "quarter":
        quarter = "CAST((CAST(substr(value, 6, 2) AS INTEGER) + 2) // 3 AS VARCHAR)"
        return f"left(value, 4) || '-Q' || {quarter}"
    if segment.by == "week":
        monday = "date_trunc('week', TRY_CAST(left(value, 10) AS DATE))"
        return f"strftime({monday}, '%Y-%m-%d')"
    return "value"
