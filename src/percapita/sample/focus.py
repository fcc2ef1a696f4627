"""The cloud's charges as FOCUS 1.2 files, one a month, with the habits of real exports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from percapita.sample.bill import EXACT, PLAN_ID, Charge, instant, month_bounds
from percapita.sample.catalogue import ACCOUNT, CATEGORIES, SANDBOX
from percapita.sample.company import MONTHS, ZONES
from percapita.sample.files import write_gzip

NULL: Final = "NULL"
"""How the exports write that there is nothing."""

_ISSUER: Final = "Amazon Web Services, Inc."
_ACCOUNTS: Final = {SANDBOX: "cobaltdesk-sandbox"}


def write(folder: Path, charges: Sequence[Charge], extra: Sequence[tuple[str, str]] = ()) -> None:
    """Write one file a month; ``extra`` are (month, row) to add at its end."""
    for month in MONTHS:
        rows = [row(charge) for charge in charges if charge.month == month]
        rows += [text for where, text in extra if where == month]
        write_gzip(folder / f"{month}.csv.gz", [header(), *rows])


def header() -> str:
    """Return the line of column names."""
    return ",".join(name for name, _ in _cells(_ANY))


def row(charge: Charge) -> str:
    """Return a charge as a line of the file."""
    return ",".join(text for _, text in _cells(charge))


def money(amount: Decimal) -> str:
    """Write an amount; small ones as exports do, like ``1.6E-06``."""
    if amount and abs(amount) < Decimal("0.0001"):
        mantissa, _, exponent = format(amount.normalize(EXACT), "E").partition("E")
        return f"{mantissa}E-{int(exponent[1:]):02d}"
    return format(amount, "f")


def _text(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if value else NULL


def _cells(charge: Charge) -> Iterator[tuple[str, str]]:
    yield from _accounts(charge)
    yield from _charge(charge)
    yield from _commitment(charge)
    yield from _costs(charge)
    yield from _resource(charge)


def _accounts(charge: Charge) -> Iterator[tuple[str, str]]:
    first, after = month_bounds(charge.month)
    yield "BillingAccountId", _text(ACCOUNT)
    yield "BillingAccountName", _text("Cobaltdesk")
    yield "BillingCurrency", _text("USD")
    yield "BillingPeriodStart", _text(f"{first} 00:00:00")
    yield "BillingPeriodEnd", _text(f"{after} 00:00:00")
    yield "InvoiceId", _text(f"CD-{first:%Y%m}")
    yield "InvoiceIssuerName", _text(_ISSUER)
    yield "ProviderName", _text("AWS")
    yield "PublisherName", _text(_ISSUER)
    yield "SubAccountId", _text(charge.account)
    name = _ACCOUNTS.get(charge.account, "cobaltdesk-production") if charge.account else ""
    yield "SubAccountName", _text(name)


_FREQUENCIES: Final = {"Usage": "Usage-Based", "Purchase": "Recurring"}


def _charge(charge: Charge) -> Iterator[tuple[str, str]]:
    yield "ChargeCategory", _text(charge.category)
    yield "ChargeClass", _text("Correction" if charge.correction else "")
    yield "ChargeDescription", _text(charge.description)
    yield "ChargeFrequency", _text(_FREQUENCIES.get(charge.category, "One-Time"))
    yield "ChargePeriodStart", _text(f"{charge.start:%Y-%m-%d %H:%M:%S}")
    yield "ChargePeriodEnd", _text(f"{charge.end:%Y-%m-%d %H:%M:%S}")
    quantity = NULL if charge.quantity is None else format(charge.quantity, "f")
    yield "ConsumedQuantity", quantity
    yield "ConsumedUnit", _text(charge.unit)
    yield "PricingQuantity", quantity
    yield "PricingUnit", _text(charge.unit)
    covered = charge.plan == "Used"
    standard = "Standard" if charge.category == "Usage" else ""
    yield "PricingCategory", _text("Committed" if covered else standard)


def _commitment(charge: Charge) -> Iterator[tuple[str, str]]:
    planned = bool(charge.plan)
    yield "CommitmentDiscountCategory", _text("Spend" if planned else "")
    yield "CommitmentDiscountId", _text(PLAN_ID if planned else "")
    yield "CommitmentDiscountName", _text("compute-1" if planned else "")
    yield "CommitmentDiscountStatus", _text(charge.plan.replace("Purchase", ""))
    yield "CommitmentDiscountType", _text("Compute Savings Plan" if planned else "")


def _costs(charge: Charge) -> Iterator[tuple[str, str]]:
    yield "BilledCost", money(charge.billed)
    yield "EffectiveCost", money(charge.effective)
    yield "ContractedCost", money(charge.contracted)
    yield "ListCost", money(charge.listed)
    yield "ListUnitPrice", charge.price or NULL
    yield "ContractedUnitPrice", NULL


_COST_CENTRES: Final = {"core": "CC-4100", "platform": "CC-4200"}


def _resource(charge: Charge) -> Iterator[tuple[str, str]]:
    used = bool(charge.resource) and charge.category == "Usage"
    yield "RegionId", _text(ZONES.get(charge.region, ""))
    yield "RegionName", _text(ZONES.get(charge.region, ""))
    yield "AvailabilityZone", NULL
    yield "ResourceId", _text(charge.resource)
    yield "ResourceName", _text(charge.resource.rsplit(":", 1)[-1])
    yield "ResourceType", _text(charge.sku.partition(":")[0] if used else "")
    yield "ServiceCategory", _text(CATEGORIES.get(charge.service, "Other"))
    yield "ServiceName", _text(charge.service or charge.category)
    yield "SkuId", _text(charge.sku)
    yield "SkuPriceId", _text(f"{charge.sku}.1" if charge.price else "")
    yield "Tags", _text(json.dumps(dict(charge.tags)) if charge.tags else "")
    yield "x_component", _text(charge.component)
    yield "x_cost_centre", _text(_COST_CENTRES.get(charge.tags.get("Team", ""), ""))


_ANY: Final = Charge(MONTHS[0], instant(month_bounds(MONTHS[0])[0]), instant(
    month_bounds(MONTHS[0])[1]), "")  # fmt: skip
