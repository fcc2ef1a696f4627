"""Receivers crossed with what amounts are made of: both margins close."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percapita.core.money import total
from percapita.core.split import split
from percapita.measure.apportion import Entered, Got, Handed, UnevenGroupError, cells, cross

AMOUNTS = st.decimals(
    min_value=Decimal("-1e12"), max_value=Decimal("1e12"), places=18, allow_nan=False
)
WEIGHTS = st.lists(st.integers(0, 10**12), min_size=1, max_size=6).filter(any)


@given(st.lists(AMOUNTS, min_size=1, max_size=6), WEIGHTS)
def test_rows_and_columns_close(values: list[Decimal], weights: list[int]) -> None:
    """Whatever is split over whatever weights, rows sum to values and columns to shares."""
    gone = split(total(values), weights)

    rows = cross(values, weights, gone)

    assert [total(row) for row in rows] == values
    assert [total(list(column)) for column in zip(*rows, strict=True)] == gone


def test_shares_of_a_value_follow_the_weights() -> None:
    """Each value is split as the whole is, where that needs no rounding."""
    rows = cross([Decimal(10), Decimal(30)], [1, 3], [Decimal(10), Decimal(30)])

    assert rows == [[Decimal("2.5"), Decimal("7.5")], [Decimal("7.5"), Decimal("22.5")]]


def test_missing_weights_are_stood_in_for_by_amounts() -> None:
    """A taker without a weight takes of each value as it took of the whole."""
    rows = cross([Decimal(4), Decimal(4)], [None, 7], [Decimal(2), Decimal(6)])

    assert rows == [[Decimal(1), Decimal(3)], [Decimal(1), Decimal(3)]]


def test_amounts_travel_through_groups() -> None:
    """What enters one group and is handed on keeps its value down to the last receiver."""
    entered = [
        Entered(1, ("compute",), Decimal(60)),
        Entered(1, ("disk",), Decimal(40)),
        Entered(2, ("disk",), Decimal(5)),
    ]
    handed = [Handed(1, 3, 0, 3, Decimal(75)), Handed(2, 3, 0, None, Decimal(5))]
    got = [
        Got(1, "idle", 1, Decimal(25)),
        Got(3, "a", 1, Decimal(40)),
        Got(3, "b", 1, Decimal(40)),
    ]

    found = {(c.group, c.who, c.value[0]): c.amount for c in cells(entered, handed, got)}

    assert found == {
        (1, "idle", "compute"): Decimal(15),
        (1, "idle", "disk"): Decimal(10),
        (3, "a", "compute"): Decimal("22.5"),
        (3, "b", "compute"): Decimal("22.5"),
        (3, "a", "disk"): Decimal("17.5"),
        (3, "b", "disk"): Decimal("17.5"),
    }


def test_an_uneven_group_stops() -> None:
    """A group that gave more than it got is an error that names it."""
    with pytest.raises(UnevenGroupError, match=r"Group 7 got 1\.00 and gave 2\.00"):
        list(cells([Entered(7, ("x",), Decimal(1))], [], [Got(7, "a", 1, Decimal(2))]))


@given(st.lists(st.tuples(AMOUNTS, st.sampled_from("xyz")), min_size=1, max_size=8), WEIGHTS)
def test_totals_do_not_depend_on_the_cut(
    parts: list[tuple[Decimal, str]], weights: list[int]
) -> None:
    """A receiver's sum over values is its amount, whatever the values are."""
    gone = split(total([amount for amount, _ in parts]), weights)
    got = [
        Got(1, str(at), weight, amount)
        for at, (weight, amount) in enumerate(zip(weights, gone, strict=True))
    ]

    by_who: dict[str, list[Decimal]] = defaultdict(list)
    for cell in cells([Entered(1, (name,), amount) for amount, name in parts], [], got):
        by_who[cell.who].append(cell.amount)

    assert [total(by_who[row.who]) for row in got] == gone
