"""The engine against the reference allocator: equal to the last digit on random worlds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reference import examples
from reference.allocator import allocate
from reference.harness import comparable, run_engine
from reference.strategies import worlds
from reference.through import ClosedLoopError
from reference.world import World

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def check(world: World, threads: int = 1) -> None:
    """Allocate a world twice, here and there, and compare the ledgers row by row."""
    try:
        reference = allocate(world)
    except ClosedLoopError:
        assume(condition=False)
    with TemporaryDirectory() as folder:
        engine = run_engine(world, Path(folder), threads=threads)
    for basis in {world.model.basis, *world.bases}:
        expected = comparable(world, reference.ledger(basis))
        assert comparable(world, engine.get(basis, {})) == expected


@pytest.mark.parametrize("make", examples.ALL, ids=lambda make: make.__name__)
def test_named_worlds(make: Callable[[], World]) -> None:
    """Worked examples and awkward situations come out as in plain loops."""
    check(make())


@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
@given(worlds(), st.integers(1, 3))
def test_random_worlds(world: World, threads: int) -> None:
    """Models with every method combined give the ledger of plain loops, on any threads."""
    check(world, threads)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=QUIET)
@given(worlds(), st.integers(1, 3))
def test_many_random_worlds(world: World, threads: int) -> None:
    """The same, for longer."""
    check(world, threads)
