"""What a model asks of the data: meters, tags and columns, each with its place in the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from percapita.model.spec import Driver, Mix, Model, Pool, Trail
from percapita.model.words import ACTIVE


class Use(NamedTuple):
    """A name the model uses, and where."""

    name: str
    path: Trail


def meters(model: Model) -> Iterator[Use]:
    """Yield every meter the model names, ``active`` left out."""
    for unit in model.units:
        at: Trail = ("units", unit.name)
        if unit.meter:
            yield Use(unit.meter.meter, (*at, "meter"))
        for number, driver in enumerate(unit.active):
            yield Use(driver.meter, (*at, "active", number, "meter"))
    for segment in model.segments:
        if segment.usage:
            yield Use(segment.usage.meter, ("segments", segment.name, "usage", "meter"))
    for pool in model.pools:
        for use in _pool_meters(pool):
            if use.name != ACTIVE:
                yield Use(use.name, ("pools", pool.name, *use.path))
    yield from _signal_meters(model)


def _signal_meters(model: Model) -> Iterator[Use]:
    at: Trail = ("activity",)
    for name, driver in model.activity.transactions.items():
        yield Use(driver.meter, (*at, "transactions", name, "meter"))
    for key, rule in model.activity.bots.items():
        yield Use(rule.driver.meter, (*at, "bots", key, "of", "meter"))
        for number, driver in enumerate(rule.without):
            yield Use(driver.meter, (*at, "bots", key, "without", number, "meter"))
    for sampled, whole in model.sampling.calibrate.items():
        yield Use(sampled, ("sampling", "calibrate", sampled))
        yield Use(whole, ("sampling", "calibrate", sampled, ""))


def _pool_meters(pool: Pool) -> Iterator[Use]:
    if isinstance(pool.by, Mix):
        for driver, _ in pool.by.parts:
            yield Use(driver.meter, ("by", "mix", driver.meter))
    named: list[tuple[Driver | None, Trail]] = [
        (pool.by if isinstance(pool.by, Driver) else None, ("by",)),
        (pool.direct.then if pool.direct else None, ("direct", "then", "by")),
        (pool.through.by if pool.through else None, ("through", "by")),
        (pool.idle.capacity if pool.idle else None, ("idle", "capacity")),
        (pool.idle.used if pool.idle else None, ("idle", "used")),
    ]
    for single, path in named:
        if single:
            yield Use(single.meter, (*path, "meter"))
    if pool.behaviour.capacity:
        yield Use(pool.behaviour.capacity, ("behaviour", "step", "capacity"))
    for key, meter in pool.live.items():
        yield Use(meter, ("live", key))


def line_columns(model: Model) -> Iterator[Use]:
    """Yield every column of bill lines the model names."""
    for pool in model.pools:
        at: Trail = ("pools", pool.name)
        for column in pool.match.columns:
            yield Use(column, (*at, "match", column))
        if pool.direct:
            yield Use(pool.direct.column, (*at, "direct", pool.direct.level, ""))
        for reading, column in pool.within.items():
            yield Use(column, (*at, "within", reading, ""))
