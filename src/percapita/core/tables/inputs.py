"""The tables that import writes: bills, usage, who is who, head counts, revenue."""

from __future__ import annotations

from typing import Final

from percapita.core.tables.shape import MONEY, WIDE, Table, columns

COSTS: Final = {
    "billed": "BilledCost",
    "effective": "EffectiveCost",
    "contracted": "ContractedCost",
    "list": "ListCost",
}
"""The bases an amount can be in, and the FOCUS column that carries each."""

LINE_TEXTS: Final = (
    "BillingAccountId", "BillingAccountName", "SubAccountId", "SubAccountName", "InvoiceId",
    "InvoiceIssuerName", "ServiceProviderName", "HostProviderName", "BillingCurrency",
    "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency", "PricingCategory",
    "ServiceName", "ServiceCategory", "ServiceSubcategory", "ResourceId", "ResourceName",
    "ResourceType", "RegionId", "RegionName", "AvailabilityZone", "SkuId", "SkuPriceId",
    "PricingUnit", "ConsumedUnit", "CommitmentDiscountId", "CommitmentDiscountName",
    "CommitmentDiscountCategory", "CommitmentDiscountType", "CommitmentDiscountStatus",
)  # fmt: skip
"""The FOCUS columns of a line that are text; all may be null."""

LINE_NUMBERS: Final = ("PricingQuantity", "ConsumedQuantity")

LINES: Final = Table(
    "lines",
    row="one charge, under FOCUS column names",
    writer="bills",
    key=("LineId",),
    partition=("period", "import"),
    columns=columns(
        ("LineId", "string", "hash of the canonical columns, and an ordinal among equals"),
        ("source", "string", "name of the source that delivered it"),
        ("file", "string", "file it was read from, relative to the project where it can be"),
        ("row", "int64", "row in that file, 1 is the first after the header"),
        ("BillingPeriodStart", "timestamp", "billing period, null where the bill has none"),
        ("BillingPeriodEnd", "timestamp", "exclusive"),
        ("ChargePeriodStart", "timestamp", "when the charge was incurred"),
        ("ChargePeriodEnd", "timestamp", "exclusive"),
        *((name, MONEY, f"{basis} cost, in BillingCurrency") for basis, name in COSTS.items()),
        *((name, "string", "as FOCUS defines it") for name in LINE_TEXTS),
        *((name, MONEY, "as FOCUS defines it") for name in LINE_NUMBERS),
        ("Tags", "map<string,string>", "tags, keys as written"),
        ("Extra", "map<string,string>", "every other column of the file, text"),
    ),
)

ORIGINALS: Final = ("OriginalCurrency", "ExchangeRate", "ExchangeRateDay")
"""Texts beside the columns of a line where a run converted it; models say ``x_OriginalCurrency``."""


def key_column(key: str) -> str:
    """Return the column behind those of a line that holds one key of ``Extra``, if asked for."""
    return f"Extra.{key}"


READINGS: Final = Table(
    "readings",
    row="usage of one meter by one subject in one hour, day or month",
    writer="telemetry",
    key=("time", "grain", "meter", "subject", "service", "resource", "cluster", "namespace",
         "feature", "operation", "region"),
    partition=("period", "import"),
    columns=columns(
        ("time", "timestamp", "hour: its first instant. day, month: the local date as UTC midnight"),
        ("grain", "string", "hour, day or month"),
        ("meter", "string", "what was measured"),
        ("subject", "int64", "who used it; 0 where nobody is named"),
        ("level", "string", "kind of subject: user, session, tenant, segment …; null for 0"),
        ("service", "string", "cell: service"),
        ("resource", "string", "cell: resource id"),
        ("cluster", "string", "cell: cluster"),
        ("namespace", "string", "cell: namespace"),
        ("feature", "string", "dimension: feature"),
        ("operation", "string", "dimension: API path or span name"),
        ("region", "string", "cell and dimension: region"),
        ("signals", "int64", "how many signals were summed"),
        ("quantity", "int64", "usage in the meter's base unit"),
        ("threshold", "string", "sampling threshold; null is unknown"),
        ("trace_squares", WIDE, "sum of squared per-trace quantities; null where not traced"),
    ),
)  # fmt: skip

COUNTS: Final = Table(
    "counts",
    row="a given head count",
    writer="telemetry",
    key=("unit", "subject", "start", "end"),
    partition=("period", "import"),
    columns=columns(
        ("unit", "string", "unit that is counted; null is the primary unit"),
        ("subject", "int64", "segment or tenant counted; 0 is everyone"),
        ("start", "timestamp", "the local date as UTC midnight"),
        ("end", "timestamp", "exclusive, likewise"),
        ("count", "int64", "how many"),
    ),
)

CLAIMS: Final = Table(
    "claims",
    row="a session, device or other id that was found to be someone's",
    writer="telemetry",
    key=("subject", "of", "seen", "start"),
    partition=("import",),
    columns=columns(
        ("subject", "int64", "the id that is claimed"),
        ("of", "int64", "whose it is"),
        ("level", "string", "kind of subject that is: user or tenant"),
        ("start", "timestamp", "valid from, null for ever"),
        ("end", "timestamp", "exclusive, null for ever"),
        (
            "seen",
            "timestamp",
            (
                "when both were seen together: earlier usage is claimed too, unless another claim was"
                " seen before; null where a file says it"
            ),
        ),
    ),
)

SEGMENTS: Final = Table(
    "segments",
    row="an attribute of a subject, valid from-to",
    writer="telemetry",
    key=("subject", "attribute", "start"),
    partition=("import",),
    columns=columns(
        ("subject", "int64", "whose"),
        ("level", "string", "kind of subject: user, tenant …"),
        ("source", "string", "name of the source that delivered it"),
        ("attribute", "string", "column of the source: plan, signup, tenant …"),
        ("value", "string", "its value"),
        ("start", "timestamp", "valid from, null for ever"),
        ("end", "timestamp", "exclusive, null for ever"),
    ),
)

REVENUE: Final = Table(
    "revenue",
    row="money from a subject",
    writer="telemetry",
    key=("subject", "start", "end", "kind"),
    partition=("period", "import"),
    columns=columns(
        ("subject", "int64", "who pays: a user, a tenant or a whole segment; 0 is nobody named"),
        ("start", "timestamp", "the local date as UTC midnight"),
        ("end", "timestamp", "exclusive, likewise: an annual contract spans its year"),
        ("amount", MONEY, "for the whole span; refunds and discounts are negative"),
        ("currency", "string", "ISO 4217"),
        ("kind", "string", "revenue, discount, refund …"),
    ),
)

EVENT_KINDS: Final = ("deploy", "scale", "flag", "incident", "maintenance", "business")

EVENTS: Final = Table(
    "events",
    row="something that happened: a deploy, an incident, a sign-up",
    writer="telemetry",
    key=("at", "kind", "name", "service", "resource", "subject"),
    partition=("period", "import"),
    columns=columns(
        ("at", "timestamp", "when"),
        ("kind", "string", "deploy, scale, flag, incident, maintenance or business"),
        ("name", "string", "what it is called: a version, a flag, signup …"),
        ("service", "string", "service concerned, null if none is named"),
        ("resource", "string", "resource concerned, likewise"),
        ("subject", "int64", "whom it is about; 0 where nobody is named"),
        ("level", "string", "kind of subject: user, session, tenant; null for 0"),
        ("payload", "map<string,string>", "all else that was said; ids of people as user:#NUMBER"),
    ),
)
