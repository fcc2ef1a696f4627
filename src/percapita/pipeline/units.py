"""Capacity and what was used of it are compared: both must be measured in the same unit."""

from __future__ import annotations

from collections.abc import Mapping

from percapita.core.errors import InputError
from percapita.model.spec import Model


class UnlikeUnitsError(InputError):
    """A pool takes usage from a capacity that is measured in something else."""

    def __init__(self, pool: str, capacity: str, has: str, used: str, uses: str) -> None:
        super().__init__(
            f"Pool {pool!r} compares {used!r}, measured in {uses or 'plain counts'}, with the"
            f" capacity {capacity!r}, measured in {has or 'plain counts'}.",
            hint="Say unit: in percapita.yaml for the source where it is missing, or name the"
            " right meters under idle:.",
        )


def check_units(model: Model, bases: Mapping[str, str]) -> None:
    """Look at every pool that cuts off idle capacity.

    Args:
        model: the cost model.
        bases: meter to its base unit, empty for counts; meters nobody measures are not in it.

    Raises:
        UnlikeUnitsError: two units differ.
    """
    for pool in model.pools:
        if pool.idle is None:
            continue
        capacity, used = pool.idle.capacity.meter, pool.idle.used.meter
        if capacity in bases and used in bases and bases[capacity] != bases[used]:
            raise UnlikeUnitsError(pool.name, capacity, bases[capacity], used, bases[used])
