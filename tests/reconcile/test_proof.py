"""The proof of a run: it passes what closes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from figures.w1 import MODEL, w1
from figures.world import Part, To, World, load
from percapita.core.errors import ProofError
from percapita.core.subjects import IDLE, NOBODY
from percapita.core.tables import FLOWS, GROUPS, LEDGER, LINES, PARTS, ROLLUP
from percapita.reconcile.proof import prove
from percapita.store.engine import Engine

TABLES = (LINES, PARTS, GROUPS, FLOWS, LEDGER, ROLLUP)
ATOM = Decimal("1e-18")
FIRST = date(2025, 10, 1)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One engine: every test replaces all tables."""
    made = Engine(threads=1)
    yield made
    made.close()


def cascade() -> World:
    """A cut for idle capacity whose rest is split on, a credit, an amount of nothing."""
    world = World(MODEL)
    world.line("server", "100.000000000000000001")
    world.line("credit", "-33.333333333333333333", ChargeCategory="Credit")
    world.line("free", "0")
    world.line("unknown", None)  # type: ignore[arg-type]
    parts = [
        Part("server", FIRST, "100.000000000000000001"),
        Part("credit", FIRST, "-33.333333333333333333"),
    ]
    world.group("application", parts, [To(2, 3, group=True), To(IDLE, 1)])
    (flow,) = world.rows["flows"]
    world.group("application", [], [To(5, 2, 1), To(6, 1, 1), To(NOBODY, 1)], given=flow["amount"])
    return world


def proven(engine: Engine, world: World) -> None:
    """Load a world as the run leaves it, and prove it."""
    if not world.rows["rollup"]:
        world.finish()
    for table in TABLES:
        load(engine, table, world.rows[table.name], table.name)
    names: dict[str, Any] = {table.name: table.name for table in TABLES}
    prove(engine, currency="USD", bases=["effective"], **names)


@pytest.mark.parametrize("made", [w1, cascade, lambda: World(MODEL)])
def test_what_closes_is_proven(engine: Engine, made: Callable[[], World]) -> None:
    """A whole month, a cascade with credits and free lines, and an empty month pass."""
    proven(engine, made())


def test_each_basis_is_proven_from_its_own_cost(engine: Engine) -> None:
    """A basis that no line part has cannot have the bill's amounts."""
    world = w1()
    world.finish()
    for table in TABLES:
        load(engine, table, world.rows[table.name], table.name)
    names: dict[str, Any] = {table.name: table.name for table in TABLES}

    with pytest.raises(ProofError, match="billed figures in USD do not close"):
        prove(engine, currency="USD", bases=["effective", "billed"], **names)


def _less(world: World, table: str, column: str) -> None:
    row = world.rows[table][-1]
    row[column] = Decimal(row[column]) - ATOM


def _drop(world: World, table: str) -> None:
    world.rows[table].pop()


def _first(world: World, table: str) -> None:
    del world.rows[table][0]


def _twice(world: World, table: str) -> None:
    world.rows[table].append(dict(world.rows[table][0]))


def _heavier(world: World) -> None:
    world.rows["rollup"][0]["w"] += 1


BREAKS: dict[str, tuple[Callable[[World], None], str]] = {
    "a line is missing from the bill": (lambda w: _first(w, "lines"), "not in the bill"),
    "a line is in the bill twice": (lambda w: _twice(w, "lines"), "in the bill 2 times"),
    "a line's parts are doubled by a join": (lambda w: _twice(w, "parts"), "its parts sum to"),
    "a line has no parts": (lambda w: _drop(w, "parts"), "its parts sum to 0.00"),
    "an atom of a part is lost": (lambda w: _less(w, "parts", "amount"), "its parts sum to"),
    "a group is missing": (lambda w: _drop(w, "groups"), "is not in groups"),
    "a group stands twice": (lambda w: _twice(w, "groups"), "is in groups 2 times"),
    "an atom of the ledger is lost": (lambda w: _less(w, "ledger", "amount"), "left it"),
    "a receiver is lost": (lambda w: _drop(w, "ledger"), "left it"),
    "a receiver stands twice": (lambda w: _twice(w, "ledger"), "left it"),
    "an atom of the roll-up is lost": (lambda w: _less(w, "rollup", "amount"), "roll-up"),
    "a row of the roll-up is lost": (lambda w: _drop(w, "rollup"), "roll-up"),
    "a weight of the roll-up is wrong": (_heavier, "roll-up"),
}  # fmt: skip


@pytest.mark.parametrize("made", [w1, cascade])
@pytest.mark.parametrize("name", BREAKS)
def test_what_does_not_close_stops(engine: Engine, made: Callable[[], World], name: str) -> None:
    """Each way of losing or doubling money stops the run and names the place."""
    world = made()
    world.finish()
    change, message = BREAKS[name]
    change(world)

    with pytest.raises(ProofError, match=message):
        proven(engine, world)


def test_a_lost_flow_stops(engine: Engine) -> None:
    """What one group handed on must reach another."""
    world = cascade()
    world.finish()
    world.rows["flows"][0]["to_group"] = 9

    with pytest.raises(ProofError, match="pool application, group 2"):
        proven(engine, world)


def test_money_that_moves_between_receivers_of_two_groups_stops(engine: Engine) -> None:
    """Equal totals do not hide that one group gave less and another more."""
    world = w1()
    world.finish()
    for table in ("ledger", "rollup"):
        world.rows[table][0]["amount"] += ATOM
        world.rows[table][-1]["amount"] -= ATOM

    with pytest.raises(ProofError, match="pool object storage, group 1"):
        proven(engine, world)


def test_the_message_names_pool_group_and_amounts(engine: Engine) -> None:
    """A user can hand the message on as it is."""
    world = w1()
    world.finish()
    world.rows["ledger"][-1]["amount"] -= Decimal(100)

    with pytest.raises(ProofError) as stopped:
        proven(engine, world)

    assert str(stopped.value) == (
        "The effective figures in USD do not close: a group does not pass on what it got.\n"
        "  pool monitoring, group 14 is 3000.00: 3000.00 entered it, 2900.00 left it\n"
        "Nothing was published. This is a fault of percapita: please report it."
    )
