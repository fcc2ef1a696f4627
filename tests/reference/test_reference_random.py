"""The reference allocator keeps on random worlds what it is to prove of the engine."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from random import Random

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from reference.allocator import Allocation, allocate
from reference.lines import billing_of
from reference.strategies import worlds
from reference.through import ClosedLoopError
from reference.world import COST_COLUMN, World

RELAXED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


def allocated(world: World) -> Allocation:
    """Allocate, or leave out a world whose pools only serve each other."""
    try:
        return allocate(world)
    except ClosedLoopError:
        assume(condition=False)
        raise


@RELAXED
@given(worlds())
def test_ledger_sums_to_the_bill(world: World) -> None:
    """In every basis and billing period the ledger sums to the lines, to the last digit."""
    result = allocated(world)
    for basis in result.groups:
        rest: dict[str, Fraction] = defaultdict(Fraction)
        for line in world.lines:
            rest[billing_of(world, line)] += Fraction(line[COST_COLUMN[basis]] or 0)
        for key, amount in result.ledger(basis).items():
            rest[key.billing] -= Fraction(amount)

        assert not any(rest.values())


@RELAXED
@given(worlds())
def test_explanations_close_both_ways(world: World) -> None:
    """What receivers got of a line sums to the line, what lines gave a receiver to its amount."""
    result = allocated(world)
    for basis in result.groups:
        lines: dict[object, Fraction] = defaultdict(Fraction)
        for line in world.lines:
            lines[line["LineId"]] = Fraction(line[COST_COLUMN[basis]] or 0)
        receivers: dict[object, Fraction] = defaultdict(Fraction)
        for key, amount in result.ledger(basis).items():
            receivers[key.receiver] += Fraction(amount)
        for (name, receiver), amount in result.explained(basis).items():
            lines[name] -= Fraction(amount)
            receivers[receiver] -= Fraction(amount)

        assert not any(lines.values())
        assert not any(receivers.values())


@RELAXED
@given(worlds(), st.randoms(use_true_random=False))
def test_order_of_the_input_does_not_matter(world: World, random: Random) -> None:
    """Lines, readings and attributes in any order give the same ledger."""
    shuffled = replace(
        world,
        lines=tuple(random.sample(world.lines, len(world.lines))),
        readings=tuple(random.sample(world.readings, len(world.readings))),
        attributes=tuple(random.sample(world.attributes, len(world.attributes))),
    )

    assert allocated(shuffled).ledger() == allocated(world).ledger()
