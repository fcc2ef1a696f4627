"""Pools that serve other pools: who leads to whom, and the loops they form."""

from __future__ import annotations

from collections.abc import Mapping

from percapita.model.spec import Model

Edges = Mapping[str, frozenset[str]]
"""Pool to the pools it serves directly."""


def edges(model: Model) -> Edges:
    """Return what every pool serves; nothing for pools that are not ``through``."""
    return {
        pool.name: frozenset(pool.through.pools if pool.through else ()) for pool in model.pools
    }


def reach(served: Edges) -> Edges:
    """Return every pool that each one leads to, over any number of steps."""
    result: dict[str, frozenset[str]] = {}
    for name in served:
        found: set[str] = set()
        ahead = set(served[name])
        while ahead:
            found |= ahead
            ahead = {target for pool in ahead for target in served.get(pool, ())} - found
        result[name] = frozenset(found)
    return result


def components(model: Model) -> tuple[tuple[str, ...], ...]:
    """Return the groups of pools that serve each other, in file order of their first pool.

    A pool that serves only itself is a group of one; pools in no loop are in no group.
    """
    reached = reach(edges(model))
    groups: dict[str, tuple[str, ...]] = {}
    for name, found in reached.items():
        if name in found and not any(name in group for group in groups.values()):
            groups[name] = tuple(o for o in reached if o in found and name in reached[o])
    return tuple(groups.values())


def loop(model: Model, start: str) -> tuple[str, ...]:
    """Return the shortest way from a pool back to itself, both ends included."""
    served = edges(model)
    before: dict[str, str] = {}
    ahead = [start]
    while ahead and start not in before:
        following = []
        for pool in ahead:
            for target in sorted(served.get(pool, ())):
                if target not in before:
                    before[target] = pool
                    following.append(target)
        ahead = following
    way = [start, before[start]]
    while way[-1] != start:
        way.append(before[way[-1]])
    return tuple(reversed(way))
