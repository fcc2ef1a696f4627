"""Every table of percapita: its columns, their types and meaning, its key, and its one writer.

Stages meet in these tables and nowhere else. The stored schemas, the documentation and the checks
of every written file are made from this page.

Types are ``string``, ``int64``, ``int32``, ``timestamp`` (an instant, UTC), ``date``,
``decimal(p,s)`` and ``map<string,string>``. Amounts are signed: a credit is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MONEY: Final = "decimal(36,18)"
WIDE: Final = "decimal(38,0)"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, type and meaning."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A stored table. ``partition`` columns lead the path of its files and stand in no file."""

    name: str
    row: str
    """What one row is."""
    writer: str
    """The one stage that writes it."""
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order, partition columns left out."""
        return tuple(column.name for column in self.columns)


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


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
    columns=_columns(
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

READINGS: Final = Table(
    "readings",
    row="usage of one meter by one subject in one hour, day or month",
    writer="telemetry",
    key=("time", "grain", "meter", "subject", "service", "resource", "cluster", "namespace",
         "feature", "operation", "region"),
    partition=("period", "import"),
    columns=_columns(
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
    columns=_columns(
        ("unit", "string", "unit that is counted; null is the primary unit"),
        ("subject", "int64", "segment or tenant counted; 0 is everyone"),
        ("start", "timestamp", "the local date as UTC midnight"),
        ("end", "timestamp", "exclusive, likewise"),
        ("count", "int64", "how many"),
    ),
)

SEGMENTS: Final = Table(
    "segments",
    row="an attribute of a subject, valid from-to",
    writer="telemetry",
    key=("subject", "attribute", "start"),
    partition=("import",),
    columns=_columns(
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
    columns=_columns(
        ("subject", "int64", "who pays: a user, a tenant or a whole segment; 0 is nobody named"),
        ("start", "timestamp", "the local date as UTC midnight"),
        ("end", "timestamp", "exclusive, likewise: an annual contract spans its year"),
        ("amount", MONEY, "for the whole span; refunds and discounts are negative"),
        ("currency", "string", "ISO 4217"),
        ("kind", "string", "revenue, discount, refund …"),
    ),
)

PARTS: Final = Table(
    "parts",
    row="the part of a line that falls on one day, or follows one charge, and the group it enters",
    writer="allocate",
    key=("basis", "group", "LineId", "follows", "start"),
    partition=("period", "run"),
    columns=_columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("group", "int64", "the group the part enters by"),
        ("LineId", "string", "the line"),
        ("follows", "string", "LineId of the charge a credit follows, else null"),
        (
            "follow_level",
            "int32",
            "1 commitment, 2 resource and SKU, 3 account, service, 4 account",
        ),
        ("start", "timestamp", "day of the model's time zone"),
        ("end", "timestamp", "exclusive"),
        ("amount", MONEY, "of the part"),
    ),
)

GROUPS: Final = Table(
    "groups",
    row="one act of splitting",
    writer="allocate",
    key=("basis", "group"),
    partition=("period", "run"),
    columns=_columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("group", "int64", "number within run and period"),
        ("pool", "string", "pool of the model"),
        ("method", "string", "direct, driver, overhead, through, idle, mix, exclude, none"),
        ("driver", "string", "meter, or what the weights are otherwise"),
        ("billing_period", "string", "2025-10; the month of the charge where the bill has none"),
        ("start", "timestamp", "window of the amount"),
        ("end", "timestamp", "exclusive"),
        ("grain", "string", "hour, day or month"),
        ("cell", "string", "values of the within columns, JSON list; null is the whole pool"),
        ("level", "string", "own, month, pool, month pool, idle, unallocated: widening used"),
        ("weight_start", "timestamp", "window of the weights"),
        ("weight_end", "timestamp", "exclusive"),
        ("amount", MONEY, "what is split"),
        ("gross", MONEY, "the positive line parts in it"),
        ("places", "int32", "fractional digits of the atom"),
        ("atoms", "int64", "amount cut toward zero to atoms"),
        ("tail", MONEY, "what lies below one atom"),
        ("total", WIDE, "W: sum of the weights as used"),
        ("shift", "int32", "weights were divided by 2^shift; 0 as a rule"),
        ("holder", "int64", "subject that holds the residual"),
        ("residual", "int64", "atoms the holder has beyond its rounded part"),
        ("receivers", "int64", "how many rows the group was split over"),
    ),
)

FLOWS: Final = Table(
    "flows",
    row="an amount handed from one group to the next: idle cut, mix, merged fall-back",
    writer="allocate",
    key=("basis", "from_group", "to_group"),
    partition=("period", "run"),
    columns=_columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("from_group", "int64", "the group that was cut"),
        ("to_group", "int64", "the group that receives"),
        ("position", "int32", "order among the parts of the cut"),
        ("w", "int64", "weight of the part; null where all goes on"),
        ("amount", MONEY, "handed on"),
        ("gross", MONEY, "the positive line parts in it"),
    ),
)

LEDGER: Final = Table(
    "ledger",
    row="what one receiver got from one group; what the group knows stands in groups",
    writer="allocate",
    key=("basis", "group", "subject", "slice", "feature", "operation", "region"),
    partition=("period", "run"),
    columns=_columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("group", "int64", "the group"),
        ("subject", "int64", "the receiver; zero and below are the named receivers"),
        ("slice", "int64", "kind and attributes the receiver had, see slices"),
        ("feature", "string", "dimension, where the model asks for it"),
        ("operation", "string", "dimension, where the model asks for it"),
        ("region", "string", "dimension, where the model asks for it"),
        ("w", "int64", "weight in the group"),
        ("amount", MONEY, "its part"),
    ),
)

SLICES: Final = Table(
    "slices",
    row="one combination of kind and attributes that receivers had",
    writer="attribute",
    key=("slice",),
    partition=("period", "run"),
    columns=_columns(
        ("slice", "int64", "number within run and period; 0 is a user nothing is known of"),
        ("kind", "string", "kind of subject or of named receiver"),
        ("attributes", "map<string,string>", "value of each segment of the model"),
    ),
)

ACTIVITY: Final = Table(
    "activity",
    row="one subject active, or one slice's metered units, on one day",
    writer="attribute",
    key=("unit", "day", "subject", "slice"),
    partition=("period", "run"),
    columns=_columns(
        ("unit", "string", "unit of the model"),
        ("day", "date", "day of the model's zone; the first of a month where usage is monthly"),
        ("subject", "int64", "who; 0 for metered units"),
        ("slice", "int64", "kind and attributes it had"),
        ("quantity", "int64", "1, or the metered units"),
    ),
)

ROLLUP: Final = Table(
    "rollup",
    row="the ledger summed over subjects",
    writer="allocate",
    key=("basis", "group", "slice", "feature", "operation", "region"),
    partition=("period", "run"),
    columns=_columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("group", "int64", "the group"),
        ("slice", "int64", "kind and attributes"),
        ("feature", "string", "dimension, where the model asks for it"),
        ("operation", "string", "dimension, where the model asks for it"),
        ("region", "string", "dimension, where the model asks for it"),
        ("w", WIDE, "sum of the weights"),
        ("amount", MONEY, "sum of the parts"),
        ("receivers", "int64", "how many ledger rows"),
    ),
)

RATES: Final = Table(
    "rates",
    row="the price of one unit of a driver",
    writer="allocate",
    key=("basis", "group"),
    partition=("period", "run"),
    columns=_columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("group", "int64", "the group the price comes from"),
        ("pool", "string", "pool"),
        ("cell", "string", "cell, JSON list; null is the whole pool"),
        ("meter", "string", "driver"),
        ("start", "timestamp", "window of the amount"),
        ("end", "timestamp", "exclusive"),
        ("amount", MONEY, "what was split"),
        ("total", WIDE, "driver total, base units"),
        ("rate", MONEY, "amount per base unit, half-even to 18 digits"),
    ),
)

FINDINGS: Final = Table(
    "findings",
    row="something the user should know",
    writer="pipeline",
    key=("code", "where"),
    partition=("period", "run"),
    columns=_columns(
        ("code", "string", "stable name"),
        ("severity", "string", "info, warning or error"),
        ("where", "string", "pool, meter, source or period"),
        ("message", "string", "what is so"),
        ("amount", MONEY, "money at stake; null where it cannot be said"),
        ("advice", "string", "first step"),
        ("owner", "string", "owner of the pool"),
    ),
)

CONVERSIONS: Final = Table(
    "conversions",
    row="a line of another currency than the model's, converted; or what rounding took from them",
    writer="bills",
    key=("LineId",),
    partition=("period", "run"),
    columns=_columns(
        ("LineId", "string", "the line; of a rounding, its own id"),
        ("currency", "string", "the line's own currency"),
        ("to", "string", "the model's currency"),
        ("rate_day", "date", "day the rate was set for; null for a rounding"),
        ("rate", "string", "what one unit of the line's currency is worth, all digits"),
        *((name, MONEY, f"{basis} cost, converted") for basis, name in COSTS.items()),
    ),
)

TAG_RULES: Final = Table(
    "tag_rules",
    row="a rule for virtual tags that the run applied to the lines it read",
    writer="pipeline",
    key=("position",),
    partition=("period", "run"),
    columns=_columns(
        ("position", "int32", "order of the rules"),
        ("rule", "string", "the rule, JSON"),
    ),
)

INTERVALS: Final = {"subject": "int64", "start": "timestamp", "end": "timestamp", "slice": "int64"}
"""Working table of a run, written by attribute: the slice a subject is in, from start up to end.
A subject that no row names is in slice 0 for ever."""

USED: Final = {
    "meter": "string", "level": "string", "service": "string", "resource": "string",
    "cluster": "string", "namespace": "string", "feature": "string", "operation": "string",
    "region": "string", "subject": "int64", "slice": "int64", "w": "int64",
}  # fmt: skip
"""Working table of a run, written by allocate: usage in one window, summed by who and what.
Columns that the model does not ask for are null."""

INPUTS: Final = (LINES, READINGS, COUNTS, SEGMENTS, REVENUE)
"""Written by import."""
OUTPUTS: Final = (
    CONVERSIONS, TAG_RULES, PARTS, GROUPS, FLOWS, LEDGER, SLICES, ACTIVITY, ROLLUP, RATES, FINDINGS,
)  # fmt: skip
"""Written by run."""
TABLES: Final = {table.name: table for table in (*INPUTS, *OUTPUTS)}
