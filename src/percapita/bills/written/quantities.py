"""How much was used, when: one number, numbers by month, a table beside it, or readings."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from percapita.bills.written.documents import AMOUNT, PERIOD, TEXT, Days, Written
from percapita.core import money
from percapita.core.errors import InputError, nearest
from percapita.core.periods import next_month
from percapita.model.shapes import WrongError
from percapita.model.spec import Trail
from percapita.model.structures import Either, Key, Made, Named, Record

CELLS: Final = ("service", "resource", "cluster", "namespace", "feature", "operation", "region")
"""What readings can be asked for."""

Dated = list[tuple[Days, Decimal]]


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file beside the document, a row per day or month, or a meter's readings by day."""

    file: str = ""
    meter: str = ""
    date: str = "date"
    column: str = "quantity"
    where: Mapping[str, str] = field(default_factory=dict)


Quantity = Decimal | Table | Mapping[str, Decimal]
"""The same every time, a table, or numbers by month or day."""

_EXAMPLE: Final = "quantity: {file: calls.csv, date: day, column: calls}"


def _by_month(found: Any) -> Mapping[str, Decimal]:  # noqa: ANN401
    for label in found:
        _labelled(label)
    return dict(found)


def _labelled(label: str) -> Days:
    made = PERIOD.make(label)
    assert isinstance(made, Days)  # noqa: S101
    if next_month(made.start.replace(day=1)) < made.end:
        message = "{name} names " + repr(label) + ", which is longer than a month."
        raise WrongError("unknown-value", message, "Write a number for each month or day.")
    return made


def _table(**said: Any) -> Table:  # noqa: ANN401
    if ("file" in said) == ("meter" in said):
        raise WrongError("missing-key", "{name} needs file or meter, one of them.",
                         "Write quantity: {meter: requests}.")  # fmt: skip
    if "meter" in said and (unknown := set(said.get("where", ())) - set(CELLS)):
        found = min(unknown)
        raise WrongError("unknown-key", "{name} asks readings for " + repr(found) + ".",
                         nearest(found, CELLS))  # fmt: skip
    return Table(**said)


QUANTITY: Final = Either(
    (
        AMOUNT,
        Record(
            "A table of quantities",
            (
                Key("file", TEXT, "CSV file, beside this one.", _EXAMPLE),
                Key("meter", TEXT, "Meter whose readings count, instead.",
                    "quantity: {meter: requests, where: {operation: /v1/send}}"),
                Key("date", TEXT, "Its column of days or months.", _EXAMPLE),
                Key("column", TEXT, "Its column of quantities.", _EXAMPLE),
                Key("where", Named(TEXT, TEXT), "Columns and the value that a row that counts has.",
                    "quantity: {file: usage.csv, where: {product: api}}"),
            ),
            _table,
            spec=Table,
        ),
        Made(Named(TEXT, AMOUNT), _by_month),
    )
)  # fmt: skip


class Quantities:
    """Quantities of one document, tables read once each."""

    def __init__(self, written: Written) -> None:
        self._written = written
        self._rows: dict[str, list[dict[str, str]]] = {}
        self._measures: dict[tuple[object, ...], Sequence[tuple[date, int]]] = {}

    def within(self, said: Quantity, span: Days, trail: Trail) -> Decimal:
        """Return what was used in a time; what is wrong with it is noted at ``trail``."""
        if isinstance(said, Decimal):
            return said
        return money.total([amount for days, amount in self.dated(said, trail)
                            if span.start <= days.start < span.end])  # fmt: skip

    def dated(self, said: Table | Mapping[str, Decimal], trail: Trail) -> Dated:
        """Return quantities and their days."""
        if isinstance(said, Table):
            return self._read(said, trail)
        return [(_labelled(label), amount) for label, amount in said.items()]

    def outside(self, said: Quantity, span: Days, trail: Trail) -> None:
        """Note what was used outside of a time, which nothing would charge."""
        if isinstance(said, Decimal):
            return
        lost = [(days, amount) for days, amount in self.dated(said, trail)
                if amount and not (span.start <= days.start and days.end <= span.end)]  # fmt: skip
        if lost:
            first = min(days.start for days, _ in lost)
            total = money.text(money.total([amount for _, amount in lost]))
            self._written.wrong(
                "outside-period", trail,
                f"A quantity of {total} lies outside of the time that is charged, the first on"
                f" {first}.", "Widen the period, or leave these rows out with `where`.",
            )  # fmt: skip

    def _read(self, table: Table, trail: Trail) -> Dated:
        if table.meter:
            return self._measured(table, trail)
        path = self._written.path.parent / table.file
        if table.file not in self._rows:
            self._rows[table.file] = self._opened(path, trail)
        rows = self._rows[table.file]
        asked = [table.date, table.column, *table.where]
        if rows and (missing := [name for name in asked if name not in rows[0]]):
            hint = nearest(missing[0], rows[0])
            self._wrong(trail, f"{table.file} has no column {missing[0]!r}.", hint)
            return []
        found: Dated = []
        for number, row in enumerate(rows, 1):
            if all(row[name] == value for name, value in table.where.items()):
                self._row(table, number, row, found, trail)
        return found

    def _measured(self, table: Table, trail: Trail) -> Dated:
        asked = (table.meter, *sorted(table.where.items()))
        if asked not in self._measures:
            self._measures[asked] = self._written.measured(table.meter, table.where)
        found = self._measures[asked]
        if not found:
            of = "" if not table.where else f" where {dict(table.where)}"
            self._wrong(
                trail, f"Nothing is taken in of the meter {table.meter!r}{of}.",
                "Import its readings first, with the project that this invoice is of.",
            )  # fmt: skip
        return [(Days(day, day + timedelta(days=1)), Decimal(amount)) for day, amount in found]

    def _row(
        self, table: Table, number: int, row: Mapping[str, str], found: Dated, trail: Trail
    ) -> None:
        try:
            day = _labelled(row[table.date])
        except WrongError:
            message = f"{table.file}, row {number}, column {table.date}: {row[table.date]!r}"
            self._wrong(trail, f"{message} is no day or month.", "Write 2025-10-31 or 2025-10.")
            return
        try:
            found.append((day, money.exact(row[table.column])))
        except ValueError as error:
            where = f"{table.file}, row {number}, column {table.column}"
            self._wrong(trail, f"{where}: {error}.", "Write 1250 or 1250.75.")

    def _opened(self, path: Path, trail: Trail) -> list[dict[str, str]]:
        try:
            return _rows(path)
        except FileNotFoundError:
            self._wrong(trail, f"There is no file {path.name} beside it.", "Put it there.")
        except (OSError, UnicodeDecodeError, csv.Error, InputError) as error:
            self._wrong(trail, f"{path.name} can't be read: {error}.", "Save it as CSV in UTF-8.")
        return []

    def _wrong(self, trail: Trail, message: str, hint: str) -> None:
        self._written.wrong("bad-quantity", trail, message, hint)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=first.count)
        return [
            {(name or "").strip(): (value or "").strip() for name, value in row.items()
             if isinstance(value, str | None)}
            for row in csv.DictReader(file, delimiter=delimiter)
        ]  # fmt: skip


def used_by(dated: Dated, span: Days) -> list[tuple[date, Decimal]]:
    """Return what was used in each month of a time, by the month's first day."""
    found: dict[date, list[Decimal]] = {}
    for days, amount in dated:
        if span.start <= days.start < span.end:
            found.setdefault(days.start.replace(day=1), []).append(amount)
    return [(month, money.total(amounts)) for month, amounts in sorted(found.items())]
