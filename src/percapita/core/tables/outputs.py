"""The tables that a run writes, and the working tables that its stages share."""

from __future__ import annotations

from typing import Final

from percapita.core.tables.inputs import COSTS
from percapita.core.tables.shape import MONEY, WIDE, Table, columns

PARTS: Final = Table(
    "parts",
    row="the part of a line that falls on one day, or follows one charge, and the group it enters",
    writer="allocate",
    key=("basis", "group", "LineId", "follows", "start"),
    partition=("period", "run"),
    columns=columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("group", "int64", "the group the part enters by"),
        ("LineId", "string", "the line"),
        ("follows", "string", "LineId of the charge a credit follows, else null"),
        (
            "follow_level",
            "int32",
            "what both share: 0 row, 1 commitment, 2 resource and SKU, 3 account and service, 4 account",
        ),
        ("start", "timestamp", "day of the model's time zone"),
        ("end", "timestamp", "exclusive"),
        ("amount", MONEY, "of the part"),
    ),
)

HEAVIEST: Final = Table(
    "heaviest",
    row="one of the heaviest parts of a group, or the sum of those that are not listed",
    writer="allocate",
    key=("basis", "group", "alone", "LineId", "follows", "start"),
    partition=("period", "run"),
    columns=columns(
        ("basis", "string", "billed, effective, contracted or list"),
        ("group", "int64", "the group the parts enter by"),
        ("alone", "bool", "the part is all of its line"),
        ("LineId", "string", "the line; null for the sum of the others"),
        ("follows", "string", "LineId of the charge a credit follows, else null"),
        ("start", "timestamp", "day of the model's time zone; null for the sum of the others"),
        ("amount", MONEY, "of the part, or of the others"),
        ("parts", "int64", "how many parts that is"),
    ),
)

GROUPS: Final = Table(
    "groups",
    row="one act of splitting",
    writer="allocate",
    key=("basis", "group"),
    partition=("period", "run"),
    columns=columns(
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
    columns=columns(
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
    columns=columns(
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
    columns=columns(
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
    columns=columns(
        ("unit", "string", "unit of the model"),
        ("day", "date", "day of the model's zone; the first of a month where usage is monthly"),
        ("subject", "int64", "who; 0 for metered units"),
        ("slice", "int64", "kind and attributes it had"),
        ("quantity", "int64", "1, or the metered units"),
    ),
)

PRESENCE: Final = Table(
    "presence",
    row="how many subjects were active in a piece of time, by all slices they had in it",
    writer="attribute",
    key=("unit", "grain", "first", "slices"),
    partition=("period", "run"),
    columns=columns(
        ("unit", "string", "unit of the model; metered ones have no rows"),
        ("grain", "string", "day, week or month: how long the piece of time is"),
        ("first", "date", "its first day; a week that a month cuts is two pieces"),
        ("slices", "string", "the slices, in order, with commas between"),
        ("subjects", "int64", "how many"),
    ),
)

ROLLUP: Final = Table(
    "rollup",
    row="the ledger summed over subjects",
    writer="allocate",
    key=("basis", "group", "slice", "feature", "operation", "region"),
    partition=("period", "run"),
    columns=columns(
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
    columns=columns(
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
    columns=columns(
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
    columns=columns(
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
    columns=columns(
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
