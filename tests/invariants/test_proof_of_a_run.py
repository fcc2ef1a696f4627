"""I6: a run that loses or doubles anything is stopped, and nothing of it is published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from invariants.folder import ask, call
from percapita.core.errors import ProofError
from percapita.core.tables import (
    FLOWS,
    GROUPS,
    LEDGER,
    LINES,
    OUTPUTS,
    PARTS,
    ROLLUP,
    Table,
)
from percapita.pipeline import PeriodRun
from percapita.project import Project
from percapita.reconcile.proof import prove
from percapita.store.engine import Engine, compiled

TABLES = (LINES, PARTS, GROUPS, FLOWS, LEDGER, ROLLUP)
BASES = ("effective", "billed")
ATOM = "CAST('0.000000000000000001' AS DECIMAL(36,18))"
LARGEST = "abs(amount) = (SELECT max(abs(amount)) FROM {table}) AND basis = 'effective'"


@pytest.fixture(scope="module")
def engine(october: Path) -> Iterator[Engine]:
    """Give an engine in which the run's tables stand as copies that a test may spoil."""
    with Project.open(october).store(create=False) as store:
        for table in TABLES:
            store.bind(table, f"kept_{table.name}", run="r000001")
        yield store.engine


def proven(engine: Engine) -> None:
    """Prove the copies."""
    names = {table.name: f"my_{table.name}" for table in TABLES}
    prove(engine, currency="USD", bases=BASES, **names)


def copied(engine: Engine) -> None:
    """Make the copies anew."""
    for table in TABLES:
        engine.drop(f"my_{table.name}")
        engine.execute(
            f"CREATE TEMP TABLE my_{table.name} AS SELECT row_number() OVER () AS nr, *"
            f" FROM kept_{table.name}"
        )


def test_the_run_as_it_is_closes(engine: Engine) -> None:
    """Unspoiled, both bases are proven from the stored tables."""
    copied(engine)
    proven(engine)


SPOILED = {
    "a line is lost": "DELETE FROM my_lines WHERE EffectiveCost = 60.1",
    "a line of one 1e-18 is lost": f"DELETE FROM my_lines WHERE EffectiveCost = {ATOM}",
    "a line is doubled": "INSERT INTO my_lines SELECT * FROM my_lines WHERE EffectiveCost = 60.1",
    "a line's parts are doubled by a join": "INSERT INTO my_parts SELECT p.* FROM my_parts p"
    " JOIN my_lines l USING (LineId) WHERE l.EffectiveCost = 60.1",
    "a line's parts are lost": "DELETE FROM my_parts WHERE nr = (SELECT min(nr)"
    " FROM my_parts WHERE amount <> 0)",
    "an atom of a part is lost": f"UPDATE my_parts SET amount = amount - {ATOM} WHERE nr = 1",
    "a group is lost": "DELETE FROM my_groups WHERE nr = 1",
    "a group is doubled": "INSERT INTO my_groups SELECT * FROM my_groups WHERE nr = 1",
    "an atom of a group is lost": f"UPDATE my_groups SET amount = amount - {ATOM} WHERE nr = 2",
    "a group's ledger rows are lost": 'DELETE FROM my_ledger WHERE "group" = (SELECT min("group")'
    " FROM my_ledger)",
    "one ledger row is lost": "DELETE FROM my_ledger WHERE nr = 1",
    "one ledger row is doubled": "INSERT INTO my_ledger SELECT * FROM my_ledger WHERE nr = 1",
    "an atom of the ledger is lost": f"UPDATE my_ledger SET amount = amount - {ATOM} WHERE nr = 3",
    "an atom of a large amount is lost": f"UPDATE my_ledger SET amount = amount - {ATOM} WHERE "
    + LARGEST.format(table="my_ledger"),
    "an atom moves to another group": f"UPDATE my_ledger SET amount = amount + {ATOM} *"
    ' (CASE WHEN "group" = (SELECT min("group") FROM my_ledger) THEN 1 ELSE -1 END)'
    ' WHERE nr IN (SELECT min(nr) FROM my_ledger GROUP BY "group" ORDER BY "group" LIMIT 2)',
    "what was handed on is lost": "DELETE FROM my_flows WHERE nr = 1",
    "a weight of the roll-up is wrong": "UPDATE my_rollup SET w = w + 1 WHERE nr = 1",
    "an atom of the roll-up is lost": f"UPDATE my_rollup SET amount = amount - {ATOM} WHERE nr = 1",
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_lost_or_doubled_is_found(engine: Engine, name: str) -> None:
    """Each way of spoiling a real run's tables fails its proof."""
    copied(engine)
    changed = engine.rows(SPOILED[name])

    assert changed[0][0] >= 1
    with pytest.raises(ProofError):
        proven(engine)


def spoil(table: Table, sql: str) -> Callable[[PeriodRun, Table, object, str], int]:
    """Return a ``PeriodRun.write`` that changes what is written to one table, once."""
    left = [sql]
    write = PeriodRun.write

    def spoiled(run: PeriodRun, into: Table, relation: object, part: str) -> int:
        if into == table and left:
            relation = left.pop().format(f"({compiled(relation)})")
        return write(run, into, relation, part)

    return spoiled


_FIRST = "(SELECT min(LineId) FROM {0} WHERE amount <> 0)"
FAULTS = {
    "an atom is lost": (
        LEDGER,
        f"SELECT * REPLACE (amount - if(row_number() OVER () = 1, {ATOM}, 0) AS amount) FROM {{0}}",
    ),
    "a receiver is lost": (LEDGER, "SELECT * FROM {0} OFFSET 1"),
    "a line is lost": (PARTS, f"SELECT * FROM {{0}} WHERE LineId <> {_FIRST}"),
    "a line is doubled": (
        PARTS,
        f"SELECT * FROM {{0}} UNION ALL SELECT * FROM {{0}} WHERE LineId = {_FIRST}",
    ),
    "a group is lost": (GROUPS, "SELECT * FROM {0} OFFSET 1"),
}
"""What goes wrong, the table it goes wrong in, and how."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=() if "atom" in n or "doubled" in n else pytest.mark.slow)
        for n in FAULTS
    ],
)
def test_a_faulty_run_publishes_nothing(
    october: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that loses or doubles something ends the run with code 3; readers see no change."""
    before = [ask(october, question) for question in ("runs", "cost --by user", "reconcile")]
    for answer in before[1:]:
        del answer["meta"]["as_of"]
    files = _files_of_runs(october)
    monkeypatch.setattr(PeriodRun, "write", spoil(*FAULTS[name]))
    said = call("run", "--no-import", "--project", october, "--format", "json")
    monkeypatch.undo()

    assert said.code == 3
    assert said.out == ""
    assert "do not close" in said.err
    assert "Nothing was published" in said.err
    after = [ask(october, question) for question in ("runs", "cost --by user", "reconcile")]
    for answer in after[1:]:
        del answer["meta"]["as_of"]
    assert after == before
    assert _files_of_runs(october) == files


def _files_of_runs(project: Path) -> set[Path]:
    """Return the files of runs in the store."""
    names = {table.name for table in OUTPUTS}
    found = (project / ".percapita").rglob("*.parquet")
    return {path for path in found if names & set(path.parts)}
