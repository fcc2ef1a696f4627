"""The split kernel: what it gives out sums to what came in, to the last digit."""

from __future__ import annotations

import itertools
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from percapita.core.split import (
    LIMIT,
    Atoms,
    atoms,
    scaled,
    shift_of,
    shifted,
    split,
)
from reference import kernel

AMOUNTS = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places),
    st.integers(-(10**18), 10**18),
    st.integers(0, 18),
)
WEIGHTS = st.lists(
    st.one_of(st.integers(0, 9), st.integers(0, 10**6), st.integers(0, 9 * 10**18)),
    min_size=1,
    max_size=12,
).filter(any)


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("1.5", Atoms(12, 1_500_000_000_000, Decimal(0))),
        ("-0.0000000000015", Atoms(12, -1, Decimal("-5e-13"))),
        ("7e-18", Atoms(12, 0, Decimal("7e-18"))),
        ("3999999.9", Atoms(12, 3_999_999_900_000_000_000, Decimal(0))),
        ("4000000", Atoms(9, 4_000_000_000_000_000, Decimal(0))),
        ("1000000000000.000000000000000001", Atoms(6, 10**18, Decimal("1e-18"))),
        ("999999999999999999", Atoms(0, 10**18 - 1, Decimal(0))),
    ],
)
def test_atoms_are_the_finest_that_fit(amount: str, expected: Atoms) -> None:
    """An amount is cut toward zero to the finest atoms below 4 x 10^18; the rest is its tail."""
    assert atoms(Decimal(amount)) == expected


def test_amount_beyond_the_money_column() -> None:
    """An amount that no atom holds is refused."""
    with pytest.raises(ValueError, match="too large"):
        atoms(Decimal(LIMIT))


@given(AMOUNTS, WEIGHTS)
@example(Decimal("7e-18"), [1, 1, 1])
@example(Decimal("1e12"), [3, 7, 11])
@example(Decimal("-1e12"), [1, 4 * 10**18, 9 * 10**18])
def test_parts_sum_to_the_amount(amount: Decimal, weights: list[int]) -> None:
    """Whatever the amount and the weights, nothing is lost and nothing is made."""
    parts = split(amount, weights)

    assert sum(map(Fraction, parts)) == Fraction(amount)


@given(AMOUNTS, WEIGHTS)
def test_a_credit_is_a_charge_turned_round(amount: Decimal, weights: list[int]) -> None:
    """The split of -C is the negated split of C."""
    assert split(-amount, weights) == [-part for part in split(amount, weights)]


@given(AMOUNTS, WEIGHTS)
def test_parts_are_near_their_exact_share(amount: Decimal, weights: list[int]) -> None:
    """A part is off by little: rounding for most, all their roundings for the largest."""
    used, _ = scaled(weights)
    places, count, tail = atoms(amount)
    atom, slack = Fraction(1, 10**places), abs(count) // 10**15 + 1
    for part, weight in zip(split(amount, weights), used, strict=True):
        share = Fraction(amount) * weight / sum(used)
        assert abs(Fraction(part) - share) <= (slack + 1) * len(used) * atom + abs(Fraction(tail))


@given(AMOUNTS, WEIGHTS)
def test_two_readings_of_the_same_text(amount: Decimal, weights: list[int]) -> None:
    """The kernel and the reference, written apart, agree to the last digit."""
    parts = [Fraction(part) for part in split(amount, weights)]

    assert parts == kernel.split(Fraction(amount), weights)


@given(WEIGHTS)
def test_scaled_weights(weights: list[int]) -> None:
    """Scaled weights stay below the limit, zero stays zero, and small ones do not vanish."""
    used, shift = scaled(weights)

    assert sum(used) < LIMIT
    assert [bool(w) for w in used] == [bool(w) for w in weights]
    assert used == [shifted(weight, shift) for weight in weights]
    assert shift or used == weights
    assert used == kernel.limited(weights)


def test_scaling_starts_at_the_limit() -> None:
    """A total below the limit is left alone; at the limit it is halved."""
    assert shift_of(LIMIT - 1) == 0
    assert shift_of(LIMIT) == 1
    assert scaled([LIMIT, 1]) == ([LIMIT // 2, 1], 1)


def test_residual_goes_to_the_first_of_the_largest() -> None:
    """Among equal weights the first one takes what is left, and the tail."""
    third = Decimal("0.333333333333")

    assert split(Decimal("1.0000000000000001"), [5, 5, 5]) == [
        Decimal("0.3333333333340001"), third, third,
    ]  # fmt: skip
    assert split(Decimal(2), [1, 2, 2]) == [Decimal("0.4"), Decimal("0.8"), Decimal("0.8")]


def test_nobody_to_split_over() -> None:
    """A split without weight is refused: it is for the caller to fall back."""
    with pytest.raises(ValueError, match="above zero"):
        split(Decimal(1), [0, 0])


@given(st.lists(AMOUNTS, min_size=1, max_size=6), WEIGHTS)
def test_running_total_closes_both_margins(amounts: list[Decimal], weights: list[int]) -> None:
    """Steps of the running total's split sum to each line, and to each receiver's part."""
    assume(max(abs(total) for total in itertools.accumulate(map(Fraction, amounts))) < 10**18)
    steps, before, total = [], [Fraction(0)] * len(weights), Fraction(0)
    for amount in amounts:
        total += Fraction(amount)
        after = kernel.split(total, weights)
        steps.append([now - then for now, then in zip(after, before, strict=True)])
        before = after

    assert [sum(step) for step in steps] == [Fraction(amount) for amount in amounts]
    assert [sum(column) for column in zip(*steps, strict=True)] == kernel.split(total, weights)
