"""What a sample says of all of it: unbiased totals, intervals that hold as often as they say."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percapita.attribute.sampling import (
    Interval,
    Measured,
    Summed,
    between,
    doubt,
    measured,
    probability,
    share,
)

RANGE = 1 << 56
QUARTER, TENTH = "c", "e6666666666666"
Traces = list[int]


def kept(random: Random, traces: Traces, threshold: str) -> Measured:
    """Sample traces as the protocol does, and sum what is left."""
    bound = int(threshold.ljust(14, "0"), 16)
    left = [size for size in traces if random.randrange(RANGE) >= bound]
    quantity = round(sum(left) / probability(threshold))
    return measured([Summed(threshold, len(left), quantity, sum(size**2 for size in left))])


def both(own: Measured, others: Measured) -> Measured:
    """Add two samples."""
    return Measured(
        own.signals + others.signals,
        own.quantity + others.quantity,
        own.variance + others.variance,
        0,
        own.sampled + others.sampled,
        own.squares + others.squares,
    )


def cost_of_share(amount: Decimal, own: Measured, whole: Measured) -> Interval | None:
    """Return between what and what a share of an amount lies."""
    found = doubt(amount, own, whole)
    middle = Decimal(found.amount.numerator) / Decimal(found.amount.denominator)
    return between(middle, [found])


def heavy(random: Random, count: int) -> Traces:
    """Return traces of unlike sizes: most small, a few large."""
    return [1 + int(random.paretovariate(2.5) * 3) for _ in range(count)]


@pytest.mark.parametrize(
    ("threshold", "chance"),
    [("0", Fraction(1)), ("8", Fraction(1, 2)), ("c", Fraction(1, 4)), ("e", Fraction(1, 8))],
)
def test_probability_of_a_threshold(threshold: str, chance: Fraction) -> None:
    """A threshold is read as OpenTelemetry writes it: th:0 keeps all, th:c a quarter."""
    assert probability(threshold) == chance


@pytest.mark.parametrize("threshold", [QUARTER, TENTH])
def test_totals_and_variances_are_unbiased(threshold: str) -> None:
    """Over many samples the mean is the truth, and the stated variance the one that occurs."""
    random = Random(7)  # noqa: S311
    traces = heavy(random, 300)
    samples = [kept(random, traces, threshold) for _ in range(1500)]
    mean = sum(s.quantity for s in samples) / len(samples)
    occurs = sum((s.quantity - mean) ** 2 for s in samples) / (len(samples) - 1)
    said = sum(float(s.variance) for s in samples) / len(samples)

    assert abs(mean - sum(traces)) < 3.5 * (occurs / len(samples)) ** 0.5
    assert 0.88 < said / occurs < 1.12


@pytest.mark.parametrize(("own", "others"), [(150, 3000), (600, 600), (400, 90)])
def test_cost_intervals_hold_as_often_as_they_say(own: int, others: int) -> None:
    """A nominal 90 % interval of a user's cost holds 85 to 95 % of the time."""
    random = Random(11)  # noqa: S311
    mine, theirs = heavy(random, own), heavy(random, others)
    amount = Decimal("1234.56")
    truth = amount * sum(mine) / (sum(mine) + sum(theirs))
    held = stated = 0
    for _ in range(800):
        sample = kept(random, mine, QUARTER)
        found = cost_of_share(amount, sample, both(sample, kept(random, theirs, QUARTER)))
        if found is not None:
            stated += 1
            held += found.low <= truth <= found.high

    assert stated > 600
    assert 0.85 <= held / stated <= 0.95


def test_few_traces_are_not_enough_data() -> None:
    """Where a handful of traces stand for a user, there is no interval but a word."""
    own = measured([Summed(QUARTER, 5, 200, 500)])
    whole = measured([Summed(QUARTER, 500, 20_000, 50_000)])

    assert not own.enough
    assert cost_of_share(Decimal(100), own, whole) is None


def test_one_large_trace_among_many_is_not_enough_data() -> None:
    """It is the traces' likeness that counts: one that outweighs the rest is a sample of one."""
    assert not measured([Summed(QUARTER, 1000, 4 * 2000, 999 + 1001**2)]).enough


def test_what_is_not_sampled_is_certain() -> None:
    """Everything kept, or counted without sampling, has no variance, and its cost no width."""
    own, whole = measured([Summed("0", 3, 30, None)]), measured([Summed("0", 9, 90, None)])
    found = cost_of_share(Decimal(30), own, whole)

    assert found is not None
    assert found.low == found.high == Decimal(10)


def test_unknown_probability_stays_unknown() -> None:
    """What does not say how it was sampled is counted apart, beside what does."""
    found = measured([Summed(None, 2, 7, None), Summed(QUARTER, 1, 4, 1)])

    assert (found.quantity, found.unknown) == (11, 7)


@given(
    st.lists(st.integers(1, 10**6), min_size=1, max_size=30),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=30),
    st.decimals("-1e9", "1e9", places=4),
)
def test_intervals_lie_around_the_share(mine: Traces, theirs: Traces, amount: Decimal) -> None:
    """An interval holds its own estimate, and never passes zero."""
    own = measured([Summed("8", 20, 2 * sum(mine), sum(s * s for s in mine))])
    whole = measured([Summed("8", 99, 2 * sum(mine + theirs), sum(s * s for s in mine + theirs))])
    part, variance = share(own, whole)

    assert 0 <= part <= 1
    assert variance >= 0
    found = cost_of_share(amount, own, whole)
    if found is not None:
        middle = Fraction(amount) * part
        assert Fraction(found.low) - Fraction(1, 10**9) <= middle
        assert middle <= Fraction(found.high) + Fraction(1, 10**9)
        assert found.low * found.high >= 0


def test_what_little_is_vague_makes_an_interval_wider() -> None:
    """Pools of few traces count as wholly unsure, up to a tenth of what somebody costs."""
    sure = doubt(
        Decimal(200), measured([Summed("0", 9, 90, 90)]), measured([Summed("0", 18, 180, 180)])
    )
    few = measured([Summed(QUARTER, 2, 8, 2)])
    vague = doubt(Decimal(18), few, both(few, few))

    assert between(Decimal(109), [sure, vague]) == Interval(Decimal(100), Decimal(118))
    assert between(Decimal(80), [vague]) is None
    assert between(Decimal(109), [sure, vague, sure._replace(unknown=True)]) is None
