"""The file of an invoice, key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from percapita.bills.written.documents import AMOUNT, FIRST, PERIOD, TAGS, TEXT, Days
from percapita.bills.written.quantities import QUANTITY, Quantity
from percapita.model.shapes import Choice, Number, WrongError
from percapita.model.structures import Key, Listed, Made, Record

Every = Literal["once", "month", "quarter", "year"]
STEPS: Final[Mapping[str, int]] = {"month": 1, "quarter": 3, "year": 12}
"""Months between two charges."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A discount or a tax: percent of what it is on, or an amount."""

    percent: Decimal | None = None
    amount: Decimal | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Tier:
    """A price up to a quantity; the last tier has no end."""

    price: Decimal
    to: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One position of an invoice."""

    item: str
    amount: Decimal | None = None
    price: Decimal | None = None
    tiers: tuple[Tier, ...] = ()
    pricing: Literal["graduated", "volume"] = "graduated"
    quantity: Quantity | None = None
    pack: Decimal | None = None
    used: Quantity | None = None
    overage: Decimal | None = None
    per: Decimal = Decimal(1)
    unit: str = ""
    list_price: Decimal | None = None
    minimum: Decimal | None = None
    discount: Cut | None = None
    tax: Cut | None = None
    every: Every = "once"
    billed: Literal["advance", "arrears"] = "advance"
    period: Days | None = None
    sku: str = ""
    service: str = ""
    category: str = ""
    resource: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invoice:
    """A vendor's invoice, or a subscription without one."""

    issuer: str
    currency: str
    items: tuple[Item, ...]
    invoice: str = ""
    service: str = ""
    category: str = "Other"
    account: str = ""
    date: date | None = None
    period: Days | None = None
    discount: Cut | None = None
    tax: Cut | None = None
    decimals: int | None = None
    total: Decimal | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def _cut(**said: Any) -> Cut:  # noqa: ANN401
    if ("percent" in said) == ("amount" in said):
        raise WrongError("missing-key", "{name} needs percent or amount, one of them.",
                         "Write {percent: 10}.")  # fmt: skip
    return Cut(**said)


def _cut_shape(noun: str, word: str) -> Record:
    return Record(
        noun,
        (
            Key("percent", Number(high=100), "Percent of what is charged.",
                f"{word}: {{percent: 10}}"),
            Key("amount", AMOUNT, "A given amount.", f"{word}: {{amount: 25.00}}"),
            Key("name", TEXT, "What its line is called.", f"{word}: {{percent: 19, name: VAT}}"),
        ),
        _cut,
        spec=Cut,
    )  # fmt: skip


def _tiers(found: Any) -> tuple[Tier, ...]:  # noqa: ANN401
    ends = [tier.to for tier in found]
    if ends[-1] is not None:
        raise WrongError("wrong-order", "The last tier of {name} has an end.",
                         "Leave its `to` out: all that is left has its price.")  # fmt: skip
    if None in ends[:-1] or sorted(ends[:-1]) != ends[:-1] or len(set(ends)) < len(ends):
        raise WrongError("wrong-order", "The tiers of {name} do not rise.",
                         "Give each tier but the last a `to` above the one before.")  # fmt: skip
    return tuple(found)


def _item(**said: Any) -> Item:  # noqa: ANN401
    item = Item(**said)
    kinds = [word for word in ("amount", "price", "tiers") if word in said]
    for wrong, code, message, hint in (
        (len(kinds) != 1, "missing-key", "An item needs one of amount, price and tiers.",
         "A fixed fee is amount: 99.00; per unit it is price and quantity."),
        ("amount" not in kinds and item.quantity is None, "missing-key",
         "An item with a price needs a quantity.",
         "Write quantity: 25, or quantity: {file: calls.csv}."),
        ((item.pack is None) != (item.used is None), "missing-key",
         "A prepaid pack needs pack and used.",
         "Say how much was bought (pack), what was used of it, and what it cost (amount)."),
        (item.pack is not None and "amount" not in kinds, "missing-key",
         "A prepaid pack has an amount, which is what it cost.",
         "Write amount; what goes beyond the pack is priced by overage."),
        (isinstance(item.used, Decimal), "wrong-type", "What is used of a pack has dates.",
         "Write used: {2025-10: 400, 2025-11: 350}, or name a file."),
    ):  # fmt: skip
        if wrong:
            raise WrongError(code, message, hint)
    return item


_DISCOUNT: Final = _cut_shape("A discount", "discount")
_TAX: Final = _cut_shape("A tax", "tax")
_ITEM: Final = "items: [{item: Seats, quantity: 25, unit: seat, price: 12.50}]"
_TIERED: Final = (
    "items: [{item: Calls, quantity: 120000, tiers: [{to: 10000, price: 0}, {price: 0.002}]}]"
)
_PACK: Final = "items: [{item: Pack, amount: 500, pack: 100000, used: {2025-10: 31000}}]"
_FEE: Final = "items: [{item: Platform, amount: 12000.00, period: 2025-10-15..2026-10-14}]"

TIER: Final = Record(
    "A tier",
    (
        Key("to", Number(above=True), "Last quantity of the tier.", _TIERED),
        Key("price", AMOUNT, "Price of a unit in it.", _TIERED, required=True),
    ),
    Tier,
    spec=Tier,
)

ITEM: Final = Record(
    "An item",
    (
        Key("item", TEXT, "What is charged.", _ITEM, required=True),
        Key("amount", AMOUNT, "A fixed fee; below zero a credit.", _FEE),
        Key("price", AMOUNT, "Price of a unit.", _ITEM),
        Key("tiers", Made(Listed(TIER, single=False, some=True), _tiers), "Prices by quantity.",
            _TIERED),
        Key("pricing", Choice(("graduated", "volume")), "Each unit at the price of its tier, or all"
            " at that of the tier which the quantity reaches.", _TIERED),
        Key("quantity", QUANTITY, "How much, each time it is charged.", _ITEM),
        Key("pack", Number(above=True), "Units that the amount buys in advance.", _PACK),
        Key("used", QUANTITY, "What was used of the pack, when.", _PACK),
        Key("overage", AMOUNT, "Price of a unit beyond the pack.", _PACK),
        Key("per", Number(above=True), "Units that a price is for.",
            "items: [{item: Calls, quantity: 120000, price: 1.50, per: 1000}]"),
        Key("unit", TEXT, "What is counted.", _ITEM),
        Key("list price", AMOUNT, "Public price of a unit.", _ITEM),
        Key("minimum", AMOUNT, "What is charged at least, each time.",
            "items: [{item: Calls, quantity: 900, price: 0.01, minimum: 50}]"),
        Key("discount", _DISCOUNT, "Taken off this item.", _ITEM),
        Key("tax", _TAX, "Tax on this item, where it is not the invoice's.", _ITEM),
        Key("every", Choice(("once", *STEPS)), "How often it is charged within the period.",
            "items: [{item: Base, amount: 49, every: month, period: 2025}]"),
        Key("billed", Choice(("advance", "arrears")), "Whether a recurring charge is billed in the"
            " first or the last month of its time.", _ITEM),
        Key("period", PERIOD, "The time that it is for.", _FEE, default="the invoice's"),
        Key("sku", TEXT, "SkuId.", _ITEM, default="the item"),
        Key("service", TEXT, "ServiceName.", _ITEM, default="the invoice's"),
        Key("category", TEXT, "ServiceCategory.", _ITEM, default="the invoice's"),
        Key("resource", TEXT, "ResourceId.", _ITEM),
        Key("tags", TAGS, "Tags, beside the invoice's.", _ITEM),
    ),
    _item,
    spec=Item,
)  # fmt: skip

INVOICE: Final = Record(
    "An invoice",
    (
        Key("invoice", TEXT, "InvoiceId.", "invoice: INV-117"),
        Key("issuer", TEXT, "Who sends it.", "issuer: Acme Mail", required=True),
        Key("service", TEXT, "ServiceName of the items.", "service: Acme Mail",
            default="the issuer"),
        Key("category", TEXT, "ServiceCategory of the items.",
            "category: Business Applications"),
        Key("account", TEXT, "BillingAccountId.", "account: A-1", default="the issuer"),
        Key("currency", TEXT, "Of all amounts.", "currency: EUR", required=True),
        Key("date", FIRST, "Day or month in which it is billed.", "date: 2025-11-03",
            default="the first month of each item's time"),
        Key("period", PERIOD, "The time that it is for.", "period: 2025-10"),
        Key("tags", TAGS, "Tags of all lines.", "tags: {Team: growth}"),
        Key("discount", _DISCOUNT, "Taken off every item without one of its own; an amount once.",
            "discount: {percent: 10}"),
        Key("tax", _TAX, "Tax on every item; an amount once.", "tax: {percent: 19, name: VAT}"),
        Key("decimals", Number(high=12, whole=True), "Places that every amount is rounded to, half"
            " up, as the invoice prints it.", "decimals: 2", default="none: exact"),
        Key("total", AMOUNT, "What the lines must sum to.", "total: 1428.00"),
        Key("items", Listed(ITEM, single=False, some=True), "Its positions.", _ITEM,
            required=True),
    ),
    Invoice,
    spec=Invoice,
)  # fmt: skip
