"""Explain over runs of generated worlds: every method combined, every subject, every line."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings

from percapita.core import money
from percapita.core.errors import InputError
from percapita.core.tables import LINES
from percapita.report.explain.explain import down, up
from percapita.report.explain.found import Down, Question
from percapita.store import Store
from percapita.store.read.run import RUN_TABLES, Who
from reference.harness import KEY, NOW, run_engine
from reference.strategies import worlds
from reference.world import World

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
Cells = dict[tuple[int, str], Decimal]


class Explained:
    """One basis of a run, explained from both ends."""

    def __init__(self, store: Store, run: str, basis: str) -> None:
        self.store = store
        periods = store.run(run).periods
        self.question = Question(basis, tuple((period, run) for period in periods))

    def bind(self, period: str, run: str) -> None:
        """Name one period's tables."""
        for table in RUN_TABLES:
            self.store.bind(table, run=run, periods=[period])
        self.store.bind(LINES, run=run)

    def sums(self, table: str, column: str) -> dict[str, Decimal]:
        """Sum the amounts of a stored table by a column, over all periods."""
        result: dict[str, Decimal] = defaultdict(Decimal)
        for period, run in self.question.runs:
            self.bind(period, run)
            for name, amount in self.store.engine.rows(
                f"SELECT {column}, sum(amount) FROM {table} WHERE basis = ? GROUP BY 1",
                [self.question.basis],
            ):
                result[name] += amount
        return dict(result)

    def downward(self) -> Cells:
        """Explain every subject; each sums to its ledger amount."""
        cells: Cells = defaultdict(Decimal)
        for subject, amount in self.sums("ledger", "subject").items():
            who = Who(subjects=(int(subject),))
            found = down(self.store.engine, self.bind, self.question, lambda who=who: who)  # type: ignore[misc]
            assert found.total == found.named == amount
            self.few(who, found)
            for line in found.lines:
                cells[int(subject), line.line["LineId"]] += line.amount
        return {key: amount for key, amount in cells.items() if amount}

    def few(self, who: Who, whole: Down) -> None:
        """Name two lines alone: they have what they have among all, and none is lost from sight."""
        asked = replace(self.question, lines=2)
        found = down(self.store.engine, self.bind, asked, lambda: who)
        amounts = {line.line["LineId"]: line.amount for line in whole.lines}
        assert found.total == whole.total
        assert len(found.lines) == min(2, len(amounts))
        if len(self.question.runs) == 1:
            assert {line.line["LineId"]: line.amount for line in found.lines}.items() <= (
                amounts.items()
            )
            assert len(found.lines) + found.others == len(amounts) + whole.others

    def upward(self) -> Cells:
        """Explain every line; the receivers sum to it."""
        cells: Cells = defaultdict(Decimal)
        for line, amount in self.sums("parts", "LineId").items():
            found = up(self.store.engine, self.bind, self.question, line)
            assert money.total([got.amount for got in found.got]) == amount == found.total
            for got in found.got:
                cells[got.subject, line] += got.amount
        return {key: amount for key, amount in cells.items() if amount}


def check(world: World) -> None:
    """Both ends see the same table, and its margins are the ledger and the bill."""
    with TemporaryDirectory() as folder:
        try:
            run_engine(world, Path(folder))
        except InputError:
            return  # pools that serve only each other have no figures to explain
        with Store.open(Path(folder) / "store", KEY, threads=1, now=NOW) as store:
            (record,) = store.runs()
            for basis in record.bases:
                explained = Explained(store, record.id, basis)

                assert explained.downward() == explained.upward()


@settings(max_examples=5, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_random_worlds_close_both_ways(world: World) -> None:
    """For generated models and bills the table of subjects and lines closes, cell by cell."""
    check(world)


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_many_random_worlds_close_both_ways(world: World) -> None:
    """The same, for longer."""
    check(world)
