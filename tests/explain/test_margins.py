"""Explain closes both ways, on groups that hand on to groups."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from percapita.allocate import explain
from percapita.allocate.explain import Act, Flow, Item, Part, Receiver, Side
from percapita.core import money
from percapita.core.errors import ProofError
from percapita.core.split import scaled, split

DAY = datetime(2025, 10, 1, tzinfo=UTC)
LINES = ("a", "b", "c", "d", "e")

amounts = st.one_of(
    st.decimals(-1000, 1000, places=18),
    st.decimals(Decimal(-10) ** 12, Decimal(10) ** 12, places=17),
    st.sampled_from([Decimal(0), Decimal("1e-18"), Decimal("-1e-18"), Decimal("1e12")]),
)
weights = st.one_of(st.integers(0, 20), st.integers(1, 10**6), st.integers(10**17, 5 * 10**18))


@st.composite
def bills(draw: st.DrawFn, groups: int) -> list[Part]:
    """Line parts that enter the first ``groups`` groups."""
    count = draw(st.integers(0, 12))
    return [
        Part(
            draw(st.integers(0, groups - 1)),
            DAY + timedelta(days=draw(st.integers(0, 2))),
            draw(st.sampled_from(LINES)),
            draw(st.sampled_from(["", "a"])),
            draw(amounts),
        )
        for _ in range(count)
    ]


def rows_of(amount: Decimal, wanted: list[int]) -> list[Receiver]:
    """Ledger rows as a run leaves them: weights as used, parts by the reference kernel."""
    used, _ = scaled(wanted)
    parts = split(amount, used)
    return [
        Receiver(number // 2, number, "", "", "", weight, part)
        for number, (weight, part) in enumerate(zip(used, parts, strict=True))
    ]


def item(line: str, grains: int) -> Item:
    """What a line brought into a group."""
    return Item(outside=False, start=DAY, line=line, follows="", source=-1, grains=grains)


def sum_of(given_items: list[Item]) -> Decimal:
    """What a group was given."""
    return explain.money(sum(one.grains for one in given_items))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_both_margins_close(data: st.DataObject) -> None:
    """A receiver is the sum of its lines, a line the sum of its receivers."""
    parts = data.draw(bills(3))
    # Group 0 is cut into 3 and 4; groups 1 and 4 flow whole into 5, with group 2 on its own.
    flows = [
        Flow(0, 3, 0, data.draw(st.integers(0, 9))),
        Flow(0, 4, 1, data.draw(st.integers(1, 9))),
        Flow(1, 5, 0, None),
        Flow(4, 5, 0, None),
    ]
    # Group 0 keeps a part for idle capacity, which may be the one with the residual.
    kept = data.draw(st.integers(0, 12))
    idle_holds = kept > max(flow.weight or 0 for flow in flows[:2])
    cut_total = kept + sum(flow.weight or 0 for flow in flows[:2])
    acts = {0: Act(cut_total, -1 if idle_holds else None), 1: Act(0, None), 4: Act(0, None)}
    items = explain.items(parts, flows, acts)
    got: Counter[str] = Counter()
    for group in (2, 3, 5):
        given_items = items.get(group, [])
        amount = sum_of(given_items)
        wanted = data.draw(st.lists(weights, min_size=1, max_size=6).filter(any))
        rows = rows_of(amount, wanted)
        total = sum(row.weight for row in rows)
        top = rows[max(range(len(rows)), key=lambda i: (rows[i].weight, -i))]
        holding = explain.holder(rows, top.subject, total, amount)
        histogram = Counter(row.weight for row in rows)
        for index, row in enumerate(rows):
            mine = Counter({row.weight: 1})
            share = explain.side(mine, histogram - mine, total, holds=index == holding)
            found = explain.line_parts(group, given_items, share)

            assert explain.money(sum(part.grains for part in found)) == row.amount

        for line in LINES:
            used = [row.weight for row in rows]
            shares = explain.receivers(line, given_items, used, total, holding)
            got[line] += sum(shares)
    takers = [kept, *(flow.weight or 0 for flow in flows[:2])]
    for line in LINES:
        holding = 0 if idle_holds else takers.index(max(takers[1:]), 1)
        shares = explain.receivers(line, items.get(0, []), takers, cut_total, holding)
        got[line] += shares[0]
        billed = money.total([part.amount for part in parts if part.line == line])

        assert explain.money(got[line]) == billed


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_both_ways_give_the_same_cells(data: st.DataObject) -> None:
    """What a line gave a receiver is the same figure, looked at from either end."""
    parts = data.draw(bills(1))
    given_items = explain.items(parts, [], {}).get(0, [])
    wanted = data.draw(st.lists(weights, min_size=1, max_size=5).filter(any))
    rows = rows_of(sum_of(given_items), wanted)
    total = sum(row.weight for row in rows)
    holding = wanted.index(max(wanted)) if len(set(wanted)) == len(wanted) else None
    if holding is None:
        top = max(rows, key=lambda row: row.weight)
        holding = explain.holder(rows, top.subject, total, sum_of(given_items))
    histogram = Counter(row.weight for row in rows)
    for line in LINES:
        used = [row.weight for row in rows]
        upward = explain.receivers(line, given_items, used, total, holding)
        for index, row in enumerate(rows):
            mine = Counter({row.weight: 1})
            share = explain.side(mine, histogram - mine, total, holds=index == holding)
            down = explain.line_parts(0, given_items, share, {line})

            assert sum(part.grains for part in down) == upward[index]


@settings(max_examples=200, deadline=None)
@given(amount=amounts, wanted=st.lists(weights, min_size=1, max_size=8).filter(any))
def test_a_side_is_the_kernel(amount: Decimal, wanted: list[int]) -> None:
    """The parts of a side are those of the reference split, residual and tail included."""
    used, _ = scaled(wanted)
    holding = used.index(max(used))
    for index, part in enumerate(split(amount, used)):
        others = Counter(weight for i, weight in enumerate(used) if i != index)
        share = explain.side({used[index]: 1}, others, sum(used), holds=index == holding)

        assert explain.money(share.of(explain.grains(amount))) == part


def test_a_part_may_lie_below_zero_and_the_sum_still_closes() -> None:
    """Rounding can leave one line's part below zero; it is shown, and the sum is the amount."""
    atom = Decimal("1e-12")
    parts = [Part(0, DAY, f"line {n}", "", atom) for n in range(9)]
    given_items = explain.items(parts, [], {})[0]
    rows = rows_of(9 * atom, [3, 2, 2, 2])
    share = explain.side({3: 1}, {2: 3}, 9, holds=True)
    found = [part.grains for part in explain.line_parts(0, given_items, share)]

    assert min(found) < 0
    assert explain.money(sum(found)) == rows[0].amount


def test_the_tail_goes_to_the_holder() -> None:
    """What lies below one atom reaches the receiver of the residual, line by line."""
    parts = [Part(0, DAY, "a", "", Decimal("1e-18")), Part(0, DAY, "b", "", Decimal("2e-18"))]
    given_items = explain.items(parts, [], {})[0]
    share = explain.side({5: 1}, {4: 1}, 9, holds=True)
    found = explain.line_parts(0, given_items, share)

    assert [part.grains for part in found] == [1, 2]


def test_equal_rows_of_the_holder_are_told_apart_by_what_they_got() -> None:
    """Of a subject's equal rows the one whose stored amount is off the rounded part holds."""
    rows = [
        Receiver(7, 1, "", "", "", 1, Decimal(3)),
        Receiver(7, 2, "", "", "", 1, Decimal("3.000000000001")),
    ]
    held = explain.holder(rows, 7, 2, Decimal("6.000000000001"))

    # The rounded part of 6.000000000001 over two is 3.000000000001, so the other one is odd.
    assert held == 0


def test_the_heaviest_lines_are_those_with_most_of_the_subject() -> None:
    """A small line in a group of one's own can matter more than a large shared one."""
    given_items = {
        0: [item("large", 1000)],
        1: [item("small", 100), item("tiny", 1)],
    }
    ranked = explain.heaviest(given_items, {0: (1, 100), 1: (1, 1)}, 2)

    assert ranked == ["small", "large"]


def test_groups_are_reached_however_many_steps_away() -> None:
    """Upstream and downstream follow the flows to their ends."""
    flows = [Flow(0, 1, 0, 1), Flow(1, 2, 0, 1), Flow(3, 2, 0, None)]

    assert explain.upstream({2}, flows) == {0, 1, 2, 3}
    assert explain.downstream({0}, flows) == {0, 1, 2}


def test_sums_that_do_not_close_stop() -> None:
    """A stored amount that its parts do not sum to is an error, never a shown figure."""
    with pytest.raises(ProofError, match="group 4"):
        explain.prove(4, Decimal("1.5"), 1)


def test_one_receiver_has_it_all() -> None:
    """A group with one receiver needs no weight."""
    assert explain.ALL.of(-(10**30)) == -(10**30)
    assert Side({}, 0, holds=True).of(5) == 5
