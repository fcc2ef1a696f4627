"""I8: subjects by lines is one table, seen from either side, and all its sums close."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import HealthCheck, assume, given, settings

from percapita import pipeline
from percapita.core.money import total
from percapita.core.tables import COSTS, LEDGER, LINES
from percapita.model.spec import Basis, Condition, Driver, Idle, Mix, Overhead, Pool, Through
from percapita.project import Project
from percapita.report.explain.explain import down, up
from percapita.report.explain.found import Question
from percapita.store import Store
from percapita.store.read.run import RUN_TABLES, Who
from reference import examples
from reference.allocator import allocate
from reference.build import at, by, line, match, model, reading
from reference.harness import KEY, NOW, hand_over
from reference.strategies import worlds
from reference.through import ClosedLoopError
from reference.world import Attribute, World

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
Cells = dict[tuple[int, str], Decimal]
"""(subject, line) to amount."""


@dataclass(frozen=True)
class Ran:
    """A world's run, open to be explained."""

    world: World
    store: Store
    run: str
    periods: tuple[str, ...]

    def question(self, basis: str) -> Question:
        """Ask about the whole run."""
        return Question(basis, tuple((period, self.run) for period in self.periods))

    def bind(self, period: str, run: str) -> None:
        """Name one period's tables as explain reads them."""
        for table in RUN_TABLES:
            self.store.bind(table, run=run, periods=[period])
        self.store.bind(LINES, run=run)

    def down(self, basis: str, who: Who) -> tuple[Decimal, Cells]:
        """Explain some rows; return their amount, and what each line gave."""
        found = down(self.store.engine, self.bind, self.question(basis), lambda: who)

        assert found.total == found.named
        key = min(who.subjects or who.slices)
        return found.total, {(key, str(one.line["LineId"])): one.amount for one in found.lines}

    def up(self, basis: str, line: str) -> Cells:
        """Return who got a line."""
        cells: dict[tuple[int, str], list[Decimal]] = defaultdict(list)
        for got in up(self.store.engine, self.bind, self.question(basis), line).got:
            cells[got.subject, line].append(got.amount)
        return {key: total(amounts) for key, amounts in cells.items()}

    def ledger(self, basis: str, column: str) -> dict[int, Decimal]:
        """Return the stored amounts by subject or slice."""
        self.store.bind(LEDGER, run=self.run)
        rows = self.store.engine.rows(
            f"SELECT {column}, sum(amount) FROM ledger WHERE basis = ? GROUP BY ALL", [basis]
        )
        return {int(key): Decimal(amount) for key, amount in rows}


@contextmanager
def ran(world: World) -> Iterator[Ran]:
    """Run a world; a loop without a way out is left out."""
    with TemporaryDirectory() as folder:
        root = Path(folder)
        path = root / "model.yaml"
        path.write_text("version: 1\n", encoding="utf-8")
        with Store.open(root / "store", KEY, threads=1, now=NOW) as store:
            hand_over(store, world)
            project = cast("Project", SimpleNamespace(root=root, now=NOW))
            bases = cast("tuple[Basis, ...]", world.bases)
            plan = replace(world.model, path=str(path))
            result = pipeline.run(project, store, plan, bases=bases)
            yield Ran(world, store, result.run, result.periods)


def plain(cells: Cells) -> Cells:
    """Leave out what is nothing: a line can bring a receiver zero, or no mention at all."""
    return {key: amount for key, amount in cells.items() if amount}


def margin(cells: Cells, place: Callable[[tuple[int, str]], object]) -> dict[object, Decimal]:
    """Return the sums of the rows or columns."""
    sums: dict[object, list[Decimal]] = defaultdict(list)
    for key, amount in cells.items():
        sums[place(key)].append(amount)
    return {key: total(amounts) for key, amounts in sums.items()}


def check(world: World) -> None:
    """Explain every subject and every line of a world in each of its bases, and compare."""
    with ran(world) as made:
        for basis in dict.fromkeys((world.model.basis, *world.bases)):
            check_basis(made, basis)


def check_basis(made: Ran, basis: str) -> None:
    """Explain every subject, slice and line of one basis, and compare the margins."""
    booked = made.ledger(basis, "subject")
    downward: Cells = {}
    for subject, amount in booked.items():
        explained, cells = made.down(basis, Who(subjects=(subject,)))
        downward |= cells

        assert explained == amount
    upward: Cells = {}
    billed: dict[str, Decimal] = {}
    for bill_line in made.world.lines:
        billed[bill_line["LineId"]] = bill_line[COSTS[basis]] or Decimal(0)
        upward |= made.up(basis, bill_line["LineId"])

    assert plain(downward) == plain(upward)
    rows = margin(upward, lambda key: key[0])
    columns = margin(downward, lambda key: key[1])
    assert _same(rows, booked)
    assert _same(columns, billed)
    _check_slices(made, basis, billed)


def _same(found: Collection[object], wanted: Collection[object]) -> bool:
    """Tell whether two dictionaries are equal but for zeros."""
    mine, theirs = (
        {key: amount for key, amount in cast("dict[object, Decimal]", each).items() if amount}
        for each in (found, wanted)
    )
    return mine == theirs


def _check_slices(made: Ran, basis: str, billed: dict[str, Decimal]) -> None:
    """Segments explain the same bill: the slices of one period partition its receivers."""
    if len(made.periods) > 1:
        return
    cells: Cells = {}
    for number, amount in made.ledger(basis, "slice").items():
        explained, mine = made.down(basis, Who(slices=(number,)))
        cells |= mine

        assert explained == amount
    assert _same(margin(cells, lambda key: key[1]), billed)


DAYS = [f"2025-10-{n:02d}" for n in range(1, 6)]


def everything() -> World:
    """Every way an amount can go, in one bill of awkward amounts."""
    idle = Idle(by("capacity"), by("used"))
    db = by("queries")
    pools = (
        Pool("dev", match(tags_env="dev"), exclude=True),
        Pool("cells", match(ServiceName="cells"), by=db, idle=idle,
             within={"resource": "ResourceId"}),
        Pool("mix", match(ServiceName="mix"),
             by=Mix(((db, Decimal("0.001")), (Driver("active"), Decimal(2))))),
        Pool("heavy", match(ServiceName="heavy"), by=by("huge")),
        Pool("platform", match(ServiceName="platform"),
             through=Through(("mix", "heavy"), by("cpu"))),
        Pool("narrow", match(ServiceName="narrow"), fallback=(),
             by=Driver("queries", {"operation": Condition(("/api/*",))})),
        Pool("tax", match(ChargeCategory="Tax"), overhead=Overhead("cost")),
        Pool("even", match(ServiceName="even"), overhead=Overhead("active")),
        Pool("fixed", match(ServiceName="fixed"),
             overhead=Overhead("weights", attribute="tier",
                               weights=(("Free", Decimal(1)), ("Pro", Decimal("2.5"))))),
    )  # fmt: skip
    whole = (DAYS[0], DAYS[4])
    lines = (
        line("cells 1", "1e12", *whole, ServiceName="cells", ResourceId="r1"),
        line("cells 2", "0.000000000000000001", *whole, ServiceName="cells", ResourceId="r2"),
        line("cells 3", "-77.777777777777777777", DAYS[1], DAYS[3], ServiceName="cells",
             ResourceId="r1"),
        line("credit", "-999999999999.999999999999999999", *whole, ChargeCategory="Credit",
             ResourceId="r1", ServiceName="cells", SkuId="s"),
        line("credit of nothing", "-3", *whole, ChargeCategory="Credit"),
        line("mix 1", "10.01", *whole, ServiceName="mix", BillingAccountId="a"),
        line("mix 2", "0.000000000000000009", DAYS[2], DAYS[3], ServiceName="mix"),
        line("refund", "-4", *whole, ServiceName="mix", ChargeClass="Correction",
             BillingAccountId="a"),
        line("heavy 1", "123456789.123456789123456789", *whole, ServiceName="heavy"),
        line("heavy 2", "-0.000000000000000003", DAYS[0], DAYS[1], ServiceName="heavy"),
        line("platform", "9.99", *whole, ServiceName="platform"),
        line("narrow", "5.55", *whole, ServiceName="narrow"),
        line("tax", "19.19", *whole, ChargeCategory="Tax"),
        line("even", "0.01", *whole, ServiceName="even"),
        line("fixed", "7.000000000000000003", *whole, ServiceName="fixed"),
        line("dev", "6", *whole, Tags={"env": "dev"}),
        line("nowhere", "1", *whole),
        line("nothing", "0", *whole),
        line("rounding", "0.000000000000000002", *whole, Extra={"percapita": "rounding"}),
    )  # fmt: skip
    readings = [
        reading("capacity", 0, 10, DAYS[0], resource="r1"),
        reading("used", 0, 3, DAYS[0], resource="r1"),
        *(reading("queries", who, 2 + who, DAYS[0], resource="r1") for who in (1, 2, 3)),
        reading("queries", 0, 1, DAYS[1], resource="r1"),
        reading("queries", 1, 5, DAYS[2], operation="/api/a"),
        # Together beyond what a group can weigh: all are divided by a power of two.
        *(reading("huge", who, 4 * 10**18 - who, DAYS[0]) for who in (1, 2)),
        reading("huge", 3, 1, DAYS[0]),
        reading("cpu", 0, 2, DAYS[0], service="mix"),
        reading("cpu", 0, 5, DAYS[0], service="heavy"),
    ]
    rows = (
        Attribute(1, "plan", "Free", None, at("2025-10-02T12:00")),
        Attribute(1, "plan", "Pro", at("2025-10-02T12:00"), None),
        Attribute(2, "plan", "Pro"),
    )
    people = {**examples.PEOPLE, 4: ("segment", "tier=Free"), 5: ("segment", "tier=Pro")}
    plan = model(*pools, dimensions=("operation",), credits="follow")
    return World(plan, lines, tuple(readings), rows, subjects=people, bases=("billed",))


def test_every_way_an_amount_can_go() -> None:
    """Idle cut, mix, fall-back, credit, overhead, step-down, shifted weights, 1e-18 and 1e12."""
    with ran(everything()) as made:
        made.bind("2025-10", made.run)
        engine = made.store.engine
        methods = {row[0] for row in engine.rows("SELECT DISTINCT method FROM groups")}

        assert {"idle", "mix", "driver", "overhead", "through", "exclude"} <= methods
        assert engine.value("SELECT count(DISTINCT level) FROM groups") >= 3
        assert engine.value("SELECT max(shift) FROM groups") > 0
        assert engine.value("SELECT count(*) FROM parts WHERE follows IS NOT NULL") > 0
        assert engine.value("SELECT count(*) FROM flows WHERE w IS NULL") > 0
        for basis in ("effective", "billed"):
            check_basis(made, basis)


@pytest.mark.slow
@pytest.mark.parametrize("make", examples.ALL, ids=lambda make: make.__name__)
def test_named_worlds(make: Callable[[], World]) -> None:
    """Worked examples and awkward situations, explained both ways."""
    check(make())


@pytest.mark.slow
@settings(max_examples=10, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_random_worlds(world: World) -> None:
    """Random pools, every method combined: subjects, slices and lines sum to ledger and bill."""
    _check_or_leave(world)


def _check_or_leave(world: World) -> None:
    """Check a world, unless its pools only serve each other."""
    try:
        allocate(world)
    except ClosedLoopError:
        assume(condition=False)
    check(world)
