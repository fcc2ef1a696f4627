"""The proof of an import: what the file writes is what the lines hold, to the last digit.

Per file, currency and basis the exact sum of the text of all rows equals the sum of the lines, plus
what rounding to 18 digits took from them, plus the rows in quarantine. The text is summed here
without looking at the lines, the lines without looking at the text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from percapita.bills.checks import CHECKED, sound
from percapita.bills.files.reading import NUMBER
from percapita.bills.lines import Written
from percapita.bills.typed import Sheet
from percapita.core import money
from percapita.core.errors import ProofError
from percapita.core.tables import COSTS
from percapita.store.engine import Engine, literal

Cell = tuple[int, str, str]
"""File number, currency (empty where the row has none), basis."""
Sums = dict[Cell, Decimal]

_EXACT: Final = Context(prec=400, rounding=ROUND_HALF_EVEN)


class UnequalError(ProofError):
    """Lines do not hold what the file writes."""

    def __init__(self, file: str, cell: Cell, written: Decimal, held: Decimal) -> None:
        super().__init__(
            f"{file}: the {cell[2]} cost of all rows is {written:f} {cell[1]}, but lines and"
            f" quarantine hold {held:f}. Nothing was taken in.",
            hint="This is a defect of percapita; please report it.",
        )


@dataclass(frozen=True, slots=True)
class Proof:
    """The figures of a proven delivery."""

    lines: Mapping[Cell, Decimal]
    """Sums of the lines, rounding lines left out."""
    quarantined: Mapping[Cell, Decimal]
    """Exact sums of what is readable in rows with a problem."""
    rounding: Mapping[Cell, Decimal]
    """What the rounding lines must hold; cells of nothing are left out."""


def prove(
    engine: Engine, sheets: Iterable[Sheet], files: Sequence[Written], names: Sequence[str]
) -> Proof:
    """Compare the text of all sheets with the lines as they stand in their files.

    Args:
        engine: holds the tables that the lines are made of.
        sheets: of the delivery.
        files: all lines, rounding lines left out.
        names: of the files that were delivered.

    Raises:
        UnequalError: they differ.
    """
    text: Sums = {}
    refused: Sums = {}
    tails: Sums = {}
    for sheet in sheets:
        _merge(text, _text_sums(engine, sheet))
        _merge(refused, _refused_sums(engine, sheet))
        _merge(tails, _tail_sums(engine, sheet))
    held = _line_sums(engine, files, names)
    rounding: Sums = {}
    for cell in text.keys() | held.keys() | refused.keys():
        written = text.get(cell, money.ZERO)
        stored = held.get(cell, money.ZERO)
        kept = _EXACT.add(stored, tails.get(cell, money.ZERO))
        total = _EXACT.add(kept, refused.get(cell, money.ZERO))
        if total != written:
            raise UnequalError(names[cell[0]], cell, written, total)
        difference = _EXACT.subtract(money.stored(kept), stored)
        if difference:
            rounding[cell] = difference
    return Proof(held, refused, rounding)


def _merge(into: Sums, more: Mapping[Cell, Decimal]) -> None:
    for cell, amount in more.items():
        into[cell] = _EXACT.add(into.get(cell, money.ZERO), amount)


def _text_sums(engine: Engine, sheet: Sheet) -> Sums:
    """Return the exact sums of all rows' text: plain amounts by the engine, the rest in Python."""
    sums = _element_sums(sheet)
    plain = f"regexp_full_match(t, {literal(sheet.plain)})"
    _merge(sums, _plain_sums(engine, sheet))
    for basis, target in COSTS.items():
        if target in sheet.odd and (rows := _own_rows(sheet, target)):
            odd = (
                'SELECT "file", currency, t, count(*)'
                f" FROM ({rows}) WHERE t IS NOT NULL AND NOT {plain} GROUP BY ALL"
            )
            _merge(sums, _counted(sheet, basis, engine.rows(odd)))
    return sums


def _plain_sums(engine: Engine, sheet: Sheet) -> Sums:
    """Return the sums of the amounts that are written plainly, of all bases in one pass."""
    texts = {basis: text for basis, target in COSTS.items() if (text := sheet.own_text(target))}
    if not texts:
        return {}
    summed = ", ".join(_plain_sum(sheet, basis, text) for basis, text in texts.items())
    rows = engine.rows(
        f"SELECT \"file\", coalesce({sheet.own_currency}, ''), {summed}"
        f" FROM ({sheet.layout.relation}) GROUP BY ALL"
    )
    return {
        (file, currency, basis): amount
        for file, currency, *amounts in rows
        for basis, amount in zip(texts, amounts, strict=True)
        if amount is not None
    }


def _plain_sum(sheet: Sheet, basis: str, text: str) -> str:
    amount = f"CAST({sheet.native(COSTS[basis], NUMBER) or text} AS DECIMAL(36,18))"
    if COSTS[basis] in sheet.odd:
        amount = f"if(regexp_full_match({text}, {literal(sheet.plain)}), {amount}, NULL)"
    return f"sum({amount})"


def _element_sums(sheet: Sheet) -> Sums:
    """Return the exact sums of the amounts inside cells, read from the cells once more."""
    sums: Sums = {}
    if sheet.elements is None:
        return sums
    bases = {target: basis for basis, target in COSTS.items()}
    inside = {t: sheet.binding.values.get(t, "") for t in sheet.elements.each.columns if t in bases}
    for file, currency, target, text, count in sheet.elements.sums(sheet.own_currency, inside):
        _merge(sums, _counted(sheet, bases[target], [(file, currency, text, count)]))
    return sums


def _refused_sums(engine: Engine, sheet: Sheet) -> Sums:
    if not sheet.flawed:
        return {}
    return _by_text(
        engine,
        sheet,
        lambda rows, _: f'({rows}) JOIN {CHECKED} k USING ("file", "row") WHERE t IS NOT NULL',
        lambda exact: exact,
    )


def _tail_sums(engine: Engine, sheet: Sheet) -> Sums:
    """Return what the 18th digit cuts off the lines."""
    return _by_text(
        engine,
        sheet,
        lambda rows, tails: (
            f"({sound(sheet, rows)}) JOIN {tails} n ON n.text = t WHERE n.tail IS NOT NULL"
        ),
        lambda exact: _EXACT.subtract(exact, money.stored(exact)),
        only_odd=True,
    )


def _by_text(
    engine: Engine,
    sheet: Sheet,
    source: Callable[[str, str], str],
    worth: Callable[[Decimal], Decimal],
    *,
    only_odd: bool = False,
) -> Sums:
    sums: Sums = {}
    for basis, target in COSTS.items():
        rows = _rows(sheet, target)
        if rows is None or (only_odd and target not in sheet.odd):
            continue
        found = engine.rows(
            f'SELECT "file", currency, t, count(*) FROM {source(rows, sheet.numbers)} GROUP BY ALL'
        )
        _merge(sums, _counted(sheet, basis, found, worth))
    return sums


def _rows(sheet: Sheet, target: str) -> str | None:
    return _amounts(sheet.text(target), sheet.currency, sheet.rows)


def _own_rows(sheet: Sheet, target: str) -> str | None:
    return _amounts(sheet.own_text(target), sheet.own_currency, sheet.layout.relation)


def _amounts(text: str | None, currency: str, rows: str) -> str | None:
    if text is None:
        return None
    return (
        f'SELECT "file", "row", coalesce({currency}, \'\') AS currency, {text} AS t FROM ({rows})'
    )


def _counted(
    sheet: Sheet,
    basis: str,
    rows: Iterable[tuple[Any, ...]],
    worth: Callable[[Decimal], Decimal] = lambda exact: exact,
) -> Sums:
    """Sum texts times how often they stand there; what is no amount counts nothing."""
    sums: Sums = {}
    for file, currency, text, count in rows:
        try:
            exact = sheet.amount(text)
        except ValueError:
            continue
        _merge(sums, {(file, currency, basis): _EXACT.multiply(worth(exact), Decimal(count))})
    return sums


def _line_sums(engine: Engine, files: Sequence[Written], names: Sequence[str]) -> Sums:
    if not files:
        return {}
    sums: Sums = {}
    numbers = {name: number for number, name in enumerate(names)}
    columns = ('"file"', "BillingCurrency", *COSTS.values())
    lines = " UNION ALL ".join(file.select(*columns) for file in files)
    costs = ", ".join(f"sum({target})" for target in COSTS.values())
    found = engine.rows(f'SELECT "file", BillingCurrency, {costs} FROM ({lines}) GROUP BY ALL')
    for file, currency, *amounts in found:
        for basis, amount in zip(COSTS, amounts, strict=True):
            if amount is not None:
                sums[numbers[file], currency, basis] = amount
    return sums
