"""What makes a row unfit to be a line, and how the user is told.

A row has the first problem of this page that fits. Rows with a problem are quarantined whole; all
others become lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from percapita.bills.bound import AMOUNTS
from percapita.bills.cells import TERM
from percapita.bills.columns import DATES
from percapita.bills.typed import Sheet
from percapita.plugins import Each
from percapita.store.delivery import Quarantined
from percapita.store.engine import Engine

CHECKED = "bill_checked"
"""A row per row of the delivery that has a problem: ``file``, ``row`` and ``problem``: the number
of the check, -1 where it is another row made of the same row of the file that has one."""

_SCHEMA = {"file": "int32", "row": "int64", "problem": "int32"}


@dataclass(frozen=True, slots=True)
class Check:
    """One reason to refuse a row."""

    code: str
    target: str
    """Our column that is looked at, empty for the row's shape."""
    condition: str
    """SQL over ``Sheet.dated``."""
    reason: str
    hint: str
    column: str = ""
    """The file's, where it fills none of ours."""


_TOTAL = "(^|\\x1f)\\s*(grand\\s+|sub\\s*-?)?total"

_SHAPES = (
    ("torn", "torn-row", "A stray quote joins this row with the lines after it.",
     "Double the quotes inside cells, or quote the cell."),
    ("cut", "cut-off", "The file ends inside this row.", "Get the file again."),
    ("long", "too-many-cells", "The row has more cells than the header.",
     "Quote the cell that holds the delimiter."),
    ("json", "not-json", "This is not a JSON object.", "Write one object a line, or one array."),
)  # fmt: skip


_BROKEN = {"total-line", *(code for _, code, _, _ in _SHAPES)}


def checks(sheet: Sheet) -> list[Check]:
    """Return every reason to refuse a row of the sheet, in the order they are tried."""
    found = [
        Check(code, "", f"flaw = '{flaw}'", reason, hint) for flaw, code, reason, hint in _SHAPES
    ]
    if sheet.elements:
        found.append(_array(sheet.elements.each))
    if sheet.undated:
        found.append(_total_line(sheet))
    filled = [target for target in AMOUNTS if sheet.text(target)]
    for target in filled:
        readable = _unread(sheet, target, target)
        found.append(
            Check("not-a-number", target, readable, "This is not an amount.", _amount_hint(sheet))
        )
    empty = " AND ".join(map(sheet.blank, filled)) or "true"
    found.append(
        Check("no-amount", filled[0] if filled else "BilledCost", empty, "No cost is given.",
              "Fill one of the cost columns; a charge of nothing is 0.")
    )  # fmt: skip
    found.append(
        Check("no-currency", "BillingCurrency", "BillingCurrency IS NULL",
              "The amount has no currency.",
              "Fill the cell, or say it for all rows: values: {BillingCurrency: USD}.")
    )  # fmt: skip
    found += [_date(sheet, target) for target in DATES]
    found.append(
        Check("no-period", "ChargePeriodStart", "ChargePeriodStart IS NULL",
              "Neither a charge period nor a billing period is given.",
              "Fill the cell, or say it for all rows: values: {ChargePeriodStart: 2025-10}.")
    )  # fmt: skip
    return [*found, _order("ChargePeriod"), _order("BillingPeriod")]


def _array(each: Each) -> Check:
    return Check(
        "not-an-array", "", "flaw = 'array'", f"{each.column} is not a JSON array of objects.",
        'Write [{"name": "value"}], or nothing.', each.column,
    )  # fmt: skip


def _total_line(sheet: Sheet) -> Check:
    cells = ", ".join(f"coalesce(c{n}, '')" for n in range(len(sheet.layout.names)))
    condition = (
        f"{sheet.blank('ChargePeriodStart')} AND {sheet.blank('BillingPeriodStart')}"
        f" AND regexp_matches(concat_ws('\x1f', {cells}), '{_TOTAL}', 'i')"
    )
    return Check("total-line", "", condition, "This is a total, not a charge.", "Delete the line.")


def _amount_hint(sheet: Sheet) -> str:
    if sheet.comma:
        return "The file writes decimals after a comma; write 1234,56 or 1.234,56."
    if sheet.layout.delimiter == ";":
        return "Write 1234.56; 12,345 alone could be twelve or twelve thousand."
    return "Write 1234.56; 1,234.56, $1,234.56, (12.50) and 1.2E-06 are read too."


def _unread(sheet: Sheet, target: str, read: str) -> str:
    """Return the SQL of: the text of a target can't be read."""
    return f"t_{target} IS NOT NULL AND {read} IS NULL" if target in sheet.unread else "false"


def _date(sheet: Sheet, target: str) -> Check:
    condition = _unread(sheet, target, f"d_ok_{target}")
    return Check(
        "not-a-date", target, condition, "This is not a date.",
        "Write 2025-10-01 or 2025-10-01T00:00:00Z.",
    )  # fmt: skip


def _order(period: str) -> Check:
    return Check(
        "end-before-start", f"{period}End", f"{period}End <= {period}Start",
        "The period ends before it starts.", f"Ends are exclusive; look at {period}Start too.",
    )  # fmt: skip


def refuse(engine: Engine, sheets: Sequence[Sheet]) -> None:
    """Make the table ``CHECKED``, and tell each sheet whether any of its rows is in it."""
    engine.load(CHECKED, _SCHEMA, [])
    for sheet in sheets:
        sheet.flawed = bool(engine.insert(
            CHECKED,
            f'SELECT * FROM (SELECT "file", "row", {_problem(sheet)} AS problem'
            f" FROM ({sheet.dated})) WHERE problem IS NOT NULL",
            _SCHEMA,
        ))  # fmt: skip


def sound(sheet: Sheet, rows: str) -> str:
    """Return the SQL of those of a sheet's rows that have no problem."""
    if not sheet.flawed:
        return rows
    return f'SELECT * FROM ({rows}) ANTI JOIN {CHECKED} USING ("file", "row")'


def _problem(sheet: Sheet) -> str:
    """Return the SQL of a row's ``problem``, over ``Sheet.dated``."""
    cases = " ".join(
        f"WHEN {check.condition} THEN {number}" for number, check in enumerate(checks(sheet))
    )
    problem = f"CASE {cases} END"
    if not sheet.elements:
        return problem
    row = f'"file", {sheet.place(chr(34) + "row" + chr(34))}'
    # A row of the file is taken whole or not at all.
    return f"coalesce({problem}, if(count({problem}) OVER (PARTITION BY {row}) > 0, -1, NULL))"


def quarantined(engine: Engine, sheet: Sheet, names: Sequence[str]) -> Iterator[Quarantined]:
    """Yield the sheet's refused rows in order of file and row.

    Args:
        engine: holds the table ``CHECKED``.
        sheet: whose rows.
        names: name of each file of the delivery.
    """
    if not sheet.flawed:
        return
    listed = checks(sheet)
    targets = sorted({check.target for check in listed if check.target})
    values = ", ".join(f"s.t_{target}" for target in targets)
    whole = ", ".join(f"s.c{n}" for n in range(len(sheet.layout.names)))
    start = f"concat_ws(',', {whole})"
    if sheet.elements:
        start = f"if(s.flaw = 'array', s.{sheet.elements.column}, {start})"
    place = sheet.place('k."row"')
    rows = engine.rows(
        f'SELECT k."file", {place} AS place, {sheet.own}, k.problem,'
        f" left({start}, 200), {values}"
        f' FROM ({sheet.cells}) s JOIN {CHECKED} k USING ("file", "row") WHERE k.problem >= 0'
        f' QUALIFY row_number() OVER (PARTITION BY k."file", place ORDER BY k."row") = 1'
        ' ORDER BY k."file", place'
    )
    for file, row, own, problem, start, *texts in rows:
        check = listed[problem]
        value = dict(zip(targets, texts, strict=True)).get(check.target, start)
        shown = (value or "").replace(TERM, " ")
        if sheet.private and (check.code in _BROKEN or not any(map(str.isdigit, shown))):
            # Cells have shifted: any of them may hold an id.
            shown = ""
        column = check.column or sheet.column(check.target, own=own)
        yield Quarantined(
            file=names[file], row=row, column=column, value=shown,
            code=check.code, reason=check.reason, hint=check.hint,
        )  # fmt: skip
