"""The engine against the reference allocator: equal to the last digit on random worlds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings

from reference import examples
from reference.allocator import allocate
from reference.harness import comparable, run_engine
from reference.strategies import worlds
from reference.through import ClosedLoopError
from reference.world import World

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def check(world: World) -> None:
    """Allocate a world twice, here and there, and compare the ledgers row by row."""
    try:
        reference = allocate(world)
    except ClosedLoopError:
        assume(condition=False)
    with TemporaryDirectory() as folder:
        engine = run_engine(world, Path(folder))
    for basis in {world.model.basis, *world.bases}:
        expected = comparable(world, reference.ledger(basis))
        assert comparable(world, engine.get(basis, {})) == expected


@pytest.mark.parametrize("make", examples.ALL, ids=lambda make: make.__name__)
def test_named_worlds(make: Callable[[], World]) -> None:
    """Worked examples and awkward situations come out as in plain loops."""
    check(make())


@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_random_worlds(world: World) -> None:
    """Models with every method combined give the same ledger as plain loops."""
    check(world)


@pytest.mark.slow
@settings(max_examples=300, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_many_random_worlds(world: World) -> None:
    """The same, for longer."""
    check(world)
