"""Oracle Cloud cost reports in Oracle's own format: ``lineItem/…``, ``product/…``, ``cost/…``.

Oracle's FOCUS reports are FOCUS, and read as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from percapita.bills.bindings import named, spellings, told, vendor
from percapita.core.sources import Source
from percapita.plugins import BillFormat, Binding, Cell, First, Fixed, When

_TAG: Final = "tags/"
_COST: Final = "cost/myCost"
_START: Final = "lineItem/intervalUsageStart"

_CATEGORIES: Final = {
    "COMPUTE": "Compute", "OKE": "Compute", "FUNCTIONS": "Compute",
    "CONTAINER_INSTANCES": "Compute", "BLOCK_STORAGE": "Storage", "OBJECTSTORE": "Storage",
    "OBJECTSTORAGE": "Storage", "FILE_STORAGE": "Storage", "ARCHIVE_STORAGE": "Storage",
    "DATABASE": "Databases", "AUTONOMOUS_DATABASE": "Databases", "MYSQL": "Databases",
    "NOSQL": "Databases", "POSTGRESQL": "Databases", "REDIS": "Databases", "NETWORK": "Networking",
    "VIRTUAL_NETWORK": "Networking", "LBAAS": "Networking", "LOAD_BALANCER": "Networking",
    "DNS": "Networking", "FASTCONNECT": "Networking", "WAF": "Security", "KMS": "Security",
    "VAULT": "Security", "ANALYTICS": "Analytics", "DATAFLOW": "Analytics",
    "DATASCIENCE": "AI and Machine Learning", "GENERATIVE_AI": "AI and Machine Learning",
    "STREAMING": "Integration", "INTEGRATION": "Integration", "QUEUE": "Integration",
    "TELEMETRY": "Management and Governance", "MONITORING": "Management and Governance",
    "LOGGING": "Management and Governance", "NOTIFICATION": "Integration",
}  # fmt: skip
"""Service -> FOCUS' service category."""

_COLUMNS: Final[Mapping[str, Cell | None]] = {
    # Overage is part of both, and named beside them.
    "BilledCost": _COST,
    "EffectiveCost": _COST,
    "BillingCurrency": "cost/currencyCode",
    "ChargePeriodStart": _START,
    "ChargePeriodEnd": "lineItem/intervalUsageEnd",
    "BillingAccountId": "lineItem/tenantId",
    "SubAccountId": "product/compartmentId",
    "SubAccountName": "product/compartmentName",
    "InvoiceIssuerName": Fixed("Oracle"),
    "ServiceProviderName": Fixed("Oracle"),
    "HostProviderName": Fixed("Oracle"),
    "ChargeCategory": Fixed("Usage"),
    "ChargeClass": When("lineItem/isCorrection", spellings("true", "True"), Fixed("Correction")),
    "ChargeDescription": "product/description",
    "ChargeFrequency": Fixed("Usage-Based"),
    "ServiceName": First(("product/service", "product/resource")),
    "ServiceCategory": told("product/service", _CATEGORIES, Fixed("Other")),
    "ResourceId": "product/resourceId",
    "ResourceType": "product/resource",
    "RegionId": "product/region",
    "RegionName": "product/region",
    "AvailabilityZone": "product/availabilityDomain",
    "SkuId": "cost/productSku",
    "PricingQuantity": "usage/billedQuantity",
    "PricingUnit": First(("cost/skuUnitDescription", "cost/billingUnitReadable")),
    "ConsumedQuantity": First(("usage/consumedQuantity", "usage/billedQuantity")),
    "ConsumedUnit": First(
        ("usage/consumedQuantityUnits", "cost/billingUnitReadable", "cost/skuUnitDescription")
    ),
}  # fmt: skip


def _name(column: str) -> str:
    return column.strip().lower()


class Oci:
    """The format's entry point."""

    name = "oci"

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell a cost report by its cost and its interval."""
        return {_name(_COST), _name(_START)} <= set(named(header, _name))

    def aside(self, header: Sequence[str]) -> str | None:
        """Name the usage report, which comes in the same folder and has no cost."""
        names = set(named(header, _name))
        return "usage report" if _name(_START) in names and _name(_COST) not in names else None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind by name; each tag has a column."""
        tags: dict[str, Cell] = {
            f"tags.{column.strip()[len(_TAG) :]}": column
            for column in header
            if _name(column).startswith(_TAG)
        }
        return vendor(header, source, {**_COLUMNS, **tags}, name=_name)


SOURCE: BillFormat = Oci()
