"""Rounding lines: what a file writes beyond the 18th digit, as one named line each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from percapita.bills.checks import sound
from percapita.bills.lines import SCHEMA, id_of
from percapita.bills.proof import Cell, Proof
from percapita.bills.typed import Sheet
from percapita.core import money
from percapita.core.periods import month_span
from percapita.core.tables import COSTS
from percapita.store.engine import Engine, literal

MARK: Final = "percapita"
"""Key in ``Extra`` of lines that stand in no file."""
ROUNDING: Final = "rounding"


def rows_of(
    engine: Engine, source: str, sheets: Sequence[Sheet], proof: Proof, names: Sequence[str]
) -> list[tuple[Any, ...]]:
    """Return a row of ``lines.SCHEMA`` per file, currency and basis that rounding changed.

    The line falls into the first billing period and account that has an amount with more digits, so
    that a later delivery of that period and account replaces it.
    """
    found = []
    for cell in sorted(proof.rounding):
        period, account, start, end = _place(engine, sheets, cell)
        if start is None or end is None:
            year, month = (int(part) for part in period.split("-"))
            span = month_span(year, month, ZoneInfo("UTC"))
            start, end = span.start, span.end
        found.append(_row(source, names[cell[0]], cell, proof.rounding[cell],
                          (period, account, start, end)))  # fmt: skip
    return found


def _place(
    engine: Engine, sheets: Sequence[Sheet], cell: Cell
) -> tuple[str, str | None, datetime | None, datetime | None]:
    file, currency, basis = cell
    sheet = next(sheet for sheet in sheets if file in sheet.layout.files)
    target = COSTS[basis]
    rows = engine.rows(
        "SELECT month, BillingAccountId, BillingPeriodStart, BillingPeriodEnd"
        f" FROM ({sound(sheet, sheet.typed)}) JOIN {sheet.numbers} n ON n.text = t_{target}"
        f' WHERE "file" = {file} AND BillingCurrency = {literal(currency)}'
        " AND n.tail IS NOT NULL ORDER BY ALL NULLS LAST LIMIT 1"
    )
    period, account, start, end = rows[0]
    return period, account, start, end


def _row(
    source: str,
    file: str,
    cell: Cell,
    amount: Decimal,
    place: tuple[str, str | None, datetime, datetime],
) -> tuple[Any, ...]:
    period, account, start, end = place
    _, currency, basis = cell
    said: dict[str, Any] = {
        "period": period,
        "LineId": id_of(source, ROUNDING, file, currency, basis, period, account or ""),
        "source": source,
        "file": file,
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "BillingAccountId": account,
        "BillingCurrency": currency,
        "ChargeCategory": "Adjustment",
        "ChargeDescription": f"Rounding: the digits beyond the {money.PLACES}th of all {basis}"
        " costs of the file, summed.",
        COSTS[basis]: amount,
        "Extra": [(MARK, ROUNDING)],
    }
    return tuple(said.get(column) for column in SCHEMA)
