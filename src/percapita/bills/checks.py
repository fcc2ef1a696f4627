"""What makes a row unfit to be a line, and how the user is told.

A row has the first problem of this page that fits. Rows with a problem are quarantined whole; all
others become lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from percapita.bills.cells import TERM, columns_of
from percapita.bills.columns import DATES
from percapita.bills.typed import AMOUNTS, Sheet
from percapita.store.delivery import Quarantined
from percapita.store.engine import Engine

CHECKED = "bill_checked"
"""A row per row of the delivery: ``file``, ``row``, ``problem`` (number of the check, null if there
is none), ``period`` and ``base`` (hash of the canonical columns; both null with a problem)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One reason to refuse a row."""

    code: str
    target: str
    """Our column that is looked at, empty for the row's shape."""
    condition: str
    """SQL over ``Sheet.typed``."""
    reason: str
    hint: str


_TOTAL = "(^|\\x1f)\\s*(grand\\s+|sub\\s*-?)?total"

_SHAPES = (
    ("torn", "torn-row", "A stray quote joins this row with the lines after it.",
     "Double the quotes inside cells, or quote the cell."),
    ("cut", "cut-off", "The file ends inside this row.", "Get the file again."),
    ("long", "too-many-cells", "The row has more cells than the header.",
     "Quote the cell that holds the delimiter."),
)  # fmt: skip


def checks(sheet: Sheet) -> list[Check]:
    """Return every reason to refuse a row of the sheet, in the order they are tried."""
    found = [
        Check(code, "", f"flaw = '{flaw}'", reason, hint) for flaw, code, reason, hint in _SHAPES
    ]
    found.append(_total_line(sheet))
    filled = [target for target in AMOUNTS if sheet.text(target)]
    for target in filled:
        readable = f"t_{target} IS NOT NULL AND {target} IS NULL"
        found.append(
            Check("not-a-number", target, readable, "This is not an amount.", _amount_hint(sheet))
        )
    empty = " AND ".join(f"t_{target} IS NULL" for target in filled) or "true"
    found.append(
        Check("no-amount", filled[0] if filled else "BilledCost", empty, "No cost is given.",
              "Fill one of the cost columns; a charge of nothing is 0.")
    )  # fmt: skip
    found.append(
        Check("no-currency", "BillingCurrency", "BillingCurrency IS NULL",
              "The amount has no currency.",
              "Fill the cell, or say it for all rows: values: {BillingCurrency: USD}.")
    )  # fmt: skip
    found += [_date(target) for target in DATES]
    found.append(
        Check("no-period", "ChargePeriodStart", "ChargePeriodStart IS NULL",
              "Neither a charge period nor a billing period is given.",
              "Fill the cell, or say it for all rows: values: {ChargePeriodStart: 2025-10}.")
    )  # fmt: skip
    return [*found, _order("ChargePeriod"), _order("BillingPeriod")]


def _total_line(sheet: Sheet) -> Check:
    cells = ", ".join(f"coalesce(c{n}, '')" for n in range(len(sheet.layout.names)))
    condition = (
        "t_ChargePeriodStart IS NULL AND t_BillingPeriodStart IS NULL"
        f" AND regexp_matches(concat_ws('\x1f', {cells}), '{_TOTAL}', 'i')"
    )
    return Check("total-line", "", condition, "This is a total, not a charge.", "Delete the line.")


def _amount_hint(sheet: Sheet) -> str:
    if sheet.comma:
        return "The file writes decimals after a comma; write 1234,56 or 1.234,56."
    if sheet.layout.delimiter == ";":
        return "Write 1234.56; 12,345 alone could be twelve or twelve thousand."
    return "Write 1234.56; 1,234.56, $1,234.56, (12.50) and 1.2E-06 are read too."


def _date(target: str) -> Check:
    condition = f"t_{target} IS NOT NULL AND d_ok_{target} IS NULL"
    return Check(
        "not-a-date", target, condition, "This is not a date.",
        "Write 2025-10-01 or 2025-10-01T00:00:00Z.",
    )  # fmt: skip


def _order(period: str) -> Check:
    return Check(
        "end-before-start", f"{period}End", f"{period}End <= {period}Start",
        "The period ends before it starts.", f"Ends are exclusive; look at {period}Start too.",
    )  # fmt: skip


def numbered(sheet: Sheet) -> str:
    """Return the SQL of a row's problem: the number of its check, null if it has none."""
    cases = " ".join(
        f"WHEN {check.condition} THEN {number}" for number, check in enumerate(checks(sheet))
    )
    return f"CASE {cases} END"


def quarantined(engine: Engine, sheet: Sheet, names: Sequence[str]) -> Iterator[Quarantined]:
    """Yield the sheet's refused rows in order of file and row.

    Args:
        engine: holds the table ``CHECKED``.
        sheet: whose rows.
        names: name of each file of the delivery.
    """
    listed = checks(sheet)
    targets = sorted({check.target for check in listed if check.target})
    values = ", ".join(f"s.t_{target}" for target in targets)
    whole = ", ".join(f"s.c{n}" for n in range(len(sheet.layout.names)))
    rows = engine.rows(
        f'SELECT k."file", k."row", k.problem, left(concat_ws(\',\', {whole}), 200), {values}'
        f' FROM ({sheet.cells}) s JOIN {CHECKED} k USING ("file", "row")'
        " WHERE k.problem IS NOT NULL ORDER BY ALL"
    )
    for file, row, problem, start, *texts in rows:
        check = listed[problem]
        value = dict(zip(targets, texts, strict=True)).get(check.target, start)
        filled = sheet.binding.columns.get(check.target)
        column = next(columns_of(filled), check.target)
        shown = (value or "").replace(TERM, " ")
        yield Quarantined(
            file=names[file], row=row, column=column, value=shown, code=check.code,
            reason=check.reason, hint=check.hint,
        )  # fmt: skip
