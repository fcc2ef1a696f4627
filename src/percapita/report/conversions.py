"""What was converted from other currencies: original sums, rates, and that they multiply out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from percapita.bills.converting import proven
from percapita.core.money import ZERO, text
from percapita.core.rates import exact_product, exact_sum
from percapita.core.tables import CONVERSIONS, COSTS, LINES
from percapita.report import numbers
from percapita.report.opened import Opened
from percapita.report.table import Column, Page


@dataclass(frozen=True, slots=True)
class Conversion:
    """All lines of one billing month, currency and rate; without a rate, what rounding took."""

    period: str
    currency: str
    rate: Decimal | None
    rate_day: date | None
    original: Decimal | None
    converted: Decimal

    @property
    def rounding(self) -> Decimal | None:
        """What rounding each line to 18 digits added to original x rate."""
        if self.rate is None or self.original is None:
            return None
        return exact_sum([self.converted, -exact_product(self.original, self.rate)])

    def json(self) -> dict[str, str | None]:
        """Return it as JSON carries it."""
        return {
            "billing_period": self.period,
            "currency": self.currency,
            "rate": None if self.rate is None else format(self.rate, "f"),
            "rate_day": None if self.rate_day is None else self.rate_day.isoformat(),
            "original": text(self.original),
            "converted": text(self.converted),
            "rounding": text(self.rounding),
        }


def conversions(opened: Opened, periods: Iterable[str]) -> list[Conversion]:
    """Return what the runs of these months converted, proven from the lines as imported.

    Raises:
        ConversionProofError: an amount is not its original times the rate.
    """
    months: dict[str, list[str]] = {}
    for period in periods:
        months.setdefault(opened.runs[period], []).append(period)
    found: list[Conversion] = []
    for run, own in sorted(months.items()):
        opened.store.bind(CONVERSIONS, chosen=dict.fromkeys(own, run))
        if not opened.engine.value("SELECT count(*) FROM conversions"):
            continue
        lines = opened.store.bind(LINES, "imported_lines", run=run, periods=own, seen_by="")
        found += [
            Conversion(p.period, p.currency, p.rate.value, p.rate.day, p.original, p.converted)
            for p in proven(opened.engine, lines, "conversions")
            if p.basis == opened.basis
        ]
        found += _roundings(opened)
    return sorted(found, key=lambda one: (one.period, one.currency, one.rate_day or date.max))


def _roundings(opened: Opened) -> list[Conversion]:
    cost = COSTS[opened.basis]
    rows = opened.engine.rows(
        f"SELECT period, currency, {cost} FROM conversions"
        f" WHERE rate IS NULL AND coalesce({cost}, 0) <> 0"
    )
    return [Conversion(period, given, None, None, None, amount) for period, given, amount in rows]


def show(page: Page, found: Sequence[Conversion], currency: str) -> None:
    """Print the conversions, those of one month and currency in a row."""
    if not found:
        return
    grouped: dict[tuple[str, str], list[Conversion]] = {}
    for one in found:
        grouped.setdefault((one.period, one.currency), []).append(one)
    original = [exact_sum(c.original or ZERO for c in group) for group in grouped.values()]
    made = [exact_sum(c.converted for c in group) for group in grouped.values()]
    places = numbers.money_places(exact_sum(abs(amount) for amount in made))
    page.line()
    page.line(f"Converted to {currency}; original times rate is proven to the 18th digit.")
    page.table(
        [
            Column("billing period", [period for period, _ in grouped], number=False),
            Column("currency", [given for _, given in grouped], number=False),
            Column("original", [numbers.amount(amount, places) for amount in original]),
            Column("rates", [_rates(group) for group in grouped.values()]),
            Column(currency, [numbers.amount(amount, places) for amount in made]),
        ]
    )


def _rates(group: Sequence[Conversion]) -> str:
    values = sorted(c.rate for c in group if c.rate is not None)
    if not values:
        return ""
    first, last = format(values[0], "f"), format(values[-1], "f")
    return first if first == last else f"{first} to {last}"
