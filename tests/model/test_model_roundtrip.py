"""Any model that can be written is read back as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from percapita.model.builtin import built_in
from percapita.model.load import examine, loads
from percapita.model.spec import (
    Activity,
    Behaviour,
    Busy,
    Condition,
    Direct,
    Driver,
    Identity,
    Idle,
    Match,
    Mix,
    Model,
    Overhead,
    Pool,
    Sampling,
    Segment,
    Signals,
    Through,
    Unit,
)
from percapita.model.words import IMPLICIT

LETTERS = st.characters(
    categories=("L", "N", "P", "S", "Zs"), exclude_characters="\x85\u2028\u2029\ufeff="
)
WORDS = st.text(LETTERS, min_size=1, max_size=12).filter(lambda word: word.strip() == word)
METERS = WORDS.filter(lambda word: word != "any reading")
READING = st.sampled_from(["service", "resource", "region", "feature", "operation"])
COLUMNS = st.sampled_from(["source", "ServiceName", "ResourceId", "tags.Team", "x_part"])
SEGMENTS = ("tier", "cohort")
FACTORS = st.decimals(min_value="0.000000000000000001", max_value=10**9, places=18, allow_nan=False)
CONDITIONS = st.one_of(
    st.booleans().map(lambda present: Condition(present=present)),
    st.lists(WORDS, min_size=1, max_size=3).map(lambda values: Condition(tuple(values))),
)
DRIVERS = st.builds(Driver, METERS, st.dictionaries(READING, CONDITIONS, max_size=2))
MIXES = st.dictionaries(METERS, FACTORS, min_size=1, max_size=3).map(
    lambda parts: Mix(tuple((Driver(meter), factor) for meter, factor in parts.items()))
)
OVERHEADS = st.one_of(
    st.sampled_from([Overhead("cost"), Overhead("cost", "allocated"), Overhead("active")]),
    st.dictionaries(WORDS, st.integers(1, 10**6), min_size=1, max_size=3).map(
        lambda weights: Overhead(
            "weights",
            attribute="tier",
            weights=tuple((value, Decimal(weight)) for value, weight in weights.items()),
        )
    ),
)
METHODS = st.one_of(
    st.just({}),
    st.just({"exclude": True}),
    st.builds(Direct, st.sampled_from(["user", "tenant", *SEGMENTS]), COLUMNS,
              st.none() | DRIVERS).map(lambda direct: {"direct": direct}),
    DRIVERS.map(lambda by: {"by": by}),
    MIXES.map(lambda by: {"by": by}),
    OVERHEADS.map(lambda overhead: {"overhead": overhead}),
    st.builds(Through, st.just(("leaf",)), DRIVERS).map(lambda through: {"through": through}),
)  # fmt: skip
EXTRAS: dict[str, st.SearchStrategy[Any]] = {
    "within": st.dictionaries(st.sampled_from(["resource", "region", "tier"]), COLUMNS),
    "idle": st.builds(Idle, DRIVERS, DRIVERS, st.sampled_from(["line", "share"])),
    "fallback": st.sampled_from([(), ("month",), ("pool",), ("pool", "month")]),
    "grain": st.sampled_from(["day", "month"]),
    "level": st.sampled_from(["user", "session", "tier"]),
    "owner": WORDS,
    "cost_centre": WORDS,
    "scope": st.sampled_from(["infrastructure", "third party", "people", "other"]),
    "cost_class": st.sampled_from(["cost of revenue", "sales and marketing"]),
    "layer": WORDS,
    "behaviour": st.one_of(
        st.just(Behaviour("fixed")),
        st.builds(Behaviour, st.just("step"), METERS, st.none() | FACTORS),
    ),
    "live": METERS.map(lambda meter: {"price": meter}),
}


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """Draw a pool with one method and some further keys."""
    match = draw(st.dictionaries(COLUMNS, CONDITIONS, max_size=3))
    more = draw(st.fixed_dictionaries({}, optional=EXTRAS))
    return Pool(draw(WORDS), Match(match), **{**draw(METHODS), **more})


ATTRIBUTES = st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5}){1,2}", fullmatch=True)
CHOICES = st.lists(ATTRIBUTES, min_size=1, max_size=2, unique=True)
WHERES = st.dictionaries(CHOICES.map("|".join), CONDITIONS, max_size=2)
METRICS = st.lists(st.from_regex("[a-z*?.]{1,9}", fullmatch=True), min_size=1, max_size=3,
                   unique=True)  # fmt: skip
SIGNALS = st.one_of(
    st.builds(Signals, st.just(""), st.sampled_from(["spans", "logs"]), WHERES),
    st.builds(Signals, st.just(""), st.just("spans"), WHERES, quantity=st.just("duration"),
              times=ATTRIBUTES, unit=WORDS),
    st.builds(Signals, st.just(""), st.sampled_from(["spans", "logs"]), WHERES, unit=WORDS,
              quantity=st.just("attributes"), plus=CHOICES.map(tuple), minus=CHOICES.map(tuple),
              scale=st.integers(1, 10**6)),
    st.builds(Signals, st.just(""), st.just("metrics"), WHERES, METRICS.map(tuple),
              quantity=st.sampled_from(["value", "count"]), unit=WORDS),
)  # fmt: skip
FED = st.dictionaries(METERS.filter(lambda name: name != "active"), SIGNALS, max_size=3)
KEYS = CHOICES.map(tuple)
IDENTITIES = st.builds(Identity, KEYS, KEYS, KEYS, st.sampled_from([(), ("trace", "x.id")]),
                       st.integers(0, 3600))  # fmt: skip
RATES = st.builds(Busy, DRIVERS, st.integers(1, 10**9))
IDLERS = st.builds(Busy, DRIVERS, st.integers(1, 9), st.just((Driver("a"), Driver("b"))))
ACTIVITIES = st.builds(Activity, st.integers(1, 999), st.dictionaries(WORDS, DRIVERS, min_size=1,
                       max_size=2), st.none() | RATES, st.none() | IDLERS)  # fmt: skip
SAMPLINGS = st.builds(Sampling, FACTORS, st.dictionaries(METERS, METERS, min_size=1, max_size=2))


def fed(meters: Mapping[str, Signals]) -> tuple[Signals, ...]:
    """Return the meters of a model that declares these."""
    kept = [meter for meter in built_in() if meter.meter not in meters]
    return (*kept, *(replace(meter, meter=name) for name, meter in meters.items()))


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Draw a model; one pool, ``leaf``, is there to be served."""
    reserved = {"leaf", *IMPLICIT}
    drawn = draw(st.lists(pools(), max_size=4, unique_by=lambda pool: pool.name))
    leaf = Pool("leaf", Match(), by=Driver("cpu"))
    meters = draw(st.lists(METERS, max_size=2, unique=True))
    heads = Unit("heads", subject="user", active=tuple(map(Driver, meters)), exclude=("bot",))
    return Model(
        path="model.yaml",
        hash="",
        currency="CHF",
        pools=(*(pool for pool in drawn if pool.name not in reserved), leaf),
        units=(heads, Unit("calls", meter=draw(DRIVERS))),
        segments=(Segment("tier", "users", "plan"), Segment("cohort", "a b.csv", "x", by="month")),
        basis=draw(st.sampled_from(["billed", "list"])),
        credits=draw(st.sampled_from(["follow", "own pool", "back out"])),
        dimensions=draw(st.sampled_from([(), ("feature",), ("region", "operation")])),
        concentration=draw(st.decimals(0, 100, places=3)),
        meters=fed(draw(FED)),
        identity=draw(IDENTITIES),
        activity=draw(ACTIVITIES),
        sampling=draw(SAMPLINGS),
    )


def yaml_of(value: object) -> str:
    """Write a value as YAML on one line, every text in quotes."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{yaml_of(key)}: {yaml_of(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(yaml_of(item) for item in value)}]"
    if isinstance(value, Condition):
        if value.present is None:
            return yaml_of(value.values)
        return "present" if value.present else "absent"
    return json.dumps(
        f"{value:f}" if isinstance(value, Decimal) else str(value), ensure_ascii=False
    )


def driver_of(driver: Driver) -> object:
    """Return a driver in the short form where it has one."""
    if not driver.where:
        return driver.meter
    return {"meter": driver.meter, "where": dict(driver.where)}


def method_of(pool: Pool) -> dict[str, object]:
    """Return the keys of a pool's method."""
    if pool.exclude:
        return {"exclude": "true"}
    if pool.direct:
        then = {"then": {"by": driver_of(pool.direct.then)}} if pool.direct.then else {}
        return {"direct": {pool.direct.level: pool.direct.column, **then}}
    if pool.through:
        return {"through": {"pools": pool.through.pools, "by": driver_of(pool.through.by)}}
    if pool.overhead:
        weights = {pool.overhead.attribute: dict(pool.overhead.weights)}
        by = {"by": pool.overhead.how}
        over = {"over": pool.overhead.over} if pool.overhead.how == "cost" else {}
        return {"overhead": {"weights": weights} if pool.overhead.weights else {**by, **over}}
    if isinstance(pool.by, Mix):
        return {"by": {"mix": {driver.meter: factor for driver, factor in pool.by.parts}}}
    return {"by": driver_of(pool.by)} if pool.by else {}


def keys_of(pool: Pool) -> dict[str, object]:
    """Return a pool as its keys."""
    keys: dict[str, object] = {"pool": pool.name, **method_of(pool)}
    if pool.match.columns:
        keys["match"] = dict(pool.match.columns)
    if pool.idle:
        keys["idle"] = {
            "capacity": driver_of(pool.idle.capacity),
            "used": driver_of(pool.idle.used),
            "to": pool.idle.to,
        }
    if pool.behaviour.kind == "step":
        price = {} if pool.behaviour.price is None else {"price": pool.behaviour.price}
        keys["behaviour"] = {"step": {"capacity": pool.behaviour.capacity, **price}}
    elif pool.behaviour.kind != "variable":
        keys["behaviour"] = pool.behaviour.kind
    named = {"cost centre": "cost_centre", "class": "cost_class"}
    for key in ("within", "level", "owner", "cost centre", "layer", "live", "scope", "class"):
        if value := getattr(pool, named.get(key, key)):
            keys[key] = value
    return {**keys, "fallback": pool.fallback, "grain": pool.grain}


def signals_of(meter: Signals) -> dict[str, object]:
    """Return a meter as its keys."""
    keys: dict[str, object] = {"from": meter.source}
    for key in ("where", "metric", "plus", "minus", "times", "unit"):
        if value := getattr(meter, key):
            keys[key] = value
    if meter.quantity != "attributes":
        keys["quantity"] = meter.quantity
    return {**keys, "scale": meter.scale}


def busy_of(rule: Busy) -> dict[str, object]:
    """Return a rule for bots as its keys."""
    without = {"without": [driver_of(driver) for driver in rule.without]} if rule.without else {}
    return {"of": driver_of(rule.driver), "above": rule.above, **without}


def telemetry_of(model: Model) -> dict[str, object]:
    """Return the keys that say how telemetry is read."""
    activity, identity = model.activity, model.identity
    own = {m.meter: signals_of(m) for m in model.meters if not m.built_in}
    bots = {"bots": {key: busy_of(rule) for key, rule in activity.bots.items()}}
    transactions = {name: driver_of(driver) for name, driver in activity.transactions.items()}
    return {
        **({"meters": own} if own else {}),
        "identity": {**identity.attributes, "join": identity.join, "wait": identity.wait},
        "activity": {"session gap": activity.session_gap, "transactions": transactions, **bots},
        "sampling": {"unknown": model.sampling.unknown, "calibrate": model.sampling.calibrate},
    }


def text_of(model: Model) -> str:
    """Write a model as a file."""
    head = {
        "currency": model.currency,
        "basis": model.basis,
        "credits": model.credits,
        "dimensions": model.dimensions,
        "concentration": model.concentration,
        "segments": {
            s.name: {"from": f"{s.source}.{s.column}", **({"by": s.by} if s.by else {})}
            for s in model.segments
        },
        "units": {
            unit.name: {"meter": unit.meter.meter, "where": dict(unit.meter.where)}
            if unit.meter and unit.meter.where
            else {"meter": unit.meter.meter}
            if unit.meter
            else {"subject": unit.subject, **({"active": [d.meter for d in unit.active]}
                                              if unit.active else {})}
            for unit in model.units
        },
        **telemetry_of(model),
    }  # fmt: skip
    lines = [f"{key}: {yaml_of(value)}" for key, value in head.items()]
    return "\n".join([*lines, "pools:", *(f"  - {yaml_of(keys_of(p))}" for p in model.pools), ""])


@settings(max_examples=60, deadline=None)
@given(models())
def test_written_model_is_read_back(model: Model) -> None:
    """Every value of a model survives writing and reading; only hash and lines are the file's."""
    read = loads(text_of(model))

    pools_read = tuple(replace(pool, line=0) for pool in read.pools)
    assert replace(read, hash="", pools=pools_read) == model


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_explained(text: str) -> None:
    """No text makes the reader fall over: it is a model or a list of problems with places."""
    model, found = examine(text)

    assert model is not None or found
    for problem in found:
        _, line, column = problem.where.rsplit(":", 2)
        assert int(line) >= 1
        assert int(column) >= 1


@settings(max_examples=60, deadline=None)
@given(models(), st.data())
def test_damaged_model_is_read_or_explained(model: Model, data: st.DataObject) -> None:
    """A model with a piece cut out or a character put in is read, or explained."""
    text = text_of(model)
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 6))
    put = data.draw(st.sampled_from(["", "[", "}", ":", '"', "\n", "\t", "- ", "*", "&", "!", "'"]))
    loaded, found = examine(text[:start] + put + text[start + length :])

    assert loaded is not None or found
