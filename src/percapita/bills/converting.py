"""Lines of other currencies in the model's: amount x rate of the last day of the charge.

Amounts are multiplied once per distinct amount and rate, in decimals of 256 bits and never by the
engine, which joins the products. What the 18th digit cuts off all lines of a currency and month is
one line.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from percapita.bills.lines import id_of
from percapita.core import money
from percapita.core.errors import InputError, Problem, ProofError
from percapita.core.rates import RATE_PLACES, Rate, Rates, exact_product, exact_sum
from percapita.core.tables import CONVERSIONS, COSTS, MONEY
from percapita.store.engine import Engine, literal

if TYPE_CHECKING:
    import pyarrow as pa

TABLE: Final = "line_conversions"
"""Temporary table of ``CONVERSIONS`` with the column ``period``."""

_FOREIGN: Final = "foreign_lines"
_RATED: Final = "foreign_rates"
_PRODUCTS: Final = "foreign_products"
_SCHEMA: Final = {"period": "string", **{c.name: c.type for c in CONVERSIONS.columns}}
_PRODUCT: Final = {"rate": "string", "amount": MONEY, "product": MONEY}
_VALUE: Final = f"decimal(38,{RATE_PLACES})"
_RATE: Final = {"currency": "string", "day": "date", "rate": "string", "value": _VALUE,
                "rate_day": "date"}  # fmt: skip
_BATCH: Final = 1_000_000


class MissingRateError(InputError):
    """Lines or payments in another currency, and no rate for their day."""

    def __init__(
        self, wanted: str, missing: Sequence[Foreign], rates: Rates, noun: str = "line"
    ) -> None:
        lines = sum(one.lines for one in missing)
        names = sorted({one.currency for one in missing})
        days = "one day" if len(missing) == 1 else f"{len(missing)} days"
        super().__init__(
            f"{lines:,} {noun}s are in {', '.join(names)}, the model is in {wanted}; there is no"
            f" rate for {days} of theirs: {'; '.join(rates.around(n, wanted) for n in names)}.",
            problems=[_problem(one, wanted, noun) for one in missing],
            hint=f"Add the rows to the file of `rates:` in percapita.yaml: date,from,to,rate, such"
            f" as {missing[0].day},{missing[0].currency},{wanted},1.0842. A rate holds for 7 days,"
            " or until a date in the column `until`.",
        )


class ConversionProofError(ProofError):
    """Converted amounts are not the original ones times their rate."""

    def __init__(self, place: str, due: Decimal, held: Decimal) -> None:
        super().__init__(
            f"{place}: original amounts times their rates are {due:f}, the lines hold {held:f}.",
            hint="Nothing was published. This is a fault of percapita: please report it.",
        )


@dataclass(frozen=True, slots=True)
class Foreign:
    """Lines of one currency whose charges end on one day."""

    currency: str
    day: date
    lines: int
    source: str


@dataclass(frozen=True, slots=True)
class Proven:
    """What was converted from one currency at one rate, in one billing month and basis."""

    period: str
    currency: str
    rate: Rate
    basis: str
    original: Decimal
    converted: Decimal


def _problem(one: Foreign, wanted: str, noun: str) -> Problem:
    named = noun if one.lines == 1 else f"{noun}s"
    message = f"{one.lines:,} {named} of {one.source} without a rate to {wanted}."
    return Problem("missing-rate", f"{one.currency} on {one.day}", message)


def foreign(engine: Engine, lines: str, currency: str, zone: str) -> list[Foreign]:
    """Return the currencies and days of the lines that are not in this currency."""
    rows = engine.rows(
        f"SELECT coalesce(BillingCurrency, ''), {_day(zone)} AS day, count(*), min(source)"
        f" FROM {lines} WHERE BillingCurrency IS DISTINCT FROM {literal(currency)}"
        " GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return [Foreign(*row) for row in rows]


def _day(zone: str) -> str:
    """Return the SQL of the last day that a charge touches, in a time zone."""
    last = (
        "greatest(coalesce(ChargePeriodEnd, ChargePeriodStart) - INTERVAL 1 MICROSECOND,"
        " ChargePeriodStart)"
    )
    return f"CAST({last} AT TIME ZONE {literal(zone)} AS DATE)"


def rerated(
    engine: Engine, lines: str, conversions: str, rates: Rates, *, currency: str, zone: str
) -> bool:
    """Tell whether lines would be converted at another rate now than they were.

    A rate that is gone since changes nothing: what it gave stands.

    Args:
        engine: where both are.
        lines: relation of the lines as imported.
        conversions: relation of ``CONVERSIONS`` with the column ``period``.
        rates: what currencies are worth now.
        currency: what the lines were converted to.
        zone: time zone of the days.
    """
    if not engine.value(f"SELECT count(*) FROM {conversions} WHERE rate IS NOT NULL"):
        return False
    had = engine.rows(
        f"SELECT DISTINCT c.currency, {_day(zone)}, c.rate FROM {conversions} c JOIN {lines} l"
        " ON l.LineId = c.LineId AND l.period = c.period WHERE c.rate IS NOT NULL"
    )
    now = ((rates.find(given, currency, day), Decimal(rate)) for given, day, rate in had)
    return any(found is not None and found.value != rate for found, rate in now)


def convert(
    engine: Engine,
    lines: str,
    rates: Rates,
    *,
    currency: str,
    zone: str,
    needed: Collection[str] | None = None,
) -> None:
    """Make ``TABLE`` for all lines of another currency.

    Args:
        engine: has the lines.
        lines: name of a view or table of them.
        rates: what currencies are worth.
        currency: what they are converted to.
        zone: time zone of the days.
        needed: billing months whose lines must all have a rate, all unless said; other lines
            without one are left as they are.

    Raises:
        MissingRateError: a needed rate is not there.
    """
    found = foreign(engine, lines, currency, zone)
    known = _known(engine, lines, found, rates, currency, zone, needed)
    rated = [(c, d, r.text, r.value, r.day) for (c, d), r in known.items() if r is not None]
    engine.load(_RATED, _RATE, rated)
    costs = ", ".join(COSTS.values())
    engine.view(
        _FOREIGN,
        f"SELECT l.period, l.LineId, r.currency, r.rate_day, r.rate, r.value, {costs}"
        f" FROM {lines} l JOIN {_RATED} r"
        f" ON r.currency = l.BillingCurrency AND r.day = {_day(zone)}",
    )
    _multiply(engine)
    engine.create(TABLE, _joined(currency), _SCHEMA)
    _prove(engine, currency)
    for name in (_FOREIGN, _RATED, _PRODUCTS):
        engine.drop(name)


def _known(
    engine: Engine,
    lines: str,
    found: Sequence[Foreign],
    rates: Rates,
    currency: str,
    zone: str,
    needed: Collection[str] | None,
) -> dict[tuple[str, date], Rate | None]:
    """Return the rate of each currency and day.

    Raises:
        MissingRateError: a needed one is not there.
    """
    known = {(f.currency, f.day): rates.find(f.currency, currency, f.day) for f in found}
    if not all(known.values()):
        due = found if needed is None else foreign(engine, _months(lines, needed), currency, zone)
        if missing := [one for one in due if known[one.currency, one.day] is None]:
            raise MissingRateError(currency, missing, rates)
    return known


def _months(lines: str, needed: Collection[str] | None) -> str:
    listed = ", ".join(map(literal, sorted(needed or ()))) or "NULL"
    return f"(SELECT * FROM {lines} WHERE period IN ({listed}))"


def _multiply(engine: Engine) -> None:
    """Make the table of products, each distinct amount and rate once."""
    engine.load(_PRODUCTS, _PRODUCT, [])
    wanted = " UNION ".join(
        f"SELECT rate, value, {cost} AS amount FROM {_FOREIGN} WHERE {cost} IS NOT NULL"
        for cost in COSTS.values()
    )
    pairs = f"{_PRODUCTS}_wanted"
    numbered = f"SELECT *, row_number() OVER () AS n FROM ({wanted})"
    engine.create(pairs, numbered, {"rate": "string", "value": _VALUE, "amount": MONEY,
                                    "n": "int64"})  # fmt: skip
    count = engine.value(f"SELECT count(*) FROM {pairs}")
    for first in range(0, count, _BATCH):
        wanted = f"SELECT * EXCLUDE (n) FROM {pairs} WHERE n > {first} AND n <= {first + _BATCH}"
        # All of a batch is read before the first product is written: there is one connection.
        rows = list(engine.arrow(wanted, size=_BATCH))
        engine.load_arrow("foreign_batch", _PRODUCT, _products(rows))
        engine.insert(_PRODUCTS, "SELECT * FROM foreign_batch", _PRODUCT)
    engine.drop("foreign_batch")
    engine.drop(pairs)


def _products(batches: Sequence[pa.RecordBatch]) -> pa.Table:
    """Return amount x value, multiplied exactly and rounded half-even to 18 digits.

    In 256 bits all 74 digits of a product of two such decimals have room.
    """
    import pyarrow as pa  # noqa: PLC0415 only bills in several currencies pay for it
    import pyarrow.compute as pc  # noqa: PLC0415

    rows = pa.Table.from_batches(list(batches))
    amount = pc.cast(rows["amount"], pa.decimal256(36, money.PLACES))
    value = pc.cast(rows["value"], pa.decimal256(38, RATE_PLACES))
    exact = pc.multiply(amount, value)
    rounded = pc.round(exact, ndigits=money.PLACES, round_mode="half_to_even")
    try:
        product = pc.cast(rounded, pa.decimal128(36, money.PLACES))
    except pa.ArrowInvalid as error:
        raise InputError(
            "An amount times its rate is too large for a money column.",
            hint="Look for a rate with too many digits before the point.",
        ) from error
    return rows.set_column(1, "product", product)


def _joined(currency: str) -> str:
    joins = " ".join(
        f"LEFT JOIN {_PRODUCTS} p_{basis} ON p_{basis}.rate = l.rate AND p_{basis}.amount = l.{c}"
        for basis, c in COSTS.items()
    )
    costs = ", ".join(f"p_{basis}.product AS {c}" for basis, c in COSTS.items())
    return (
        f'SELECT l.period, l.LineId, l.currency, {literal(currency)} AS "to", l.rate_day, l.rate,'
        f" {costs} FROM {_FOREIGN} l {joins}"
    )


def _prove(engine: Engine, currency: str) -> None:
    """Set what was converted against the original sums, and add what rounding took as a line."""
    found: dict[tuple[str, str, str], list[Proven]] = {}
    for one in proven(engine, _FOREIGN, TABLE):
        found.setdefault((one.period, one.currency, one.basis), []).append(one)
    cut: dict[tuple[str, str], dict[str, Decimal]] = {}
    for (period, given, basis), parts in found.items():
        due = money.stored(exact_sum(exact_product(p.original, p.rate.value) for p in parts))
        held = exact_sum(part.converted for part in parts)
        if due != held:
            cut.setdefault((period, given), {})[basis] = exact_sum([due, -held])
    rows = [
        (period, id_of("conversion", period, given, currency), given, currency, None, None,
         *(amounts.get(basis) for basis in COSTS))
        for (period, given), amounts in sorted(cut.items())
    ]  # fmt: skip
    engine.load("foreign_batch", _SCHEMA, rows)
    engine.insert(TABLE, "SELECT * FROM foreign_batch", _SCHEMA)
    engine.drop("foreign_batch")


def proven(engine: Engine, lines: str, conversions: str) -> list[Proven]:
    """Return sums of originals and of what they became, by month, currency, rate and basis.

    Args:
        engine: where both are.
        lines: relation of the lines as imported.
        conversions: relation of ``CONVERSIONS`` with the column ``period``.

    Raises:
        ConversionProofError: they differ by more than each line's rounding.
    """
    sums = ", ".join(f"sum(l.{c}), sum(c.{c}), count(c.{c}), count(l.{c})" for c in COSTS.values())
    found = []
    for period, given, rate, day, *amounts in engine.rows(
        f"SELECT c.period, c.currency, c.rate, c.rate_day, {sums} FROM {conversions} c"
        f" JOIN {lines} l ON l.LineId = c.LineId AND l.period = c.period"
        " WHERE c.rate IS NOT NULL GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 4, 3"
    ):
        at = Rate(Decimal(rate), day)
        for number, basis in enumerate(COSTS):
            original, held, count, written = amounts[4 * number : 4 * number + 4]
            if original is None and held is None:
                continue
            due = exact_product(original or money.ZERO, at.value)
            off = abs(exact_sum([due, -(held or money.ZERO)]))
            if written != count or off > exact_product(Decimal(count), _HALF):
                raise ConversionProofError(f"{basis} cost in {given}, {period}", due, held)
            found.append(Proven(period, given, at, basis, original, held))
    return found


_HALF: Final = Decimal("0.5e-18")
