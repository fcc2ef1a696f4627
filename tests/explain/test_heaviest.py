"""A few lines of many: those that a run lists of each group are the heaviest of any figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from invariants.test_explain_closes import Ran, ran
from percapita.core.errors import ProofError
from percapita.core.tables import PARTS
from percapita.model.spec import Pool
from percapita.report.explain.explain import down
from percapita.report.explain.found import Down
from percapita.store.read.run import Who
from reference import examples
from reference.build import by, line, match, model, reading
from reference.world import World

DAYS = ("2025-10-01", "2025-10-02", "2025-10-03")
ANN = Who(subjects=(1,))


def many() -> World:
    """More lines a day than a run lists, a charge over days, a credit and a line of nothing."""
    lines = [
        line(f"{pool} {day} {at:03}", f"{1 + (at * 37) % 151}.000000000000000{at:03}", start, end,
             ServiceName=pool, ResourceId=f"r{at}")
        for pool in ("db", "web")
        for day, (start, end) in enumerate(pairwise(DAYS))
        for at in range(151)
    ]  # fmt: skip
    lines += [
        line("fee", "290.000000000000000007", DAYS[0], DAYS[2], ServiceName="db"),
        line("credit", "-140.5", DAYS[0], DAYS[1], ServiceName="db", ResourceId="r3",
             ChargeCategory="Credit"),
        line("free", "0", DAYS[0], DAYS[1], ServiceName="web"),
    ]  # fmt: skip
    readings = [
        reading(meter, who, 3 + who * at, day)
        for at, day in enumerate(DAYS[:2], 1)
        for meter in ("queries", "requests")
        for who in (1, 2)
    ]
    pools = (
        Pool("db", match(ServiceName="db"), by=by("queries")),
        Pool("web", match(ServiceName="web"), by=by("requests")),
    )
    return World(
        model(*pools, credits="follow"), tuple(lines), tuple(readings), (),
        subjects=examples.PEOPLE, bases=("billed",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Iterator[Ran]:
    """Run it once."""
    with ran(many()) as found:
        yield found


def ask(made: Ran, lines: int | None, basis: str = "effective", pool: str = "") -> Down:
    """Explain Ann's figure by so many lines."""
    question = replace(made.question(basis), lines=lines, pool=pool)
    return down(made.store.engine, made.bind, question, lambda: ANN)


def named(found: Down) -> dict[str, Decimal]:
    """Return the lines that are named, in their order."""
    return {one.line["LineId"]: one.amount for one in found.lines}


@pytest.mark.parametrize("basis", ["effective", "billed"])
@pytest.mark.parametrize("pool", ["", "db"])
@pytest.mark.parametrize("count", [1, 25, 128, 150])
def test_few_lines_are_the_first_of_all(made: Ran, count: int, pool: str, basis: str) -> None:
    """They have what they have among all, to the last digit, and those left out are counted."""
    whole, few = ask(made, None, basis, pool), ask(made, count, basis, pool)

    assert list(named(few).items()) == list(named(whole).items())[:count]
    assert few.others == len(whole.lines) - count
    assert few.total == whole.total == whole.named


def test_listed_parts_and_the_rest_of_each_group_are_the_group(made: Ran) -> None:
    """Sums and numbers of the listed and of the others come to all parts of the group."""
    made.bind("2025-10", made.run)
    heaviest, groups, parts = (
        made.store.engine.rows(
            f'SELECT basis, "group", sum(amount), {count} FROM {table} GROUP BY ALL ORDER BY ALL'
        )
        for table, count in (("heaviest", "sum(parts)"), ("groups", "0"), ("parts", "count(*)"))
    )
    left = made.store.engine.value("SELECT count(*) FROM heaviest WHERE LineId IS NULL")

    assert heaviest == parts
    assert [row[:3] for row in heaviest] == [row[:3] for row in groups]
    assert left > 0


def test_a_run_that_listed_nothing_is_explained_all_the_same(made: Ran) -> None:
    """Figures of before the list was kept are looked through."""
    engine, listed = made.store.engine, ask(made, 25)

    def bind(period: str, run: str) -> None:
        made.bind(period, run)
        engine.view("heaviest", "SELECT * FROM parts, (SELECT true AS alone, 1 AS parts) LIMIT 0")

    question = replace(made.question("effective"), lines=25)
    found = down(engine, bind, question, lambda: ANN)

    assert named(found) == named(listed)
    assert found.others == listed.others


def test_lost_parts_stop(made: Ran) -> None:
    """Where neither the list nor the parts come to the group, nothing is shown."""
    engine = made.store.engine

    def bind(period: str, run: str) -> None:
        made.bind(period, run)
        engine.view("heaviest", "SELECT * FROM parts, (SELECT true AS alone, 1 AS parts) LIMIT 0")
        made.store.bind(PARTS, "all_parts", run=run, periods=[period])
        engine.view("parts", "SELECT * FROM all_parts WHERE LineId <> 'fee'")

    question = replace(made.question("effective"), lines=25)
    with pytest.raises(ProofError, match="What entered group"):
        down(engine, bind, question, lambda: ANN)
