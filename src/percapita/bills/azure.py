"""Microsoft Azure cost exports: Enterprise Agreement, Customer Agreement and pay-as-you-go.

Azure writes the same charges into two exports. The actual one holds what is billed: purchases of
commitments, and 0 for usage that they cover. The amortised one holds what usage costs: a part of
the purchase for covered usage, and what was left unused. Nothing in the files tells them apart, so
there is a format for a single export, and one for each of both.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Literal

from percapita.bills.bindings import fitted, named, spellings, told, vendor
from percapita.bills.columns import folded
from percapita.core.sources import Source
from percapita.plugins import BillFormat, Binding, Cell, First, Fixed, Like, Part, When

Dataset = Literal["", "actual", "amortized"]

_ENGLISH: Final = re.compile(r".*[(\uff08]\s*([A-Za-z0-9 _]+?)\s*[)\uff09]\s*", re.DOTALL)
"""A header in another language names the English column behind it, in parentheses."""

_COSTS: Final = ("CostInBillingCurrency", "Cost", "PreTaxCost", "ExtendedCost")
_DATES: Final = ("Date", "UsageDateTime", "UsageDate")
_PROOF: Final = frozenset(map(folded, (
    "MeterCategory", "MeterId", "ConsumedService", "SubscriptionId", "SubscriptionGuid",
    "ResourceLocation", "UnitOfMeasure",
)))  # fmt: skip
"""Of these a file has two at least."""

_HALF: Final = (
    "These charges know commitments, of which one Azure export tells half: import the actual export"
    " with format azure-actual and the amortised one, as a source of its own, with format"
    " azure-amortized."
)
_ZERO: Final = Fixed("0")
_USAGE: Final = spellings("Usage")
_BOUGHT: Final = spellings("Purchase", "Refund")
_UNUSED: Final = spellings("UnusedReservation", "UnusedSavingsPlan")
_RESERVED: Final = ("Reservation", "ReservedInstance")
_PLANNED: Final = ("SavingsPlan", "Savings Plan")
_COMMITTED: Final = spellings(*_RESERVED, *_PLANNED)

_CATEGORIES: Final = {
    "AI + Machine Learning": "AI and Machine Learning", "Analytics": "Analytics",
    "Data": "Analytics", "Compute": "Compute", "Specialized Compute": "Compute",
    "Containers": "Compute", "Windows Virtual Desktop": "Compute",
    "Databases": "Databases", "Developer Tools": "Developer Tools", "Integration": "Integration",
    "Internet of Things": "Internet of Things", "Management and Governance":
    "Management and Governance", "Azure Arc": "Multicloud", "Azure Stack": "Multicloud",
    "Mobile": "Mobile", "Networking": "Networking", "Telecommunications": "Networking",
    "Security": "Security", "Azure Security": "Security", "Storage": "Storage", "Web": "Web",
    "Dynamics": "Business Applications", "Power Platform": "Business Applications",
    "Office 365": "Business Applications", "Azure Communication Services": "Integration",
}  # fmt: skip
"""Service family -> FOCUS' service category."""

_BY_METER: Final = {
    "Virtual Machines": "Compute", "Virtual Machines Licenses": "Compute", "Functions": "Compute",
    "Cloud Services": "Compute", "Azure Kubernetes Service": "Compute",
    "Container Instances": "Compute", "Container Registry": "Compute", "Storage": "Storage",
    "Backup": "Storage", "Azure NetApp Files": "Storage", "Bandwidth": "Networking",
    "Virtual Network": "Networking", "Load Balancer": "Networking", "VPN Gateway": "Networking",
    "Application Gateway": "Networking", "Azure DNS": "Networking", "Networking": "Networking",
    "Content Delivery Network": "Networking", "NAT Gateway": "Networking",
    "Azure Firewall": "Networking", "ExpressRoute": "Networking", "SQL Database": "Databases",
    "Azure Cosmos DB": "Databases", "Redis Cache": "Databases", "SQL Managed Instance": "Databases",
    "Azure Database for PostgreSQL": "Databases", "Azure Database for MySQL": "Databases",
    "Azure App Service": "Web", "Azure Cognitive Search": "AI and Machine Learning",
    "Cognitive Services": "AI and Machine Learning", "Key Vault": "Security",
    "Azure Machine Learning": "AI and Machine Learning", "Event Hubs": "Integration",
    "Service Bus": "Integration", "Logic Apps": "Integration", "API Management": "Integration",
    "Azure Data Factory": "Integration", "Azure Databricks": "Analytics",
    "Azure Synapse Analytics": "Analytics", "Azure Monitor": "Management and Governance",
    "Log Analytics": "Management and Governance",
}  # fmt: skip
"""Meter category -> FOCUS' service category, in files that know no service family."""


def _name(column: str) -> str:
    english = _ENGLISH.fullmatch(column)
    return folded(english[1] if english else column)


def _covered(then: Cell, otherwise: Cell | None) -> Cell:
    """Return the cell of usage that a commitment covers, and of usage that none does.

    Older files name the reservation and no pricing model.
    """
    by_id = When("ReservationId", (), then, otherwise)
    return When("PricingModel", _COMMITTED, then, When("PricingModel", (), otherwise, by_id))


def _usage(then: Cell, otherwise: Cell | None) -> Cell:
    """Return the cell of usage, and of purchases, refunds, tax and the like."""
    return When("ChargeType", _USAGE, then, When("ChargeType", (), otherwise, then))


_COST: Final = First(_COSTS)
_BILLED: Final = When("ChargeType", _UNUSED, _ZERO, _usage(_covered(_ZERO, _COST), _COST))
"""What a single export bills: nothing for covered usage, whatever it is worth."""


def _amounts(dataset: Dataset) -> Mapping[str, Cell]:
    listed: dict[str, Cell] = {"ListCost": "PaygCostInBillingCurrency"}
    if dataset == "actual":
        return {"BilledCost": _COST}
    if dataset == "amortized":
        return {"EffectiveCost": _COST, **listed}
    return {"BilledCost": _BILLED, "EffectiveCost": _COST, **listed}


def _commitment(reserved: str, planned: str) -> Cell | None:
    """Return the cell that says one thing of reservations and another of savings plans."""
    meanings = dict.fromkeys(_RESERVED, reserved) | dict.fromkeys(_PLANNED, planned)
    by_id = When("ReservationId", (), Fixed(reserved))
    unused = {"UnusedReservation": reserved, "UnusedSavingsPlan": planned}
    return told("ChargeType", unused, told("PricingModel", meanings, by_id))


_DAY: Final = r"^([0-9]+[-/.][0-9]+[-/.][0-9]+)([T ].*)?$"
"""Charges are by day, even where the cell has a clock."""

_OTHERS: Final[Mapping[str, Cell | None]] = {
    "ChargePeriodStart": First(tuple(c for d in _DATES for c in (Part(d, _DAY), d))),
    # Its end is the last day, not the first one after it: a month from the start is meant.
    "BillingPeriodStart": First((Part("BillingPeriodStartDate", _DAY), "BillingPeriodStartDate")),
    # Subscriptions that pay for themselves are accounts of their own.
    "BillingAccountId": First(
        ("BillingAccountId", "BillingProfileId", "SubscriptionGuid", "SubscriptionId")
    ),
    "BillingAccountName": First(("BillingAccountName", "BillingProfileName")),
    "BillingCurrency": First(("BillingCurrency", "BillingCurrencyCode", "Currency")),
    "SubAccountId": First(("SubscriptionGuid", "SubscriptionId")),
    "SubAccountName": "SubscriptionName",
    "InvoiceId": "InvoiceId",
    "InvoiceIssuerName": First(("PartnerName", Fixed("Microsoft"))),
    "ServiceProviderName": When(
        "PublisherType", spellings("Marketplace"), First(("PublisherName", Fixed("Microsoft"))),
        Fixed("Microsoft"),
    ),
    "HostProviderName": Fixed("Microsoft"),
    "ChargeCategory": told(
        "ChargeType",
        {"Usage": "Usage", "UnusedReservation": "Usage", "UnusedSavingsPlan": "Usage",
         "Purchase": "Purchase", "Refund": "Purchase", "Tax": "Tax", "Credit": "Credit"},
        When("ChargeType", (), Fixed("Adjustment"), Fixed("Usage")),
    ),
    "ChargeClass": told("ChargeType", {"Refund": "Correction"}),
    "ChargeDescription": First(("ProductName", "Product", "MeterName")),
    "ChargeFrequency": told(
        "Frequency",
        {"OneTime": "One-Time", "Recurring": "Recurring", "UsageBased": "Usage-Based"},
    ),
    "PricingCategory": told(
        "PricingModel",
        {"OnDemand": "Standard", "On Demand": "Standard", "Spot": "Dynamic",
         **dict.fromkeys((*_RESERVED, *_PLANNED), "Committed")},
    ),
    "ServiceName": First(("MeterCategory", "ConsumedService", "ServiceFamily")),
    "ServiceCategory": First((
        told("ServiceFamily", _CATEGORIES) or Fixed("Other"),
        told("MeterCategory", _BY_METER, Fixed("Other")) or Fixed("Other"),
    )),
    "ResourceId": First(("ResourceId", "InstanceId", "InstanceName")),
    "ResourceName": "ResourceName",
    "ResourceType": First((
        "ResourceType",
        *(Part(column, r"(?i)/providers/([^/]+/[^/]+)") for column in
          ("ResourceId", "InstanceId", "InstanceName")),
    )),
    "RegionId": First(("ResourceLocation", "Location")),
    "RegionName": First(("Location", "ResourceLocation")),
    "AvailabilityZone": "AvailabilityZone",
    "SkuId": "MeterId",
    "SkuPriceId": First(("PartNumber", "ProductId")),
    "PricingUnit": "UnitOfMeasure",
    "ConsumedQuantity": First(("Quantity", "UsageQuantity", "ConsumedQuantity")),
    "CommitmentDiscountId": First(("BenefitId", "ReservationId")),
    "CommitmentDiscountName": First(("BenefitName", "ReservationName")),
    "CommitmentDiscountCategory": _commitment("Usage", "Spend"),
    "CommitmentDiscountType": _commitment("Reservation", "Savings Plan"),
    "CommitmentDiscountStatus": When(
        "ChargeType", _UNUSED, Fixed("Unused"), _usage(_covered(Fixed("Used"), None), None)
    ),
    "Tags": "Tags",
    "x_ResourceGroupName": First(("ResourceGroup", "ResourceGroupName")),
    "x_SkuMeterName": "MeterName",
    "x_SkuMeterSubcategory": "MeterSubCategory",
    "x_InvoiceSectionName": First(("InvoiceSectionName", "InvoiceSection", "DepartmentName")),
    "x_CostCenter": "CostCenter",
}  # fmt: skip


_NONE: Final = r"[-+]?[0., ]+([eE][-+]?[0-9]+)?"
_WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    "actual": re.compile("actual", re.IGNORECASE),
    "amortized": re.compile("amorti[sz]", re.IGNORECASE),
}


class Azure:
    """The format of one dataset, or of a single export."""

    def __init__(self, name: str, dataset: Dataset = "") -> None:
        self.name = name
        self._dataset = dataset

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell an export by a cost, a day, and what only Azure says of a meter."""
        names = set(named(header, _name))
        costs = names & set(map(folded, _COSTS))
        days = names & set(map(folded, _DATES))
        return not self._dataset and bool(costs and days) and len(names & _PROOF) > 1

    def aside(self, header: Sequence[str]) -> str | None:
        """Name the price sheet and the reservation details, which come in the same folder."""
        names = set(named(header, _name))
        if "unitprice" in names and "meterid" in names and not names & set(map(folded, _DATES)):
            return "price sheet"
        if {"reservationid", "usedhours"} <= names:
            return "reservation details"
        return None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind the columns of the file's generation."""
        half = () if self._dataset else ("CommitmentDiscountId", "CommitmentDiscountType")
        remarks = dict.fromkeys(half, _HALF)
        columns = {**_amounts(self._dataset), **_OTHERS}
        return vendor(header, source, columns, name=_name, remarks=remarks)


ACTUAL: BillFormat = Azure("azure-actual", "actual")
AMORTIZED: BillFormat = Azure("azure-amortized", "amortized")


class Single(Azure):
    """The format of an export that is not said to be one of two. Both, side by side, are seen."""

    def datasets(self) -> Mapping[str, BillFormat]:
        """Return how either is read beside the other."""
        return {"actual": ACTUAL, "amortized": AMORTIZED}

    def trace(self, header: Sequence[str]) -> Cell | None:
        """Return what only one of the datasets has: purchases, or what commitments are worth."""
        at = named(header, _name)
        cost = next((at[folded(c)] for c in _COSTS if folded(c) in at), None)
        if cost is None:
            return None
        worth = Like(cost, _NONE, Fixed("nothing"), Fixed("worth"))
        bought = When("ChargeType", _BOUGHT, _covered(Fixed("bought"), None))
        cell = When("ChargeType", _UNUSED, Fixed("worth"), _usage(_covered(worth, None), bought))
        return fitted(cell, lambda column: at.get(_name(column)))

    def dataset(self, names: Sequence[str], traces: Collection[str]) -> str:
        """Return ``actual`` or ``amortized`` by the first name that says one of them, or by rows.

        Covered usage may be worth nothing in both, so that what else is there counts more.
        """
        for name in names:
            said = [word for word, pattern in _WORDS.items() if pattern.search(name)]
            if len(said) == 1:
                return said[0]
        if "worth" in traces:
            return "" if "bought" in traces else "amortized"
        return "actual" if traces else ""


SOURCE: BillFormat = Single("azure")
