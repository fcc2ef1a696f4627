"""The price book: the file, the statement of expected against found, and its findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, get_args

from percapita.bills.written.documents import AMOUNT, FIRST, LAST, TEXT, read
from percapita.core.errors import InputError
from percapita.core.money import stored, text, total
from percapita.core.tables import LINES
from percapita.measure.pricebook import Charged, Judged, Price, Tier, differing, judge, stale
from percapita.measure.signals import Finding
from percapita.model.pool_keys import MATCH
from percapita.model.shapes import Choice, Number, WrongError
from percapita.model.spec import Basis, Condition, Match
from percapita.model.structures import Key, Listed, Made, Record
from percapita.plugins import Document
from percapita.store import Store
from percapita.store.read import prices as read_prices
from percapita.store.read.prices import Asked

STALE: Final = 180
"""Days after which a price should be looked up again."""
BASES: Final = get_args(Basis)
_PRICE: Final = "prices: [{service: Object storage, unit: GB-Mo, price: 0.023}]"
_TIERS: Final = "prices: [{sku: egress, tiers: [{to: 100, price: 0}, {price: 0.09}]}]"


@dataclass(frozen=True, slots=True)
class Book:
    """A price book."""

    prices: tuple[Price, ...] = ()
    stale: int = STALE


class NoBookError(InputError):
    """There is no price book to compare with."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There is no price book: {path} is not there.",
            hint="Write one: currency: USD, prices: [{sku: …, unit: …, price: …}].",
        )


def _tiers(found: Any) -> tuple[Tier, ...]:  # noqa: ANN401
    ends = [tier.to for tier in found]
    last, rising = ends[-1], [end for end in ends[:-1] if end is not None]
    if last is not None or len(rising) < len(ends) - 1 or rising != sorted(set(rising)):
        raise WrongError("wrong-order", "The tiers of {name} do not rise to one without an end.",
                         "Give each tier but the last a `to` above the one before.")  # fmt: skip
    return tuple(found)


TIER: Final = Record(
    "A tier",
    (
        Key("to", Number(above=True), "Last quantity of a month in it.", _TIERS),
        Key("price", AMOUNT, "Price in it.", _TIERS, required=True),
    ),
    Tier,
    spec=Tier,
)

PRICE_KEYS: Final = (
    Key("name", TEXT, "What it is called.", _PRICE, default="SKU or service"),
    Key("sku", TEXT, "SkuId of the lines.", _TIERS),
    Key("service", TEXT, "ServiceName of the lines.", _PRICE),
    Key("match", MATCH, "Lines it is for, as a pool's `match`.",
        "prices: [{match: {SkuId: egress*, RegionId: eu-*}, price: 0.09}]"),
    Key("unit", TEXT, "PricingUnit of the lines.", _PRICE),
    Key("price", AMOUNT, "Price of a unit.", _PRICE),
    Key("tiers", Made(Listed(TIER, single=False, some=True), _tiers),
        "Prices by the quantity of a month; a free allowance is a tier at 0.", _TIERS),
    Key("per", Number(above=True), "Units that a price is for.",
        "prices: [{sku: calls, price: 1.50, per: 1000}]"),
    Key("tolerance", Number(), "Percent that a price may be off.", _PRICE),
)  # fmt: skip


def price_of(**said: Any) -> Price:  # noqa: ANN401
    """Make a price of its keys; currency and basis are the file's."""
    match: Mapping[str, Condition] = said.pop("match", Match()).columns
    sku, service = said.pop("sku", ""), said.pop("service", "")
    columns = {**({"SkuId": Condition((sku,))} if sku else {}),
               **({"ServiceName": Condition((service,))} if service else {}), **match}  # fmt: skip
    if not columns:
        raise WrongError("missing-key", "Nothing says which lines the price is for.",
                         "Write sku, service or match.")  # fmt: skip
    price, tiers = said.pop("price", None), said.pop("tiers", ())
    if (price is None) == (not tiers):
        raise WrongError("missing-key", "A price needs price or tiers, one of them.",
                         "Write price: 0.023.")  # fmt: skip
    named = said.pop("name", "") or sku or service or "; ".join(
        f"{column} {' '.join(one.values)}".strip() for column, one in columns.items()
    )  # fmt: skip
    return Price(named, columns, tiers or (Tier(price),), said.pop("currency", ""), **said)


def _said(**said: Any) -> Mapping[str, Any]:  # noqa: ANN401
    """Check a price where it stands; the book makes it, with what it says for all."""
    price_of(**said)
    return said


PRICE: Final = Record(
    "A price",
    (
        *PRICE_KEYS,
        Key("currency", TEXT, "Of the price.", _PRICE, default="the book's"),
        Key("basis", Choice(BASES), "Cost that is compared.", _PRICE, default="the book's"),
        Key("from", FIRST, "First day of charges.", _PRICE, field="start"),
        Key("to", LAST, "Last day.", _PRICE, field="end"),
        Key("checked", FIRST, "Day it was last looked up.", _PRICE, default="`from`"),
        Key("source", TEXT, "Where it comes from.", _PRICE, field="origin"),
    ),
    _said,
    spec=Price,
)


def _book(prices: tuple[Mapping[str, Any], ...], stale: int = STALE, **said: Any) -> Book:  # noqa: ANN401
    made = tuple(price_of(**{**said, **price}) for price in prices)
    for price in made:
        if not price.currency:
            message = f"The price of {price.name!r} has no currency.".replace("{", "(")
            raise WrongError("missing-key", message, "Write currency: USD.")
    return Book(made, stale)


BOOK: Final = Record(
    "A price book",
    (
        Key("currency", TEXT, "Of prices that say none.", "currency: USD"),
        Key("tolerance", Number(), "Percent that a price may be off.", "tolerance: 2",
            default="1"),
        Key("basis", Choice(BASES), "Cost that is compared.", "basis: contracted",
            default="effective"),
        Key("stale after", Number(low=1, whole=True), "Days after which a price should be looked up"
            " again.", "stale after: 90", field="stale"),
        Key("prices", Listed(PRICE, single=False), "Prices; the first that fits a line is its.",
            _PRICE, required=True),
    ),
    _book,
    spec=Book,
)  # fmt: skip


def read_book(path: Path) -> Book:
    """Read ``pricebook.yaml``.

    Raises:
        InputError: it is not there, or something is wrong with it.
    """
    if not path.is_file():
        raise NoBookError(path)
    book: Book = read(Document(path, path, ""), BOOK, "prices: []").value
    return book


def judged(
    store: Store, prices: Sequence[Price], months: Collection[str] | None = None
) -> list[Judged]:
    """Compare prices with the live lines of some billing months, or all, in their own currency."""
    lines = store.bind(LINES, "priced_lines", periods=months)
    found = read_prices.charged(store.engine, lines, [_asked(price) for price in prices])
    return judge(prices, [Charged(*row) for row in found])


_SLACK: Final = Decimal("1E-9")
"""Relative: what a bill's own rounding of a line may miss."""


def _asked(price: Price) -> Asked:
    low = high = None
    if price.flat is not None:
        share = price.tolerance / 100
        high = stored(price.flat * (1 + share) * (1 + _SLACK))
        low = None if price.above else stored(price.flat * (1 - share) * (1 - _SLACK))
    return Asked(price.match, price.currency, price.unit, price.basis, price.start, price.end, low,
                 high)  # fmt: skip


def book_findings(
    store: Store,
    path: Path,
    now: datetime,
    currency: str,
    months: Collection[str] | None = None,
) -> list[Finding]:
    """Return the findings of the book, amounts in a currency; none where there is no book."""
    if not path.is_file():
        return []
    book = read_book(path)
    return [*differing(judged(store, book.prices, months), currency),
            *stale(book.prices, now.date(), book.stale)]  # fmt: skip


HEADER: Final = (
    "price", "period", "unit", "per", "currency", "basis", "lines", "quantity", "expected_price",
    "found_price", "expected", "found", "percent", "off_lines", "at_stake", "differs",
)  # fmt: skip


def rows(found: Sequence[Judged]) -> list[dict[str, Any]]:
    """Return expected against found as JSON carries it, a row per price and month."""
    return [
        {
            "price": one.price.name, "period": one.period, "unit": one.price.unit or None,
            "per": text(one.price.per), "currency": one.price.currency, "basis": one.price.basis,
            "lines": one.lines, "quantity": text(one.quantity),
            "expected_price": text(one.expected_price), "found_price": text(one.found_price),
            "expected": text(one.expected), "found": text(one.cost), "percent": text(one.percent),
            "off_lines": one.off_lines, "at_stake": text(one.at_stake), "differs": one.differs,
        }
        for one in found
    ]  # fmt: skip


def at_stake(found: Sequence[Judged]) -> dict[str, Decimal]:
    """Return what is at stake by currency."""
    sums: dict[str, list[Decimal]] = {}
    for one in found:
        sums.setdefault(one.price.currency, []).append(one.at_stake)
    return {currency: total(amounts) for currency, amounts in sorted(sums.items())}


def unseen(book: Book, found: Sequence[Judged], today: date) -> list[str]:
    """Return the prices that hold today and that no line has."""
    seen = {id(one.price) for one in found}
    return [
        price.name
        for price in book.prices
        if id(price) not in seen and not (price.end and price.end < today)
    ]
