"""Every key of a pool: how it is read, what it means, an example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast, get_args

from percapita.core.errors import nearest
from percapita.model import spec
from percapita.model.shapes import (
    BAD,
    At,
    Choice,
    Flag,
    Json,
    Name,
    Number,
    Scalar,
    Shape,
    WrongError,
    braced,
    empty,
)
from percapita.model.structures import Either, Free, Key, Listed, Made, Named, Record
from percapita.model.words import (
    CLASS_SPELLINGS,
    CLASSES,
    EXTRA,
    LINE_COLUMNS,
    READING_COLUMNS,
    TAG,
    line_column,
)
from percapita.model.yaml import Items, Node, Text

METER = Name("the name of a meter")
TEXT = Name()


class Column(Scalar):
    """A column of a bill line."""

    @property
    def words(self) -> str:
        """The three forms."""
        return "a line column (a FOCUS name, `source`, `tags.KEY` or `x_NAME`)"

    def typed(self, node: Text) -> str:
        """Check the name; keys of tags and names of extra columns are the bill's own."""
        name = node.value
        if name in LINE_COLUMNS or any(
            name.startswith(prefix) and name != prefix for prefix in (TAG, EXTRA)
        ):
            return name
        hint = nearest(name, LINE_COLUMNS)
        if name in {TAG, EXTRA}:
            hint = f"Write the name after it, such as {name}team."
        elif hint.startswith("Known"):
            hint = f"Write a FOCUS column, source, tags.KEY, or x_{name} for the bill's own column."
        raise WrongError("unknown-column", f"{braced(name)} is not a column of a bill line.", hint)

    def schema(self, shared: Json) -> Json:
        """The columns by name, and the two open forms."""
        shared["column"] = {"anyOf": [{"enum": list(LINE_COLUMNS)}, {"pattern": r"^(tags\.|x_).+"}]}
        return {"$ref": "#/$defs/column"}


@dataclass(frozen=True)
class Fits(Shape):
    """What a column's value must be."""

    @property
    def words(self) -> str:
        """All forms."""
        return "a value, a list of values, `present` or `absent`"

    def read(self, node: Node, at: At) -> object:
        """Read ``present`` and ``absent`` where they are not in quotes."""
        if isinstance(node, Text) and not node.quoted and node.value in {"present", "absent"}:
            return spec.Condition(present=node.value == "present")
        nodes = node.items if isinstance(node, Items) else (node,)
        if not nodes:
            return at.wrong("empty", node.place, f"{at.name} names no value.")
        values = [self._value(item, at) for item in nodes]
        return BAD if BAD in values else spec.Condition(values=tuple(map(str, values)))

    def _value(self, node: Node, at: At) -> object:
        if not isinstance(node, Text):
            return self.mistyped(node, at)
        if empty(node):
            hint = "Write present or absent, or put the text in quotes."
            return at.wrong("empty", node.place, f"{at.name} has no value.", hint)
        if not node.quoted and node.value in {"present", "absent"}:
            hint = f"Write it alone, or in quotes where it is a value: '{node.value}'."
            message = f"{node.value!r} cannot stand in a list of values."
            return at.wrong("unknown-value", node.place, message, hint)
        return node.value

    def schema(self, shared: Json) -> Json:
        """A text or a list of texts."""
        text = TEXT.schema(shared)
        shared["condition"] = {
            "description": "A value, a list of values, present or absent. * and ? are wildcards.",
            "anyOf": [text, {"type": "array", "minItems": 1, "items": text}],
        }
        return {"$ref": "#/$defs/condition"}


WHERE_EXAMPLE = "by: {meter: requests, where: {operation: [/api/*, /graphql]}}"

WHERE = Named(Choice(tuple(READING_COLUMNS)), Fits())

_DRIVER = Record(
    "A driver",
    (
        Key("meter", METER, "Meter whose readings are the weights; `active` weighs every active"
            " subject of the primary unit alike.", WHERE_EXAMPLE, required=True),
        Key("where", WHERE, "Only readings whose column fits count.", WHERE_EXAMPLE,
            default="every reading of the meter"),
    ),
    spec.Driver,
    spec=spec.Driver,
    shared="driver",
)  # fmt: skip

DRIVER = Either((Made(METER, lambda meter: spec.Driver(str(meter))), _DRIVER))
"""A meter's name, or a mapping that narrows it."""


def _mix(mix: Mapping[str, Decimal]) -> spec.Mix:
    return spec.Mix(tuple((spec.Driver(meter), factor) for meter, factor in mix.items()))


_MIX_EXAMPLE = "by: {mix: {tickets.minutes: 0.8, active: 0.2}}"

_MIX = Record(
    "A mix",
    (
        Key("mix", Named(METER, Number(above=True)),
            "Meters and the factor of each: the amount is split over the meters by the factors,"
            " then each part by its meter. Factors need not sum to 1.", _MIX_EXAMPLE,
            required=True),
    ),
    _mix,
)  # fmt: skip


def _direct(free: tuple[str, str], then: spec.Driver | None = None) -> spec.Direct:
    return spec.Direct(*free, then)


_DIRECT_EXAMPLE = "direct: {tenant: tags.CustomerID, then: {by: storage.bytes}}"

_DIRECT = Record(
    "A direct split",
    (
        Key("then", Record("A further split", (
                Key("by", DRIVER, "Driver that splits on within the named unit.",
                    _DIRECT_EXAMPLE, required=True),
            ), lambda by: by),
            "Splits on within the unit, over its own users, where the driver has readings.",
            _DIRECT_EXAMPLE, default="the unit keeps the cost"),
    ),
    _direct,
    free=Free("LEVEL", TEXT, Column(),
              "`user`, `session`, `tenant` or a segment of the model: the column whose value names"
              " who the line falls on. A line without a value is unallocated.", _DIRECT_EXAMPLE),
)  # fmt: skip

_OVERHEAD_EXAMPLE = "overhead: {by: cost, over: allocated}"
_WEIGHTS_EXAMPLE = "overhead: {weights: {tier: {Free: 1, Pro: 3}}}"


def _weights(weights: Mapping[str, Mapping[str, int]]) -> spec.Overhead:
    ((attribute, values),) = weights.items()
    if not any(values.values()):
        message = f"The weights of {braced(attribute)} are all zero."
        raise WrongError("unknown-value", message, "Give at least one value a weight above zero.")
    pairs = tuple((value, Decimal(weight)) for value, weight in values.items())
    return spec.Overhead("weights", attribute=attribute, weights=pairs)


def _overhead(by: Any, over: Any = None) -> spec.Overhead:  # noqa: ANN401
    if over is not None and by != "cost":
        raise WrongError("no-effect", "'over' belongs to 'by: cost' alone.", "Leave it out.")
    return spec.Overhead(by, over or "all")


_OVERHEAD = Either(
    (
        Made(Choice(("cost", "active")), lambda how: spec.Overhead(cast("Any", how))),
        Record("An overhead by weights", (
            Key("weights", Named(TEXT, Named(TEXT, Number(whole=True)), one=True),
                "A segment, and a whole number for each of its values: the amount is split over the"
                " values by their numbers, and falls on each value as a whole.",
                _WEIGHTS_EXAMPLE, required=True),
        ), _weights),
        Record("An overhead", (
            Key("by", Choice(("cost", "active")),
                "`cost`: in proportion to the gross cost that each receiver already has from the"
                " pools that are not overhead and the overhead pools above. `active`: evenly over"
                " active subjects.", _OVERHEAD_EXAMPLE, required=True),
            Key("over", Choice(("all", "allocated")),
                "With `by: cost`: weigh by all cost, excluded, idle and unallocated rows"
                " included, or by allocated cost alone.", _OVERHEAD_EXAMPLE),
        ), _overhead, spec=spec.Overhead),
    )
)  # fmt: skip

_THROUGH_EXAMPLE = "through: {pools: [api, workers], by: cpu}"

_THROUGH = Record(
    "A step-down",
    (
        Key("pools", Listed(TEXT, some=True),
            "Pools that are served; each must split `by` a driver or pass on `through` others.",
            _THROUGH_EXAMPLE, required=True),
        Key("by", DRIVER, "Driver that says how much each one is served: a reading counts for the"
            " pool that its `service` names.", _THROUGH_EXAMPLE, required=True),
    ),
    spec.Through,
    spec=spec.Through,
)  # fmt: skip

_IDLE_EXAMPLE = "idle: {capacity: db.cpu_capacity, used: db.cpu, to: line}"

_IDLE = Record(
    "An idle rule",
    (
        Key("capacity", DRIVER, "Meter of what was there to use.", _IDLE_EXAMPLE, required=True),
        Key("used", DRIVER, "Meter of what was used, in the same base unit.", _IDLE_EXAMPLE,
            required=True),
        Key("to", Choice(("line", "share")),
            "`line`: the unused part is the line `idle`. `share`: users carry it with the rest.",
            _IDLE_EXAMPLE),
    ),
    spec.Idle,
    spec=spec.Idle,
)  # fmt: skip

_STEP_EXAMPLE = "behaviour: {step: {capacity: db.cpu_capacity, price: 350.00}}"


def _step(step: Mapping[str, Any]) -> spec.Behaviour:
    return spec.Behaviour("step", **step)


_BEHAVIOUR = Either(
    (
        Made(Choice(("fixed", "variable")), lambda kind: spec.Behaviour(cast("Any", kind))),
        Record("A behaviour", (
            Key("step", Record("A step", (
                    Key("capacity", METER, "Meter of the capacity that is bought in steps.",
                        _STEP_EXAMPLE, required=True),
                    Key("price", Number(above=True), "Price of one step.", _STEP_EXAMPLE,
                        default="taken from the bill"),
                ), dict),
                "Cost moves in steps of capacity.", _STEP_EXAMPLE, required=True),
        ), _step),
    )
)  # fmt: skip


_LIVE_EXAMPLE = "live: {price: db.instance_hours}"

_LIVE = Record(
    "A live estimate",
    (
        Key("price", METER, "Meter that is multiplied by its last known price.", _LIVE_EXAMPLE,
            required=True),
    ),
    dict,
)  # fmt: skip


def _within(names: object) -> dict[str, str]:
    if isinstance(names, Mapping):
        return dict(names)
    return {str(name): line_column(str(name)) for name in cast("tuple[str, ...]", names)}


_WITHIN = Made(Either((Listed(TEXT), Named(TEXT, Column()))), _within)

MATCH = Made(Named(Column(), Fits()), lambda columns: spec.Match(cast("Any", columns)))

_GRAIN = Choice(tuple(g for g in get_args(spec.Grain) if g != "hour"))


def _pool(pool: str, **values: Any) -> spec.Pool:  # noqa: ANN401
    return spec.Pool(pool, **{"match": spec.Match(), **values})


POOL = Record(
    "A pool",
    (
        Key("pool", TEXT, "Name of the pool. It stands in every figure and message.",
            "pool: postgres", field="pool", required=True),
        Key("match", MATCH,
            "Lines the pool takes: every column must fit. `*` and `?` are wildcards. A line goes to"
            " the first pool it fits.",
            'match: {ServiceName: [Amazon RDS, "*Aurora*"], tags.Team: present}',
            default="every line that no pool above takes"),
        Key("exclude", Flag(), "Keeps the pool out of unit cost; it stays in the total, as"
            " `excluded`.", "exclude: true"),
        Key("direct", _DIRECT, "The line names who it falls on.", _DIRECT_EXAMPLE),
        Key("by", Either((DRIVER.options[0], _MIX, _DRIVER)),
            "Driver that the pool is split by: share = own usage / total usage.", "by: db.queries"),
        Key("overhead", _OVERHEAD, "No driver of its own: `cost` spreads it in proportion to the"
            " cost already allocated, `active` evenly over active subjects, `weights` over the"
            " values of a segment.", "overhead: cost"),
        Key("through", _THROUGH, "The pool serves other pools; its cost goes on to their"
            " receivers. Pools that serve each other are solved exactly.", _THROUGH_EXAMPLE),
        Key("within", _WITHIN,
            "Cuts the pool into cells, each split by its own usage. Reading columns or segments,"
            " or a mapping from them to line columns. Unless said: `resource` is `ResourceId`,"
            " `service` is `ServiceName`, `region` is `RegionId`, any other is the tag of its"
            " name.", "by: db.queries\nwithin: {resource: ResourceId, cluster: tags.k8s-cluster}"),
        Key("idle", _IDLE, "Names capacity that nobody used.", f"by: db.queries\n{_IDLE_EXAMPLE}"),
        Key("fallback", Listed(Choice(get_args(spec.Fallback)), single=False),
            "Widenings allowed where a day or cell has no usage: its month, the whole pool, both."
            " `[]` for none.", "by: db.queries\nfallback: [month]"),
        Key("grain", _GRAIN, "Finest time the pool is split by. Overhead is split by the month.",
            "by: db.queries\ngrain: month"),
        Key("level", TEXT, "Level of subject to use where a meter is reported for several:"
            " `user`, `session`, `tenant` or a segment.", "by: db.queries\nlevel: tenant",
            default="the one level the meter has"),
        Key("owner", TEXT, "Who answers for the pool.", "owner: data platform"),
        Key("cost centre", TEXT, "Cost centre for finance.", "cost centre: CC-4100"),
        Key("scope", Choice(get_args(spec.Scope)), "Which figures the pool counts in.",
            "scope: third party"),
        Key("class", Choice(CLASSES, CLASS_SPELLINGS), "Line of profit and loss.", "class: R&D",
            field="cost_class"),
        Key("layer", TEXT, "Layer of the layer table, such as data, network or observability.",
            "layer: data"),
        Key("behaviour", _BEHAVIOUR, "How the pool's cost moves with its driver: `fixed`,"
            " `variable`, or in steps.", _STEP_EXAMPLE, default="variable"),
        Key("live", _LIVE, "What the live estimate multiplies by the last known price.",
            _LIVE_EXAMPLE),
    ),
    _pool,
    spec=spec.Pool,
)  # fmt: skip
