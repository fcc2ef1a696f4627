"""Explain over the stored tables of a run, hand-made, both ways."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from explain.handmade import BASIS, DAYS, FREE, MONTH, PRO, Run, cascade
from percapita.core import money
from percapita.core.errors import ProofError
from percapita.core.periods import Span
from percapita.report.explain.explain import Choose, down, up
from percapita.report.explain.found import Question, Up
from percapita.store.engine import Engine
from percapita.store.read.run import Who


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine of its own for each test."""
    made = Engine(threads=1)
    yield made
    made.close()


def bind(period: str, run: str) -> None:
    """Tables stand under their names already."""
    assert (period, run) == ("2025-10", "r1")


def chosen(**who: Any) -> Choose:  # noqa: ANN401
    """The same rows in every period."""
    return lambda: Who(**who)


def asked(**options: Any) -> Question:  # noqa: ANN401
    """A question to the one run there is."""
    return Question(BASIS, (("2025-10", "r1"),), **options)


def everything(run: Run) -> set[int]:
    """Every subject with a ledger row."""
    return {row[2] for row in run.rows["ledger"]}


def test_the_table_of_subjects_and_lines_closes_both_ways(engine: Engine) -> None:
    """Subjects sum to the ledger, lines to the bill, and both see the same cells."""
    run = cascade()
    run.load(engine)
    downward: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for subject in everything(run):
        found = down(engine, bind, asked(), chosen(subjects=(subject,)))
        booked = money.total([row[-1] for row in run.rows["ledger"] if row[2] == subject])

        assert found.total == booked == found.named

        for line in found.lines:
            downward[subject, line.line["LineId"]] += line.amount
    upward: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for line_id, amount in run.bill.items():
        risen = up(engine, bind, asked(), line_id)

        assert money.total([got.amount for got in risen.got]) == amount == risen.total

        for got in risen.got:
            upward[got.subject, line_id] += got.amount

    assert {k: v for k, v in downward.items() if v} == {k: v for k, v in upward.items() if v}


def test_segments_are_the_sum_of_their_users(engine: Engine) -> None:
    """Slices partition the receivers: their amounts and lines sum to everything."""
    run = cascade()
    run.load(engine)
    found = [down(engine, bind, asked(), chosen(slices=(number,))) for number in (FREE, PRO, -1)]
    lines: dict[str, Decimal] = defaultdict(Decimal)
    for each in found:
        for line in each.lines:
            lines[line.line["LineId"]] += line.amount

    assert money.total([one.total for one in found]) == money.total(list(run.bill.values()))
    assert {k: v for k, v in lines.items() if v} == {k: v for k, v in run.bill.items() if v}


def test_the_dearest_lines_are_named_and_the_rest_is_counted(engine: Engine) -> None:
    """With a limit the named lines have their exact parts and the others are counted."""
    run = cascade()
    run.load(engine)
    every = down(engine, bind, asked(), chosen(subjects=(7,)))
    few = down(engine, bind, asked(lines=2), chosen(subjects=(7,)))

    assert [line.amount for line in few.lines] == [line.amount for line in every.lines][:2]
    assert few.others == len(every.lines) - 2
    assert few.total == every.total


def test_a_window_cuts_groups_that_reach_beyond_it(engine: Engine) -> None:
    """Of a group over several days a day's part is its own split, and lines still close."""
    run = cascade()
    run.load(engine)
    first = Span(DAYS[0], DAYS[1])
    rest = Span(DAYS[1], MONTH.end)
    for subject in everything(run):
        one = down(engine, bind, asked(window=first), chosen(subjects=(subject,)))

        assert one.total == one.named

    risen = [up(engine, bind, asked(window=window), "a") for window in (first, rest)]

    assert [one.total for one in risen] == [Decimal("110.000000000000000001"), Decimal("0.1")]
    for one_up in risen:
        assert money.total([got.amount for got in one_up.got]) == one_up.total


def test_one_pool_alone(engine: Engine) -> None:
    """A pool narrows both ways to its groups."""
    run = cascade()
    run.load(engine)
    found = down(engine, bind, asked(pool="pool 1"), chosen(subjects=(7,)))

    assert {share.group.pool for share in found.shares} == {"pool 1"}
    assert found.total == found.named


def test_a_line_nobody_has_heard_of_went_nowhere(engine: Engine) -> None:
    """An unknown line has no parts and no receivers."""
    run = cascade()
    run.load(engine)

    assert up(engine, bind, asked(), "none") == Up({"LineId": "none"})


def test_a_damaged_ledger_is_found(engine: Engine) -> None:
    """A ledger amount that its lines do not sum to stops explain."""
    run = cascade()
    basis, group, *rest, amount = run.rows["ledger"][0]
    run.rows["ledger"][0] = (basis, group, *rest, amount + Decimal("1e-12"))
    run.load(engine)

    with pytest.raises(ProofError, match="group 1"):
        down(engine, bind, asked(), chosen(subjects=(7,)))


def test_a_cut_is_seen_whole_from_each_of_its_parts(engine: Engine) -> None:
    """The residual of a cut goes to its largest flow, also when only the small one is asked for."""
    run = Run()
    run.part(1, "a", DAYS[0], "0.000000000000000002")
    run.hand(1, [(2, 1), (3, 2000)])
    run.leaf(2, [(7, FREE, 1)])
    run.leaf(3, [(8, PRO, 1)])
    run.load(engine)
    small = down(engine, bind, asked(), chosen(subjects=(7,)))
    large = down(engine, bind, asked(), chosen(subjects=(8,)))

    assert (small.total, large.total) == (Decimal(0), Decimal("2e-18"))
    assert large.named == large.total
