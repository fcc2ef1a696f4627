"""Stages of a run, measured inside one process; prints JSON.

``stages``: allocation and proof with all tables kept in memory, and one day recomputed against
thirty. ``explain``: what one subject's explanation reads of the ledger's files.
"""

from __future__ import annotations

import json
import re
import sys
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

from company import PERIOD
from spent import Clock

from percapita import pipeline
from percapita.allocate.drivers import DIMENSIONS
from percapita.allocate.engine import Allocation
from percapita.allocate.entries import calendar_of, entries, prepare
from percapita.attribute.segments import slices
from percapita.cli.main import main as cli
from percapita.core.periods import zone
from percapita.core.tables import FLOWS, GROUPS, LEDGER, PARTS, ROLLUP, Table
from percapita.plugins import Schema
from percapita.project import Project
from percapita.store.engine import Engine, compiled
from percapita.store.files.views import empty

_SORTED = re.compile(r"ORDER BY\s+CAST\(\"t\d+\"\.\"subject\" >> 8 AS INT\) ASC")
_KEPT = (PARTS, GROUPS, FLOWS, LEDGER, ROLLUP)
"""What the proof reads."""


def _unsorted(relation: object) -> str:
    """Return the SQL of a relation without its order, which only files are written in."""
    return _SORTED.sub("", compiled(relation))


class Unordered(Engine):
    """Keeps working tables in no order."""

    def create(self, name: str, relation: object, schema: Schema, *, ordered: bool = False) -> int:
        """Leave out the sort that the files of the ledger need."""
        return super().create(name, _unsorted(relation) if ordered else relation, schema)


class InMemory(pipeline.PeriodRun):
    """A period whose tables stay in the engine, unsorted: what allocation costs without files."""

    def write(self, table: Table, relation: object, part: str) -> int:
        """Keep a relation as a temporary table, without the columns that no row fills."""
        empty_here = set(DIMENSIONS) - set(self.model.dimensions) if table == LEDGER else set()
        schema = {c.name: c.type for c in table.columns if c.name not in empty_here}
        return self.store.engine.create(f"kept/{table.name}/{part}", _unsorted(relation), schema)

    def _bind(self, table: Table, name: str) -> str:
        kept = self.store.engine.rows(
            "SELECT table_name FROM duckdb_tables() WHERE starts_with(table_name, ?)",
            [f"kept/{table.name}/"],
        )
        added = [f"'{self.period}' AS period", "'' AS run"]
        if table == LEDGER:
            missing = set(DIMENSIONS) - set(self.model.dimensions)
            added += [f"NULL::VARCHAR AS {dimension}" for dimension in sorted(missing)]
        selects = [f'SELECT *, {", ".join(added)} FROM "{row[0]}"' for row in kept]
        self.store.engine.view(name, " UNION ALL ".join(selects) or empty(table))
        return name


def stages(folder: Path, model_name: str) -> dict[str, Any]:
    """Measure a whole period in memory, then one day of it again."""
    project = Project.open(folder)
    model = project.model(folder / f"{model_name}.yaml")
    found: dict[str, Any] = {}
    bases = (model.basis,)
    with project.store(threads=2) as store, store.begin_run(
        model_text=model.text, model_hash=model.hash, bases=bases, now=project.now
    ) as tx:  # fmt: skip
        store.engine.__class__ = Unordered
        run = InMemory(store, tx, model, bases, PERIOD, False)
        clock = Clock()
        run._inputs()  # noqa: SLF001
        prepare(store.engine, model, bases, zone(model.timezone))
        units = run._units()  # noqa: SLF001
        slices(store.engine, model)
        calendar = calendar_of(store.engine, model, zone(model.timezone))
        given = entries(store.engine, calendar)
        found["attribute"] = clock.spent()

        def allocation() -> Allocation:
            return Allocation(store.engine, run, model, calendar, units, run._active,  # noqa: SLF001
                              lambda _: None, lambda _: None)  # fmt: skip

        clock = Clock()
        whole = allocation()
        whole.run(given, run._observed(calendar))  # noqa: SLF001
        found["allocate"] = clock.spent()
        _keep_books(run, whole)
        clock = Clock()
        _prove(run)
        found["prove"] = clock.spent()
        found["rows"] = store.engine.value("SELECT count(*) FROM ledger")
        for table in _KEPT:
            store.engine.drop(table.name)
        found["days"] = _one_day(allocation, given)
    return found


def _keep_books(run: InMemory, whole: Allocation) -> None:
    """Keep the small tables, as the pipeline does."""
    store = run.store
    run.write(pipeline.PARTS, pipeline.parts(store.engine, whole.opened), "0")
    run._load(pipeline.GROUPS, (g.row(run.period) for g in whole.book.groups))  # noqa: SLF001
    run._load(pipeline.FLOWS, (flow.row() for flow in whole.book.flows))  # noqa: SLF001
    for table in _KEPT:
        run._bind(table, table.name)  # noqa: SLF001


def _prove(run: InMemory) -> None:
    pipeline.prove(
        run.store.engine, currency=run.model.currency, bases=run.bases, lines="plain_lines",
        parts="parts", groups="groups", flows="flows", ledger="ledger", rollup="rollup",
    )  # fmt: skip


def _one_day(allocation: Any, given: Any) -> dict[str, Any]:  # noqa: ANN401
    """Allocate the middle day alone, three times; return the quickest."""
    days = sorted({entry.window.first for entry in given if entry.window.grain == "day"})
    mine = [entry for entry in given if entry.window.first == days[len(days) // 2]]
    mine = [entry for entry in mine if entry.window.grain == "day"]
    taken = []
    for _ in range(3):
        again = allocation()
        clock = Clock()
        again.run(mine, [])
        taken.append(clock.spent())
    return {"count": len(days), "one": min(taken, key=lambda spent: spent["cpu"])}


class Reads:
    """Adds up what the process reads while statements on the ledger run."""

    def __init__(self) -> None:
        self.bytes = 0
        for name in ("rows", "records", "execute"):
            setattr(Engine, name, self._counted(getattr(Engine, name)))

    def _counted(self, method: Any) -> Any:  # noqa: ANN401
        def counted(engine: Engine, relation: object, *rest: Any) -> Any:  # noqa: ANN401
            before = _read()
            try:
                return method(engine, relation, *rest)
            finally:
                if "ledger" in str(relation):
                    self.bytes += _read() - before

        return counted


def _read() -> int:
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(text.split("rchar: ")[1].split()[0])


def explain(folder: Path) -> dict[str, Any]:
    """Explain one user in the middle of the numbers, and count what is read of the ledger."""
    files = sorted((folder / ".percapita" / "tables" / "ledger").rglob("*.parquet"))
    reads = Reads()
    clock = Clock()
    with redirect_stdout(StringIO()), suppress(SystemExit):
        cli(["explain", "user-0500000", "--project", str(folder), "--format", "json"])
    size = sum(path.stat().st_size for path in files)
    return {**clock.spent(), "read": reads.bytes, "ledger": size}


if __name__ == "__main__":
    what, place, *more = sys.argv[1:]
    print(json.dumps(stages(Path(place), more[0]) if what == "stages" else explain(Path(place))))
