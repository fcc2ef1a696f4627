"""Google Cloud billing exports of BigQuery, standard and detailed: CSV, JSON, JSON lines, Parquet.

Names are flattened with dots or underscores (``service.id``, ``service_id``), or records stay
nested. The cost of a row is before credits: each credit in its array is a line of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from percapita.bills.bindings import named, spellings, told, vendor
from percapita.bills.columns import folded
from percapita.core.sources import Source
from percapita.plugins import (
    BillFormat,
    Binding,
    Cell,
    Each,
    First,
    Fixed,
    Gathered,
    Labels,
    Like,
    Total,
    When,
)

_PROOF: Final = ("usage_start_time", "cost", "sku.id", "service.description")
_COMMITMENT: Final = r"(?i)commitment.*"
_DOLLARS: Final = r"(?i)commitment.*dollar.*"
_PREEMPTIBLE: Final = r"(?i).*(preemptible|spot ).*"

_CATEGORIES: Final = {
    "Compute Engine": "Compute", "Kubernetes Engine": "Compute", "Cloud Run": "Compute",
    "Cloud Run Functions": "Compute", "Cloud Functions": "Compute", "VMware Engine": "Compute",
    "App Engine": "Web", "Firebase Hosting": "Web", "Cloud Storage": "Storage",
    "Cloud Filestore": "Storage", "Backup for GKE": "Storage", "Cloud SQL": "Databases",
    "AlloyDB": "Databases", "Cloud Spanner": "Databases", "Cloud Bigtable": "Databases",
    "Cloud Firestore": "Databases", "Cloud Datastore": "Databases",
    "Cloud Memorystore for Redis": "Databases", "BigQuery": "Analytics",
    "BigQuery Storage API": "Analytics", "BigQuery Reservation API": "Analytics",
    "Cloud Dataflow": "Analytics", "Cloud Dataproc": "Analytics", "Cloud Composer": "Analytics",
    "Looker": "Analytics", "Networking": "Networking", "Cloud DNS": "Networking",
    "Cloud CDN": "Networking", "Cloud Armor": "Security", "Secret Manager": "Security",
    "Cloud Key Management Service (KMS)": "Security", "Security Command Center": "Security",
    "Identity Platform": "Identity", "Cloud Pub/Sub": "Integration", "Cloud Tasks": "Integration",
    "Cloud Scheduler": "Integration", "Cloud Logging": "Management and Governance",
    "Cloud Monitoring": "Management and Governance",
    "Stackdriver Logging": "Management and Governance",
    "Stackdriver Monitoring": "Management and Governance",
    "Vertex AI": "AI and Machine Learning", "Gemini API": "AI and Machine Learning",
    "Cloud Vision API": "AI and Machine Learning", "Translate": "AI and Machine Learning",
    "Artifact Registry": "Developer Tools", "Cloud Build": "Developer Tools",
    "Maps API": "Mobile",
}  # fmt: skip
"""Service -> FOCUS' service category."""

# Records that hold one credit instead of an array of them keep it in a column.
_COST: Final = Total(("cost", "credits.amount"))

_COLUMNS: Final[Mapping[str, Cell | None]] = {
    "BilledCost": _COST,
    "EffectiveCost": _COST,
    "ListCost": "cost_at_list",
    "ContractedCost": "cost_at_effective_price_default",
    "BillingCurrency": "currency",
    "BillingPeriodStart": "invoice.month",
    "ChargePeriodStart": "usage_start_time",
    "ChargePeriodEnd": "usage_end_time",
    "BillingAccountId": "billing_account_id",
    "SubAccountId": "project.id",
    "SubAccountName": "project.name",
    "InvoiceIssuerName": Fixed("Google Cloud"),
    "ServiceProviderName": When(
        "invoice.publisher_type", spellings("PARTNER"), First(("seller_name", Fixed("Partner"))),
        Fixed("Google Cloud"),
    ),
    "HostProviderName": Fixed("Google Cloud"),
    "ChargeCategory": told(
        "cost_type",
        {"tax": "Tax", "adjustment": "Adjustment", "rounding_error": "Adjustment"},
        Like("sku.description", _COMMITMENT, Fixed("Purchase"), Fixed("Usage")),
    ),
    "ChargeClass": told(
        "cost_type", {"adjustment": "Correction"},
        When("adjustment_info.mode", (), Fixed("Correction")),
    ),
    "ChargeDescription": First(("adjustment_info.description", "sku.description")),
    "ChargeFrequency": told(
        "cost_type",
        {"tax": "One-Time", "adjustment": "One-Time", "rounding_error": "One-Time"},
        Like("sku.description", _COMMITMENT, Fixed("Recurring"), Fixed("Usage-Based")),
    ),
    "PricingCategory": Like(
        "sku.description", _COMMITMENT, Fixed("Committed"),
        Like(
            "sku.description", _PREEMPTIBLE, Fixed("Dynamic"),
            told("cost_type", {"regular": "Standard"}),
        ),
    ),
    "ServiceName": First(("service.description", "service.id")),
    "ServiceCategory": told("service.description", _CATEGORIES, Fixed("Other")),
    "ResourceId": First(("resource.global_name", "resource.name")),
    "ResourceName": "resource.name",
    "RegionId": First(("location.region", "location.location")),
    "RegionName": First(("location.location", "location.region")),
    "AvailabilityZone": "location.zone",
    "SkuId": "sku.id",
    "PricingQuantity": "usage.amount_in_pricing_units",
    "PricingUnit": "usage.pricing_unit",
    "ConsumedQuantity": "usage.amount",
    "ConsumedUnit": "usage.unit",
    "CommitmentDiscountId": Like("sku.description", _COMMITMENT, "subscription.instance_id"),
    "CommitmentDiscountCategory": Like(
        "sku.description", _DOLLARS, Fixed("Spend"),
        Like("sku.description", _COMMITMENT, Fixed("Usage")),
    ),
    "Tags": Gathered((
        Labels("project.labels", before="project/"), Labels("tags"), Labels("labels"),
    )),
}  # fmt: skip

_CREDIT: Final = Each(
    "credits",
    {
        "BilledCost": "amount",
        "EffectiveCost": "amount",
        "ChargeCategory": Fixed("Credit"),
        "ChargeDescription": First(("full_name", "name")),
        "x_CreditType": "type",
    },
)


class Gcp:
    """The format's entry point."""

    name = "gcp"

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell an export by when, what and how much."""
        return set(map(folded, _PROOF)) <= set(named(header))

    def aside(self, header: Sequence[str]) -> str | None:
        """Name the export of prices, which has no usage."""
        names = set(named(header))
        prices = {"skuid", "serviceid", "listprice"} <= names
        return "pricing" if prices and "usagestarttime" not in names else None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind by name."""
        return vendor(header, source, _COLUMNS, each=_CREDIT)


SOURCE: BillFormat = Gcp()
