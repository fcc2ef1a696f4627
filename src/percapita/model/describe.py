"""A model in words: every decision on who pays for what, ready to be read and signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from percapita.model.describe_signals import meter_words, own_meters, signal_rules
from percapita.model.describe_words import code, driver_words, fits, listed
from percapita.model.spec import Driver, Mix, Model, Overhead, Pool, Segment, Unit


@dataclass(frozen=True, slots=True)
class Decision:
    """What the model decides for one pool, a sentence a field. Empty where there is nothing."""

    pool: str
    takes: str
    method: str
    split: str
    cells: str
    idle: str
    fallback: str
    behaviour: str
    live: str
    owner: str
    cost_centre: str
    scope: str
    cost_class: str
    layer: str
    line: int


def decisions(model: Model) -> tuple[Decision, ...]:
    """Return the decision of every pool, in file order."""
    return tuple(_decision(model, pool) for pool in model.pools)


def _decision(model: Model, pool: Pool) -> Decision:
    return Decision(
        pool=pool.name,
        takes=_takes(pool),
        method=pool.method,
        split=_split(model, pool),
        cells=_cells(pool),
        idle=_idle(pool),
        fallback=_fallback(pool),
        behaviour=_behaviour(pool),
        live=", ".join(f"{code(meter)} x its last known {key}" for key, meter in pool.live.items()),
        owner=pool.owner,
        cost_centre=pool.cost_centre,
        scope=pool.scope,
        cost_class=pool.cost_class,
        layer=pool.layer,
        line=pool.line,
    )


def _takes(pool: Pool) -> str:
    if not pool.match.columns:
        return "Every line that no pool above takes."
    return f"Lines where {fits(pool.match.columns)}, if no pool above takes them."


def _split(model: Model, pool: Pool) -> str:
    if pool.exclude:
        return "Stays out of unit cost and in the total, as `excluded`."
    if pool.direct:
        then = (
            f", then on to its users by {driver_words(pool.direct.then)}"
            if pool.direct.then
            else ""
        )
        return f"Falls on the {pool.direct.level} that {code(pool.direct.column)} names{then}."
    if pool.through:
        served = listed([code(name) for name in pool.through.pools])
        return (
            f"Serves {served}: its cost goes to them by {driver_words(pool.through.by)}, and"
            " on to their receivers."
        )
    if pool.overhead:
        return _overhead(model, pool.overhead)
    return _by(pool.by) if pool.by else "Not split: it is `unallocated` under this name."


def _by(by: Driver | Mix) -> str:
    if isinstance(by, Mix):
        parts = [f"{factor} by {driver_words(driver)}" for driver, factor in by.parts]
        return f"Split in parts: {listed(parts)}."
    return f"In proportion to {driver_words(by)}: share = own / total."


def _overhead(model: Model, overhead: Overhead) -> str:
    if overhead.how == "active":
        return f"Evenly over the active subjects of the unit {code(model.primary.name)}."
    if overhead.how == "weights":
        weights = listed([f"{code(value)} {weight}" for value, weight in overhead.weights])
        return f"Over the values of {code(overhead.attribute)} by fixed weights: {weights}."
    over = "every receiver" if overhead.over == "all" else "every allocated receiver"
    return (
        f"In proportion to the gross cost that {over} has from the pools that are not overhead and"
        " the overhead pools above."
    )


def _cells(pool: Pool) -> str:
    pairs = [f"{code(name)} (the line's {code(column)})" for name, column in pool.within.items()]
    return f"Each {listed(pairs)} is split by its own usage." if pairs else ""


def _idle(pool: Pool) -> str:
    if not pool.idle:
        return ""
    left = f"{driver_words(pool.idle.capacity)} less {driver_words(pool.idle.used)}"
    if pool.idle.to == "share":
        return f"Capacity nobody used ({left}) is carried by the users with the rest."
    return f"Capacity nobody used ({left}) is the line `idle`."


def _fallback(pool: Pool) -> str:
    if pool.method != "driver":
        return ""
    steps = []
    if "month" in pool.fallback and pool.grain == "day":
        steps.append("its month")
    if "pool" in pool.fallback and pool.within:
        steps.append("the whole pool")
    if len(steps) > 1:
        steps.append("the whole pool's month")
    last = "`idle`" if pool.idle else "`unallocated`"
    ways = "".join(f"{step}, then " for step in steps)
    return f"Where there is no usage to split by: {ways}{last}."


def _behaviour(pool: Pool) -> str:
    behaviour = pool.behaviour
    if behaviour.kind != "step":
        return f"The cost is {behaviour.kind}."
    price = f" of {behaviour.price} each" if behaviour.price is not None else ""
    return f"The cost moves in steps{price}, by the capacity {code(behaviour.capacity)}."


def unit_words(unit: Unit) -> str:
    """Say what a unit counts."""
    if unit.meter:
        return f"What {driver_words(unit.meter)} measured, summed."
    seen = listed([driver_words(d) for d in unit.active], "or") if unit.active else "any reading"
    kinds = [code(kind) for kind in unit.exclude]
    without = f"; {listed(kinds)} left out" if kinds else ""
    return f"Each {unit.subject} with {seen}, once a {unit.window}{without}."


def segment_words(segment: Segment) -> str:
    """Say where a segment comes from and how it is cut."""
    bands = [f"{code(name)} from {low}" for name, low in segment.bands]
    if segment.usage:
        return f"How much of {driver_words(segment.usage)} was used in the month: {listed(bands)}."
    if not segment.source:
        return f"As readings, head counts and revenue name it in a column {code(segment.name)}."
    cut = f", cut by {segment.by}" if segment.by else ""
    banded = f", in the bands {listed(bands)}" if bands else ""
    return f"{code(segment.column)} of the source {code(segment.source)}{cut}{banded}."


def record(model: Model) -> dict[str, object]:
    """Return the whole description as plain values."""
    return {
        "model": model.path,
        "hash": model.hash,
        "currency": model.currency,
        "timezone": model.timezone,
        "basis": model.basis,
        "units": [{"unit": unit.name, "counts": unit_words(unit)} for unit in model.units],
        "segments": [{"segment": s.name, "from": segment_words(s)} for s in model.segments],
        "meters": [{"meter": m.meter, "counts": meter_words(m)} for m in own_meters(model)],
        "pools": [asdict(decision) for decision in decisions(model)],
        "rules": list(_rules(model)),
    }


def sections(model: Model) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the tables of the short form: a title, and a name and sentence a row."""
    yield "Unit", [(unit.name, unit_words(unit)) for unit in model.units]
    if model.segments:
        yield "Segment", [(segment.name, segment_words(segment)) for segment in model.segments]
    if own := own_meters(model):
        yield "Meter", [(signals.meter, meter_words(signals)) for signals in own]
    if model.pools:
        yield (
            "Pool",
            [
                (
                    decision.pool,
                    "\n".join(f"{label}: {text}" for label, text in _facts(decision)[:5]),
                )
                for decision in decisions(model)
            ],
        )
    yield "Everything else", [("", rule) for rule in _rules(model)]


def markdown(model: Model) -> str:
    """Return the documentation of every allocation decision of a model."""
    rules = ["", "## Everything else", "", *(f"- {rule}" for rule in _rules(model))]
    return "\n".join([*_head(model), *_pools(model), *rules]) + "\n"


def _head(model: Model) -> Iterator[str]:
    yield "# Cost model"
    yield ""
    yield (
        f"{model.basis.capitalize()} cost in {model.currency}; days and months of"
        f" {model.timezone}. SHA-256 of the model: `{model.hash}`."
    )
    yield from ("", "## Units", "")
    for number, unit in enumerate(model.units):
        yield f"- **{unit.name}**{'' if number else ' (primary)'}: {unit_words(unit)}"
    if model.segments:
        yield from ("", "## Segments", "")
        for segment in model.segments:
            yield f"- **{segment.name}**: {segment_words(segment)}"
    if own := own_meters(model):
        yield from ("", "## Meters", "")
        for signals in own:
            yield f"- **{signals.meter}**: {meter_words(signals)}"


def _pools(model: Model) -> Iterator[str]:
    yield from ("", "## Pools", "", "A line belongs to the first pool that it fits.")
    for number, decision in enumerate(decisions(model), start=1):
        yield from ("", f"### {number}. {decision.pool}", "")
        for label, text in _facts(decision):
            yield f"- {label}: {text}"


_SHORT = ("Takes", "Split", "Cells", "Idle", "Fall-back")


def _facts(decision: Decision) -> list[tuple[str, str]]:
    facts = [
        ("Takes", decision.takes),
        ("Split", decision.split),
        ("Cells", decision.cells),
        ("Idle", decision.idle),
        ("Fall-back", decision.fallback),
        ("Behaviour", decision.behaviour),
        ("Live estimate", decision.live),
        ("Owner", decision.owner or "nobody named"),
        ("Cost centre", decision.cost_centre),
        ("Scope", decision.scope),
        ("Class", decision.cost_class),
        ("Layer", decision.layer),
    ]
    return [(label, text) for label, text in facts if text]


CREDIT_WORDS = {
    "follow": "Credits and negative corrections follow the charges they correct; those that find"
    " none are the pool `credits`, unallocated.",
    "own pool": "Credits and negative corrections are a pool of their own, `credits`,"
    " unallocated.",
    "back out": "Credits and negative corrections are backed out of unit cost; they are the pool"
    " `credits`, excluded.",
}  # fmt: skip


def _rules(model: Model) -> Iterator[str]:
    """Yield what holds beside the pools, a sentence each."""
    yield "Lines that no pool takes are the pool `unallocated`."
    yield f"{CREDIT_WORDS[model.credits]}"
    who = [f"{code(name)} {code(value)}" for name, value in model.free.items()]
    treated = {"product": "a cost of the product", "acquisition": "acquisition, outside unit cost"}
    yield f"The free tier{f' ({listed(who)})' if who else ''} is {treated[model.free_tier]}."
    for target in model.targets:
        whom = [f" for {code(name)} {code(value)}" for name, value in target.segment.items()]
        due = f" by {target.due}" if target.due else ""
        yield (
            f"Target: {target.cost} {model.currency} per {target.unit}{''.join(whom)}{due}; red"
            f" above {target.warn} times that."
        )
    band = model.band
    yield (
        f"Infrastructure cost per {model.primary.name} and month is usual from {band.low} to"
        f" {band.high} and a warning above {band.warn} {model.currency}."
    )
    yield f"One subject with more than {model.concentration} % of a pool is a finding."
    yield from signal_rules(model)
