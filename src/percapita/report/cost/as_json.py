"""A cost statement for machines: the stable JSON, and flat rows for CSV and Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from percapita.attribute.sampling import CONFIDENCE
from percapita.core.money import quotient, text
from percapita.measure.figures import Figure
from percapita.measure.question import Dimension
from percapita.report.adjustments import status
from percapita.report.cost.answer import Answer, Spread
from percapita.report.numbers import instant

MONEY_COLUMNS: Final = (
    "direct",
    "shared",
    "overhead",
    "total",
    "cost_per_unit",
    "revenue",
    "revenue_per_unit",
    "margin",
    "margin_per_unit",
    "margin_percent",
)
"""Columns of a row that are amounts, quotients or percents, in their order."""
INTERVAL_COLUMNS: Final = ("low", "high", "enough")
"""Further columns where usage is sampled."""


def statement(answer: Answer, spread: Spread | None = None) -> dict[str, Any]:
    """Return the statement as JSON carries it."""
    figures = answer.figures
    result: dict[str, Any] = {
        "meta": meta(answer),
        "rows": [_row(answer, figure) for figure in figures.rows],
        "classes": {name: text(amount) for name, amount in figures.named.items()},
        "totals": {
            **_figure(figures.totals),
            "overlap": figures.overlap,
            "bill_total": text(figures.bill_total),
            "booked_total": text(answer.booked_total),
        },
        "adjustments": [one.json() for one in answer.booked],
    }
    if figures.benchmark is not None:
        band = figures.benchmark.band
        result["benchmark"] = {
            "scope": "infrastructure",
            "cost_per_unit": text(figures.benchmark.cost_per_unit),
            "low": text(band.low),
            "high": text(band.high),
            "warn": text(band.warn),
            "status": figures.benchmark.place,
        }
    if spread is not None:
        result["distribution"] = distribution(spread)
    return result


def meta(answer: Answer) -> dict[str, Any]:
    """Return what a statement says of itself."""
    opened, question = answer.opened, answer.question
    return {
        "basis": opened.basis,
        "currency": opened.model.currency,
        "period": opened.label(question.period),
        "scope": question.scope,
        "numerator": answer.figures.numerator,
        "unit": question.unit.name,
        "window": question.unit.window,
        "status": status(opened, question.period),
        "as_of": instant(opened.now),
        "complete_through": instant(answer.complete_through),
        "model": opened.model.hash,
        "run": answer.runs[0] if len(answer.runs) == 1 else list(answer.runs),
        "bill_total": text(answer.figures.bill_total),
        "missing": list(answer.missing),
        **({"sampled": list(answer.sure.sources)} if answer.sure.rows else {}),
        "notes": list(answer.notes),
    }


def shown(answer: Answer, at: Dimension, value: str | None) -> str | None:
    """Return a row's value as a reader knows it: subjects by label, or else by pseudonym."""
    return answer.names[value] if at.place == "subject" and value is not None else value


def keys(answer: Answer, figure: Figure) -> dict[str, str | None]:
    """Return the values of what the rows are cut by."""
    by = answer.question.by
    return {at.name: shown(answer, at, v) for at, v in zip(by, figure.key, strict=True)}


def _row(answer: Answer, figure: Figure) -> dict[str, Any]:
    row: dict[str, Any] = {**keys(answer, figure), **_figure(figure)}
    if figure.key in answer.sure.rows and not figure.others:
        row["interval"] = interval(answer, figure)
    if figure.coarser:
        row["not_known_below"] = figure.coarser
    if figure.others:
        row["other_rows"] = figure.others
    if figure.merged:
        row["merged"] = list(figure.merged)
    return row


def interval(answer: Answer, figure: Figure) -> dict[str, Any]:
    """Return between what and what a row lies, in all and per unit; null: not enough data."""
    found = answer.sure.rows[figure.key]
    low, high = (found.low, found.high) if found else (None, None)
    return {
        "confidence": CONFIDENCE,
        "enough": found is not None,
        "low": text(low),
        "high": text(high),
        "low_per_unit": text(quotient(low, figure.units)),
        "high_per_unit": text(quotient(high, figure.units)),
    }


def _figure(figure: Figure) -> dict[str, Any]:
    result: dict[str, Any] = {"units": figure.units}
    result |= {name: text(value) for name, value in money_of(figure).items()}
    if figure.verdict is not None:
        target, _, light, over = figure.verdict
        result["target"] = {
            "cost_per_unit": text(target.cost),
            "due": target.due or None,
            "status": light,
            "over_percent": text(over),
        }
    return result


def money_of(figure: Figure) -> Mapping[str, Decimal | None]:
    """Return the amounts of a row by column."""
    cost = figure.cost
    return {
        "direct": cost.direct,
        "shared": cost.shared,
        "overhead": cost.overhead,
        **{name: getattr(cost if name == "total" else figure, name) for name in MONEY_COLUMNS[3:]},
    }


def distribution(spread: Spread) -> dict[str, Any]:
    """Return how cost is spread over subjects."""
    found = spread.distribution
    return {
        "subject": spread.kind,
        "subjects": found.subjects,
        "total": text(found.total),
        "mean": text(found.mean),
        "usage_weighted_mean": text(found.usage_weighted_mean),
        "min": text(found.least),
        "max": text(found.most),
        "percentiles": {f"p{p}": text(amount) for p, amount in found.percentiles.items()},
        "gini": text(found.gini),
        "top_share_percent": {f"top_{p}": text(s) for p, s in found.top_shares.items()},
        "top": [
            {
                spread.kind: spread.names[str(item.subject)],
                "total": text(item.amount),
                "active_days": item.active,
            }
            for item in found.top
        ],
        "dormant": {"subjects": found.dormant, "total": text(found.dormant_cost)},
        "active_without_cost": found.active_without_cost,
    }


def _bounds(answer: Answer, figure: Figure) -> tuple[Decimal | None, Decimal | None, str | None]:
    if figure.others or figure.key not in answer.sure.rows:
        return None, None, None
    found = answer.sure.rows[figure.key]
    return (found.low, found.high, "yes") if found else (None, None, "not enough data")


def flat(answer: Answer) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows of one table: rows, named lines, and the bill total they sum to.

    The first column says what a row is: row, named line, or total. Amounts are ``Decimal``.
    """
    names = [at.name for at in answer.question.by]
    more = INTERVAL_COLUMNS if answer.sure.rows else ()
    header = ["line", *names, "units", *MONEY_COLUMNS, *more]
    rows: list[list[Any]] = [
        ["row", *keys(answer, figure).values(), figure.units, *money_of(figure).values(),
         *(_bounds(answer, figure) if more else ())]
        for figure in answer.figures.rows
    ]  # fmt: skip
    blank = [None] * len(names)
    figures = answer.figures
    at = len(names) + 2 + MONEY_COLUMNS.index("total")
    beside = [*figures.named.items(), ("bill_total", figures.bill_total)]
    if answer.booked:
        beside += [(f"booked for {one.step.period}", one.amount) for one in answer.booked]
        beside.append(("booked_total", answer.booked_total))
    for name, amount in beside:
        row: list[Any] = [name, *blank, None, *[None] * len(MONEY_COLUMNS), *[None] * len(more)]
        row[at] = amount
        rows.append(row)
    totals = ["allocated", *blank, figures.totals.units, *money_of(figures.totals).values(),
              *[None] * len(more)]  # fmt: skip
    rows.insert(len(figures.rows), totals)
    return header, rows
