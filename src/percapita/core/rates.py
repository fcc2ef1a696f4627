"""Exchange rates: what one unit of a currency is worth in another on a day, exactly.

The price of a vendor's credit or token is a rate like any other: its currency is the vendor's name
for it, as the bill writes it.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from percapita.core import money
from percapita.core.errors import InputError, Problem

CARRIED: Final = 7
"""Days that a rate holds after its own: weekends and holidays have none."""

RATE_PLACES: Final = 20
"""Fractional digits of a rate, at most."""

_EXACT: Final = Context(prec=200, rounding=ROUND_HALF_EVEN)
_COLUMNS: Final = ("date", "from", "to", "rate")
_UNTIL: Final = "until"
_ISO: Final = 3


class RatesError(InputError):
    """The table of rates cannot be read."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{path} has {count}; nothing was changed.", problems=problems)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one unit is worth, and the day it was set for."""

    value: Decimal
    day: date

    @property
    def text(self) -> str:
        """The rate's digits, without exponent."""
        return format(self.value, "f")


@dataclass(frozen=True, slots=True)
class Dated:
    """A rate and the last day it holds."""

    rate: Rate
    until: date


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates by pair of currencies, each pair's by rising day."""

    pairs: Mapping[tuple[str, str], Sequence[Dated]]

    def find(self, given: str, wanted: str, day: date) -> Rate | None:
        """Return the rate of a day: its own, else the last earlier one that still holds."""
        known = self.pairs.get((given, wanted), ())
        at = bisect_right(known, day, key=lambda dated: dated.rate.day)
        holding = (dated.rate for dated in reversed(known[:at]) if day <= dated.until)
        return next(holding, None)

    def around(self, given: str, wanted: str) -> str:
        """Say what is known of a pair, for a message."""
        known = self.pairs.get((given, wanted), ())
        if known:
            first, last = known[0].rate.day, max(dated.until for dated in known)
            return f"{given} to {wanted} is known from {first} to {last}"
        if (wanted, given) in self.pairs:
            return f"the table has {wanted} to {given}, which is never turned round"
        return f"the table has no {given} to {wanted}"


NO_RATES: Final = Rates({})
"""Where no table is named."""


def exact_product(amount: Decimal, rate: Decimal) -> Decimal:
    """Return amount x rate with every digit."""
    return _EXACT.multiply(amount, rate)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum of products with every digit."""
    found = money.ZERO
    for amount in amounts:
        found = _EXACT.add(found, amount)
    return found


def currency_name(text: str) -> str:
    """Return a currency as lines name it: ISO codes in capitals, virtual ones as written."""
    name = text.strip()
    return name.upper() if len(name) == _ISO else name


def read_rates(path: Path) -> Rates:
    """Read a CSV file with the columns date, from, to, rate and, if there is one, until.

    Raises:
        RatesError: a row is wrong; every wrong row is named.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            rows = [(reader.line_num, cells) for cells in reader if any(map(str.strip, cells))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    problems = [
        Problem("missing-column", str(path), f"It has no column {name!r}.",
                "Its header is date,from,to,rate.")
        for name in _COLUMNS if name not in header
    ]  # fmt: skip
    if problems:
        raise RatesError(path, problems)
    found: dict[tuple[str, str], dict[date, Dated]] = {}
    for line, cells in rows:
        row = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        problem = _take(found, row)
        if problem is not None:
            problems.append(Problem(problem[0], f"{path}:{line}", problem[1], problem[2]))
    if problems:
        raise RatesError(path, problems)
    return Rates({pair: [days[day] for day in sorted(days)] for pair, days in found.items()})


def _take(
    found: dict[tuple[str, str], dict[date, Dated]], row: Mapping[str, str]
) -> tuple[str, str, str] | None:
    """Put a row in; return code, message and hint of what is wrong with it."""
    texts = {name: row.get(name, "") for name in (*_COLUMNS, _UNTIL)}
    try:
        day = date.fromisoformat(texts["date"])
        until = date.fromisoformat(texts[_UNTIL]) if texts[_UNTIL] else _carried(day)
    except ValueError:
        wrong = texts["date"] if not _is_day(texts["date"]) else texts[_UNTIL]
        return "not-a-date", f"{wrong!r} is no date.", "Write 2025-10-31."
    given, wanted = currency_name(texts["from"]), currency_name(texts["to"])
    if not given or not wanted:
        return "empty", "A currency is missing.", "Fill the columns from and to."
    try:
        value = _EXACT.create_decimal(texts["rate"])
        fits = value.is_finite() and 0 < value < money.LARGEST and value == _fine(value)
    except InvalidOperation:
        fits = False
    if not fits:
        return (
            "not-a-number",
            f"{texts['rate']!r} is no rate.",
            "Write plain digits above 0, 20 after the point.",
        )
    if until < day:
        return "wrong-order", f"It holds until {until}, before {day}.", "Correct until."
    days = found.setdefault((given, wanted), {})
    if day in days and days[day].rate.value != value:
        return ("duplicate", f"{given} to {wanted} on {day} has two rates.",
                "Keep one of the rows.")  # fmt: skip
    days[day] = Dated(Rate(value, day), until)
    return None


def _fine(value: Decimal) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-RATE_PLACES), context=_EXACT)


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _carried(day: date) -> date:
    return day + timedelta(days=CARRIED)
