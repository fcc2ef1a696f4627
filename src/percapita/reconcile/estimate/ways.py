"""What each pool's cost moves with, as the model says it: a meter, time, or what others cost.

Capacity comes first: a pool with ``live: {price: METER}`` or a step of capacity costs what is
there, whoever uses it. A fixed pool costs the time that passes. Only a pool whose cost is said to
vary moves with its driver, and where nobody said so, its history may show that it does not.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import NamedTuple

from percapita.model.spec import Condition, Driver, Mix, Model, Pool
from percapita.reconcile.estimate.fitting import Kind

Terms = tuple[tuple[Driver, Decimal], ...]
"""Drivers and the factor of each."""


Key = tuple[tuple[str, tuple[tuple[str, Condition], ...], Decimal], ...]


def key(terms: Terms) -> Key:
    """Return what a mapping of meters is looked up by."""
    return tuple((d.meter, tuple(d.where.items()), factor) for d, factor in terms)


class Wanted(NamedTuple):
    """A way that a pool may be estimated by."""

    kind: Kind
    terms: Terms = ()


TIME = Wanted("time")


def ways(model: Model, name: str) -> tuple[Wanted, ...]:
    """Return the ways of a pool, the model's own first; a pool that is not in it costs time."""
    pool = next((pool for pool in model.pools if pool.name == name), None)
    if pool is None:
        return (TIME,)
    capacity = pool.live.get("price") or (
        pool.behaviour.capacity if pool.behaviour.kind == "step" else ""
    )
    if capacity:
        return (Wanted("meter", ((Driver(capacity), Decimal(1)),)),)
    if pool.overhead is not None and pool.overhead.how == "cost":
        return (Wanted("cost"), TIME)
    terms = _terms(pool)
    if pool.behaviour.kind == "fixed" or not terms:
        return (TIME,)
    varies = Wanted("meter", terms)
    return (varies,) if _said(model, pool) else (varies, TIME)


def _terms(pool: Pool) -> Terms:
    if pool.exclude or pool.by is None:
        return ()
    parts = pool.by.parts if isinstance(pool.by, Mix) else ((pool.by, Decimal(1)),)
    # Heads that are counted do not come in with the hours.
    return tuple((driver, factor) for driver, factor in parts if driver.meter != "active")


def _said(model: Model, pool: Pool) -> bool:
    return ("pools", pool.name, "behaviour") in model.marks


def drivers(model: Model, pools: Collection[str]) -> list[Driver]:
    """Return every driver that some pool may be estimated by, each once."""
    found: list[Driver] = []
    for name in pools:
        for wanted in ways(model, name):
            found += [driver for driver, _ in wanted.terms if driver not in found]
    return found
