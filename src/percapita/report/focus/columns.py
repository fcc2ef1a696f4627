"""The columns of FOCUS' Cost and Usage, version by version, and what fills them from our lines.

A bill that leaves a column empty which FOCUS demands gets the value that follows from the others;
``x_FilledColumns`` names every such column and what the bill itself had there; unless all is to be
left as the bill has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from percapita.core.tables import COSTS, LINE_NUMBERS, LINE_TEXTS, MONEY, key_column
from percapita.report.focus import words
from percapita.store import exact

VERSIONS: Final = ("1.2", "1.3", "1.4")
TEXT, NUMBER, TIME, MAP = "string", MONEY, "timestamp", "map<string,string>"

_TIMES: Final = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
_STORED: Final = {*_TIMES, *COSTS.values(), *LINE_TEXTS, *LINE_NUMBERS, "Tags"}
SUMMABLE: Final = (
    *COSTS.values(), "PricingQuantity", "ConsumedQuantity", "CommitmentDiscountQuantity",
    "PricingCurrencyEffectiveCost",
)  # fmt: skip
"""Columns that are split; every other column of an allocated row is its origin's."""
SPLIT: Final = {
    "AllocatedMethodId": TEXT, "AllocatedMethodDetails": TEXT, "AllocatedResourceId": TEXT,
    "AllocatedResourceName": TEXT, "AllocatedTags": MAP,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its type, what fills it (SQL over ``raw_NAME`` and the fields above it)."""

    name: str
    type: str = TEXT
    fill: str = ""
    """Empty: as the bill has it."""
    since: str = "1.2"
    until: str = "1.4"
    apart: bool = False
    """It repeats the fields above it so often that they must be computed before."""

    def inside(self, version: str) -> bool:
        """Tell whether a version of FOCUS has the column."""
        return self.since <= version <= self.until

    @property
    def raw(self) -> str:
        """The SQL of what the bill has, over the lines ``l``."""
        name = f'l."{self.name}"' if self.name in _STORED else f'l."{key_column(self.name)}"'
        if self.name == "ProviderName":
            name = f"coalesce(nullif({name}, ''), l.\"ServiceProviderName\")"
        if self.type == TEXT:
            return f"nullif(trim({name}), '')"
        if self.name not in _STORED:
            return f"TRY_CAST(nullif({name}, '') AS DECIMAL(36,18))"
        return f"CASE WHEN cardinality({name}) > 0 THEN {name} END" if self.type == MAP else name


def _costs() -> list[Field]:
    """Return the four costs: one that is unknown takes the nearest that is known."""
    near = {
        "BilledCost": ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"),
        "EffectiveCost": ("EffectiveCost", "BilledCost", "ContractedCost", "ListCost"),
        "ContractedCost": ("ContractedCost", "EffectiveCost", "BilledCost", "ListCost"),
        "ListCost": ("ListCost", "ContractedCost", "EffectiveCost", "BilledCost"),
    }
    return [
        Field(name, NUMBER, f"coalesce({', '.join(f'raw_{other}' for other in others)})")
        for name, others in near.items()
    ]


_TAX: Final = "ChargeCategory = 'Tax'"
_PRICED: Final = (
    "(ChargeCategory IN ('Usage', 'Purchase') AND coalesce(ChargeClass, '') <> 'Correction')"
)
_PROVIDER: Final = "coalesce(raw_ServiceProviderName, raw_InvoiceIssuerName, raw_source)"


def _unless(condition: str, value: str) -> str:
    return f"CASE WHEN NOT ({condition}) THEN {value} END"


_FITS: Final = 10**10
"""A price is the bill's where price x quantity is the cost to one part in so many."""


def _unit_price(name: str, cost: str) -> str:
    """Return the unit price: the bill's where price x quantity is the cost, else the quotient."""
    product = f"sign(PricingQuantity) * {exact.product(f'raw_{name}', 'PricingQuantity')}"
    whole, one = exact.grains(cost), exact.grains("CAST(1 AS DECIMAL(36,18))")
    fits = (
        f"raw_{name} >= 0 AND (NOT {_PRICED}"
        f" OR abs({product} - {whole}) <= greatest(abs({whole}), {one}) // {_FITS})"
    )
    return (
        f"CASE WHEN {_TAX} THEN NULL WHEN {fits} THEN raw_{name}"
        f" WHEN {_PRICED} AND PricingQuantity <> 0 THEN {exact.quotient(cost, 'PricingQuantity')}"
        f" WHEN {_PRICED} THEN coalesce(raw_{name}, 0) END"
    )


def _quantity() -> str:
    """Return the priced quantity; a refund's is negative, so that no unit price is."""
    found = "coalesce(raw_PricingQuantity, raw_ConsumedQuantity, 1)"
    return (
        f"CASE WHEN {_TAX} THEN NULL WHEN NOT {_PRICED} THEN raw_PricingQuantity"
        f" WHEN ListCost < 0 THEN -abs({found}) ELSE {found} END"
    )


def _seller() -> str:
    """Return who sells: the issuer of the invoice, but for another publisher's free charges.

    FOCUS lets only the seller bill: a marketplace that does sells what others publish. Bills often
    call one party by its brand and its legal name.
    """
    direct = (
        "(coalesce(raw_PublisherName, raw_InvoiceIssuerName) = raw_InvoiceIssuerName"
        " OR (raw_InvoiceIssuerName IS NOT NULL AND BilledCost <> 0))"
    )
    named = f"coalesce(raw_ProviderName, {_PROVIDER})"
    return f"CASE WHEN {direct} THEN raw_InvoiceIssuerName ELSE {named} END"


def _invoice() -> str:
    """Return what stands for an invoice where the line names none.

    That is the provisional one of issuer and month, or where nobody bills a statement of one's own.
    """
    own = "raw_InvoiceIssuerName IS NULL AND raw_ServiceProviderName IS NULL"
    named = f"CASE WHEN {own} THEN 'internal ' || raw_source"
    return f"{named} ELSE 'provisional ' || InvoiceIssuerName END || strftime(raw_month, ' %Y-%m')"


def _identity() -> list[Field]:
    account = "coalesce(raw_BillingAccountId, raw_source)"
    return [
        Field("BillingAccountId", fill=account),
        Field("BillingAccountName", fill="coalesce(raw_BillingAccountName, BillingAccountId)"),
        Field("BillingAccountType", fill="coalesce(raw_BillingAccountType, 'Billing Account')"),
        Field("SubAccountId"),
        Field("SubAccountName", fill=_unless("raw_SubAccountId IS NULL",
                                             "coalesce(raw_SubAccountName, raw_SubAccountId)")),
        Field("SubAccountType", fill=_unless("raw_SubAccountId IS NULL",
                                             "coalesce(raw_SubAccountType, 'Sub Account')")),
        Field("InvoiceIssuerName", fill=f"coalesce(raw_InvoiceIssuerName, {_PROVIDER})"),
        Field("ProviderName", fill=_seller(), until="1.3"),
        Field("PublisherName", fill=f"coalesce(raw_PublisherName, {_PROVIDER})", until="1.3"),
        Field("ServiceProviderName", fill=_PROVIDER, since="1.3"),
        Field("HostProviderName", fill=f"coalesce(raw_HostProviderName, {_PROVIDER})",
              since="1.3"),
        Field("BillingCurrency", fill="coalesce(raw_BillingCurrency, raw_currency)"),
        Field("BillingPeriodStart", TIME, "coalesce(raw_BillingPeriodStart, raw_month)"),
        Field("BillingPeriodEnd", TIME,
              "coalesce(raw_BillingPeriodEnd, raw_month + INTERVAL 1 MONTH)"),
        Field("ChargePeriodStart", TIME, "coalesce(raw_ChargePeriodStart, BillingPeriodStart)"),
        Field("ChargePeriodEnd", TIME, "coalesce(raw_ChargePeriodEnd, BillingPeriodEnd)"),
        Field("InvoiceId", fill=f"coalesce(raw_InvoiceId, {_invoice()})"),
        Field("InvoiceDetailId", since="1.4"),
    ]  # fmt: skip


def _charge() -> list[Field]:
    category = words.category("raw_ServiceCategory")
    sub = words.subcategory("raw_ServiceSubcategory", "ServiceCategory")
    return [
        Field("ChargeCategory", fill="coalesce(raw_ChargeCategory, 'Usage')"),
        Field("ChargeClass", fill="CASE WHEN raw_ChargeClass = 'Correction' THEN 'Correction' END"),
        Field("ServiceName", fill=f"coalesce(raw_ServiceName, {_PROVIDER})"),
        Field("ServiceCategory", fill=f"coalesce(raw_one_category, {category})"),
        Field("ServiceSubcategory", fill=f"coalesce(raw_one_subcategory, {sub})"),
        Field("ChargeDescription",
              fill="coalesce(raw_ChargeDescription, raw_SkuId, ServiceName)"),
        Field("ChargeFrequency", fill=words.frequency("raw_ChargeFrequency", "ChargeCategory")),
        Field("RegionId", fill="coalesce(raw_RegionId, raw_RegionName)"),
        Field("RegionName", fill="coalesce(raw_RegionName, raw_RegionId)"),
        Field("AvailabilityZone"),
        Field("ResourceId"),
        Field("ResourceName", fill=_unless("raw_ResourceId IS NULL", "raw_ResourceName")),
        Field("ResourceType", fill=_unless("raw_ResourceId IS NULL",
                                           "coalesce(raw_ResourceType, ServiceName)")),
        Field("Tags", MAP),
    ]  # fmt: skip


def _pricing() -> list[Field]:
    sku = "coalesce(raw_SkuId, raw_SkuPriceId, raw_ResourceType, ServiceName)"
    sku = f"CASE WHEN {_TAX} THEN NULL WHEN {_PRICED} THEN {sku} ELSE raw_SkuId END"
    consumed = "coalesce(raw_ConsumedQuantity, raw_PricingQuantity, 0)"
    unit = words.unit("coalesce(raw_PricingUnit, raw_ConsumedUnit, 'Unit')")
    used = words.unit("coalesce(raw_ConsumedUnit, raw_PricingUnit, 'Unit')")
    own = words.pricing("raw_PricingCategory", "raw_CommitmentDiscountId")
    unused = "ChargeCategory <> 'Usage' OR coalesce(raw_CommitmentDiscountStatus, '') = 'Unused'"
    return [
        Field("PricingCategory",
              fill=f"CASE WHEN {_TAX} THEN NULL WHEN {_PRICED} THEN {own}"
                   f" WHEN raw_PricingCategory IS NOT NULL THEN {own} END"),
        Field("PricingQuantity", NUMBER, _quantity()),
        Field("PricingUnit", fill=_unless("PricingQuantity IS NULL", unit)),
        Field("ConsumedQuantity", NUMBER, _unless(unused, consumed)),
        Field("ConsumedUnit", fill=_unless("ConsumedQuantity IS NULL", used)),
        Field("ListUnitPrice", NUMBER, _unit_price("ListUnitPrice", "ListCost"), apart=True),
        Field("ContractedUnitPrice", NUMBER,
              _unit_price("ContractedUnitPrice", "ContractedCost"), apart=True),
        Field("PricingCurrency", fill="coalesce(raw_PricingCurrency, BillingCurrency)"),
        *(Field(f"PricingCurrency{name}", NUMBER,
                _unless(_TAX, f"coalesce(raw_PricingCurrency{name}, {name})")
                if name.endswith("Price") else f"coalesce(raw_PricingCurrency{name}, {name})")
          for name in ("ListUnitPrice", "ContractedUnitPrice", "EffectiveCost")),
        Field("SkuId", fill=sku),
        Field("SkuPriceId", fill=f"CASE WHEN {_TAX} THEN NULL"
                                 f" WHEN {_PRICED} THEN coalesce(raw_SkuPriceId, SkuId)"
                                 " ELSE raw_SkuPriceId END"),
        Field("SkuMeter", fill=_unless("SkuId IS NULL", "coalesce(raw_SkuMeter, SkuId)")),
        Field("SkuPriceDetails", fill=_unless("SkuPriceId IS NULL", "raw_SkuPriceDetails")),
    ]  # fmt: skip


def _commitments() -> list[Field]:
    held = "raw_CommitmentDiscountId IS NULL"
    counted = f"raw_CommitmentDiscountId IS NOT NULL AND {_PRICED}"
    amount = "CASE ChargeCategory WHEN 'Purchase' THEN BilledCost ELSE EffectiveCost END"
    spend = "CommitmentDiscountCategory = 'Spend'"
    size = f"CASE WHEN {spend} THEN {amount} ELSE coalesce(ConsumedQuantity, PricingQuantity) END"
    unit = f"CASE WHEN {spend} THEN BillingCurrency ELSE coalesce(ConsumedUnit, PricingUnit) END"
    return [
        Field("CommitmentDiscountId"),
        Field("CommitmentDiscountName", fill=_unless(held, "raw_CommitmentDiscountName")),
        Field("CommitmentDiscountCategory",
              fill=_unless(held, words.commitment("raw_CommitmentDiscountCategory"))),
        Field("CommitmentDiscountType",
              fill=_unless(held, "coalesce(raw_CommitmentDiscountType, 'Commitment Discount')")),
        # What a commitment costs is neither used nor unused; what it covers is.
        Field("CommitmentDiscountStatus",
              fill=_unless(f"{held} OR ChargeCategory <> 'Usage'",
                           "raw_CommitmentDiscountStatus")),
        Field("CommitmentDiscountQuantity", NUMBER,
              f"CASE WHEN {counted} THEN coalesce(raw_CommitmentDiscountQuantity, {size}) END"),
        Field("CommitmentDiscountUnit",
              fill=_unless("CommitmentDiscountQuantity IS NULL",
                           words.unit(f"coalesce(raw_CommitmentDiscountUnit, {unit})"))),
        Field("CapacityReservationId"),
        Field("CapacityReservationStatus",
              fill=_unless("raw_CapacityReservationId IS NULL", "raw_CapacityReservationStatus")),
        Field("ContractApplied", since="1.3"),
        Field("CommitmentProgramEligibilityDetails", since="1.4"),
    ]  # fmt: skip


FIELDS: Final = (
    *_costs(), *_identity(), *_charge(), *_pricing(), *_commitments(),
    *(Field(name, TEXT, since="1.3") for name in SPLIT),
)  # fmt: skip
"""Every column of Cost and Usage; each is filled from those before it and from the bill's own."""


EXTRA: Final = tuple(
    {field.name.casefold(): field.name for field in FIELDS if field.name not in _STORED}.values()
)
"""Keys of ``Extra`` that fill columns; ``lines`` is bound with them."""


def of_version(version: str) -> list[str]:
    """Return the columns of a version, in the order that the specification lists them."""
    return sorted(field.name for field in FIELDS if field.inside(version))


def prefixed(version: str, name: str) -> str:
    """Return what a version calls a split column: those that lack it get it as a custom one."""
    return name if version >= "1.3" else f"x_{name}"
