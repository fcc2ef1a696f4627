"""Assets that are bought once and used for years: straight-line depreciation, written in YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from percapita.bills.written.documents import (
    AMOUNT,
    FIRST,
    LAST,
    TAGS,
    TEXT,
    Days,
    Written,
    WrittenFormat,
)  # fmt: skip
from percapita.bills.written.schedules import EXACT, Line, billing_month, later, months, weight
from percapita.core import money
from percapita.core.periods import next_month
from percapita.core.split import split
from percapita.model.shapes import Choice, Number, WrongError
from percapita.model.structures import Key, Listed, Record
from percapita.plugins import BillFormat

_A_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Disposal:
    """The end of an asset, and what was got for it."""

    on: date
    proceeds: Decimal = money.ZERO


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset; ``life`` in months."""

    asset: str
    cost: Decimal
    life: int
    in_service: date
    salvage: Decimal = money.ZERO
    first_month: Literal["full", "next", "days"] = "full"
    purchased: date | None = None
    disposed: Disposal | None = None
    name: str = ""
    type: str = ""
    service: str = ""
    category: str = ""
    vendor: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def span(self) -> Days:
        """The days that it is depreciated over, if it is not disposed of."""
        start = self.in_service
        if self.first_month != "days":
            start = start.replace(day=1)
        if self.first_month == "next":
            start = next_month(start)
        return Days(start, later(start, self.life))


@dataclass(frozen=True, slots=True)
class Books:
    """The file."""

    currency: str
    assets: tuple[Asset, ...]
    service: str = ""
    account: str = ""
    through: date | None = None
    """Last day that lines are made for."""
    tags: Mapping[str, str] = field(default_factory=dict)


def _asset(**said: Any) -> Asset:  # noqa: ANN401
    asset = Asset(**said)
    if asset.salvage > asset.cost:
        raise WrongError("unknown-value", "The salvage value is above the cost.",
                         "It is what is left at the end of the life.")  # fmt: skip
    if asset.disposed and asset.disposed.on < asset.in_service:
        raise WrongError("wrong-order", "The asset is disposed of before it is in service.",
                         "Correct `in service` or `disposed`.")  # fmt: skip
    return asset


_ASSET: Final = "assets: [{asset: rack-7, cost: 48000, life: 48, in service: 2025-03-10}]"
_SOLD: Final = "disposed: {on: 2027-06-30, proceeds: 5000}"

DISPOSAL: Final = Record(
    "A disposal",
    (
        Key("on", LAST, "Day; of a month the last.", _SOLD, required=True),
        Key("proceeds", AMOUNT, "What was got for it.", _SOLD),
    ),
    Disposal,
    spec=Disposal,
)

ASSET: Final = Record(
    "An asset",
    (
        Key("asset", TEXT, "ResourceId.", _ASSET, required=True),
        Key("name", TEXT, "ResourceName.", _ASSET, default="the asset"),
        Key("type", TEXT, "ResourceType.", _ASSET),
        Key("cost", AMOUNT, "What it cost, ready for use.", _ASSET, required=True),
        Key("salvage", AMOUNT, "What it is worth at the end of its life.", _ASSET),
        Key("life", Number(low=1, high=600, whole=True), "Useful life in months.", _ASSET,
            required=True),
        Key("in service", FIRST, "Day or month it came into use.", _ASSET, required=True),
        Key("first month", Choice(("full", "next", "days")), "Whether the month of `in service`"
            " counts whole, not at all, or by its days.", _ASSET),
        Key("purchased", FIRST, "Day or month it was billed.", _ASSET,
            default="`in service`"),
        Key("disposed", DISPOSAL, "That it was sold or scrapped.", _SOLD),
        Key("service", TEXT, "ServiceName.", _ASSET, default="the file's"),
        Key("category", TEXT, "ServiceCategory.", _ASSET, default="Compute"),
        Key("vendor", TEXT, "InvoiceIssuerName.", _ASSET),
        Key("tags", TAGS, "Tags, beside the file's.", _ASSET),
    ),
    _asset,
    spec=Asset,
)  # fmt: skip

BOOKS: Final = Record(
    "A file of assets",
    (
        Key("currency", TEXT, "Of all amounts.", "currency: EUR", required=True),
        Key("service", TEXT, "ServiceName of the assets.", "service: Data centre",
            default="Assets"),
        Key("account", TEXT, "BillingAccountId.", "account: fixed assets",
            default="fixed assets"),
        Key("through", LAST, "Last day or month that lines are made for.", "through: 2025-12",
            default="the end of each life"),
        Key("tags", TAGS, "Tags of all lines.", "tags: {Team: data centre}"),
        Key("assets", Listed(ASSET, key="asset", single=False), "The assets.", _ASSET,
            required=True),
    ),
    Books,
    spec=Books,
)  # fmt: skip


def lines_of(written: Written) -> Iterator[Line]:
    """Yield a line for the purchase, one for each month of use, and one for the disposal."""
    books: Books = written.value
    for asset in books.assets:
        own = _own(written, books, asset)
        for line in _lines(asset):
            start = line["ChargePeriodStart"]
            assert isinstance(start, date)  # noqa: S101
            if books.through is None or start <= books.through:
                yield {**own, **line}


def _lines(asset: Asset) -> Iterator[Line]:
    bought = asset.purchased or asset.in_service
    yield _line(Days(bought, bought + _A_DAY), "Purchase", f"Purchase of {asset.asset}",
                asset.cost, money.ZERO)  # fmt: skip
    book = asset.cost
    for number, (days, amount) in enumerate(depreciation(asset), 1):
        book = EXACT.subtract(book, amount)
        yield _line(days, "Usage", f"Depreciation, month {number}", money.ZERO, amount)
    if asset.disposed is not None:
        on, proceeds = asset.disposed.on, asset.disposed.proceeds
        loss = EXACT.subtract(book, proceeds)
        word = "Gain" if loss < 0 else "Loss"
        yield _line(Days(on, on + _A_DAY), "Adjustment", f"{word} on disposal", -proceeds, loss)


def depreciation(asset: Asset) -> list[tuple[Days, Decimal]]:
    """Return the depreciation of each month, up to the disposal.

    Over a whole life the months sum to cost less salvage value.
    """
    spans = list(months(asset.span))
    amounts = split(EXACT.subtract(asset.cost, asset.salvage), [weight(span) for span in spans])
    found = list(zip(spans, amounts, strict=True))
    if asset.disposed is None:
        return found
    end = asset.disposed.on + _A_DAY
    if asset.first_month != "days":
        end = next_month(asset.disposed.on.replace(day=1))
    return [_until(span, amount, end) for span, amount in found if span.start < end]


def _until(span: Days, amount: Decimal, end: date) -> tuple[Days, Decimal]:
    if span.end <= end:
        return span, amount
    used = Days(span.start, end)
    return used, split(amount, [weight(used), weight(span) - weight(used)])[0]


def _line(days: Days, category: str, description: str, billed: Decimal, effective: Decimal) -> Line:
    return {
        **billing_month(days.start),
        "ChargePeriodStart": days.start,
        "ChargePeriodEnd": days.end,
        "ChargeCategory": category,
        "ChargeDescription": description,
        "ChargeFrequency": "Recurring" if category == "Usage" else "One-Time",
        "BilledCost": billed,
        "EffectiveCost": effective,
        "ContractedCost": effective,
    }


def _own(written: Written, books: Books, asset: Asset) -> Line:
    account = books.account or "fixed assets"
    return {
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingCurrency": books.currency,
        "InvoiceIssuerName": asset.vendor or None,
        "ServiceName": asset.service or books.service or "Assets",
        "ServiceCategory": asset.category or "Compute",
        "ResourceId": asset.asset,
        "ResourceName": asset.name or asset.asset,
        "ResourceType": asset.type or None,
        "Tags": {**books.tags, **asset.tags},
        "x_Line": written.line("assets", asset.asset),
    }


SOURCE: BillFormat = WrittenFormat(
    "capex", (frozenset({"currency", "assets"}),), BOOKS, "currency: EUR", lines_of
)
