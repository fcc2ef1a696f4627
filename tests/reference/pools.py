"""Random pools: every method, and every combination that one pool may have."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from percapita.model.spec import (
    Condition,
    Direct,
    Driver,
    Idle,
    Match,
    Mix,
    Overhead,
    Pool,
    Through,
)
from reference.build import match

Draw = Callable[[st.SearchStrategy[Any]], Any]

METERS = ("alpha", "beta", "gamma")
WITHIN: tuple[dict[str, str], ...] = ({}, {"resource": "ResourceId"}, {"tier": "tags.tier"},
          {"resource": "ResourceId", "tier": "tags.tier"})  # fmt: skip
FALLBACKS = (("month", "pool"), ("month", "pool"), ("month",), ("pool",), ())
FACTORS = st.sampled_from([Decimal("0.8"), Decimal("0.25"), Decimal(2), Decimal("0.001")])


def pools(draw: Draw) -> list[Pool]:
    """Draw the pools of a model, each for the service of its own name."""
    shared = [_shared(draw, f"shared {n}") for n in range(draw(st.integers(1, 3)))]
    plain = [pool for pool in shared if pool.fallback == ("month", "pool")]
    serving = _serving(draw, [pool.name for pool in plain])
    makers = (_direct, _overhead, _overhead, _nothing)
    others = [
        draw(st.sampled_from(makers))(draw, f"other {n}") for n in range(draw(st.integers(0, 3)))
    ]
    found = draw(st.permutations([*shared, *serving, *others]))
    dev = Pool("development", match(tags_env="dev"), exclude=True, grain=_grain(draw))
    return [dev, *found] if draw(st.booleans()) else list(found)


def _shared(draw: Draw, name: str) -> Pool:
    """Draw a pool that is split by drivers."""
    within = draw(st.sampled_from(WITHIN))
    idle = draw(st.sampled_from([None, None, "line", "share"]))
    driver = _mix(draw, cells=bool(within)) if draw(st.booleans()) else _driver(draw, bool(within))
    return Pool(
        name,
        match(ServiceName=name),
        by=driver,
        within=within,
        idle=Idle(Driver("capacity"), Driver("used"), idle) if idle else None,
        fallback=draw(st.sampled_from(FALLBACKS)),
        grain=_grain(draw),
    )


def _grain(draw: Draw) -> Any:  # noqa: ANN401
    return draw(st.sampled_from(["day", "day", "day", "month"]))


def _driver(draw: Draw, cells: bool) -> Driver:  # noqa: FBT001
    """Draw a driver; activity is not known by cell."""
    meter = draw(st.sampled_from(METERS if cells else (*METERS, "active")))
    where = {"operation": Condition(("/api/*",))}
    some = meter != "active" and draw(st.integers(0, 3)) == 0
    return Driver(meter, where if some else {})


def _mix(draw: Draw, *, cells: bool) -> Mix:
    drivers = [_driver(draw, cells) for _ in range(draw(st.integers(1, 3)))]
    unique = {driver.meter: driver for driver in drivers}
    return Mix(tuple((driver, draw(FACTORS)) for driver in unique.values()))


def _serving(draw: Draw, targets: list[str]) -> list[Pool]:
    """Draw up to two pools that serve others, maybe each other."""
    names = [f"serving {n}" for n in range(draw(st.integers(0, 2)))] if targets else []
    return [
        Pool(
            name,
            match(ServiceName=name),
            through=Through(
                tuple(n for n in draw(st.permutations([*targets, *names])) if n != name),
                Driver("serve"),
            ),
            fallback=draw(st.sampled_from([("month", "pool"), ("pool",)])),
        )
        for name in names
    ]


def _direct(draw: Draw, name: str) -> Pool:
    level = draw(st.sampled_from(["user", "tenant", "tier"]))
    then = draw(st.sampled_from([None, *METERS])) if level != "user" else None
    direct = Direct(level, f"tags.{level}", Driver(then) if then else None)
    return Pool(name, match(ServiceName=name), direct=direct, grain=_grain(draw))


def _overhead(draw: Draw, name: str) -> Pool:
    over = draw(st.sampled_from(["all", "allocated"]))
    weights = (("Free", Decimal(1)), ("Pro", Decimal("2.5")))
    ways = (
        Overhead("cost", over),
        Overhead("active"),
        Overhead("weights", attribute="tier", weights=weights),
    )
    return Pool(name, match(ServiceName=name), overhead=draw(st.sampled_from(ways)))


def _nothing(draw: Draw, name: str) -> Pool:
    """Draw a pool without a method, by wildcard."""
    return Pool(name, Match({"ServiceName": Condition((f"{name[:-1]}?",))}), grain=_grain(draw))
