"""Live readings as the estimate reads them, again and again: each file once, then only what is new.

Turns of counting write a file each, and under load a hundred thousand rows into each. What is
read is kept as narrow rows: the texts and the time of a reading are a *cell*, told by a hash, and
there are few. Between two looks rows of one cell and subject are added up, once there are twice as
many as then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from percapita.core.tables import READINGS, WIDE
from percapita.store.engine import literal, quote, sql_type
from percapita.store.files import views
from percapita.store.live.files import LEAD, SOURCE, parts
from percapita.store.site import Site
from percapita.store.store import Store

_AMOUNTS: Final = {"signals": "int64", "quantity": "int64", "trace_squares": WIDE}
_CELL: Final = {
    column.name: column.type
    for column in READINGS.columns
    if column.name not in _AMOUNTS and column.name != "subject"
}
_CELLS: Final = {"cell": "ubigint", **_CELL}
_ROWS: Final = {"cell": "ubigint", "subject": "int64", **_AMOUNTS}
_TABLES: Final = ("live_rows", "live_anew")
"""Rows are in one of them; added up they go into the other."""
_TOLD: Final = "live_cells"
_LIVE: Final = f"/import={LEAD}"
"""In the paths of live readings; what is live now may be more than a moment ago."""
_NEVER_TENDED: Final = 8
"""Where nobody tends the rows, they grow so many times before a look does."""
_FEW: Final = 1_000_000
"""Rows that are never too many."""
_HASH: Final = f"hash({', '.join(map(quote, _CELL))}, trace_squares IS NULL)"
"""Rows without squares are told from those with: whether there are any says if they are traced."""
_SUMS: Final = ", ".join(f"CAST(sum({n}) AS {sql_type(t)}) AS {n}" for n, t in _AMOUNTS.items())

Totals = Counter[str]


def live_readings(store: Store) -> LiveReadings:
    """Return what is kept of them in a store's engine: its tables are one, whoever asks."""
    return store.engine.once("live readings", lambda: LiveReadings(store))


@dataclass(slots=True)
class LiveReadings:
    """The live readings of some months, in the engine of one store; ``live_readings`` makes it."""

    store: Store
    _kept: dict[str, Totals] = field(default_factory=dict)
    """The files whose readings are kept, and the signals of each of their meters."""
    _table: str = _TABLES[0]
    _rows: int = 0
    _compact: int = 0
    """Rows that there were when they were added up last."""

    def bind(self, name: str, periods: Collection[str]) -> str:
        """Make a view of all readings of some months, the live ones as they are kept."""
        live = {
            path: part.level
            for part in parts(self._site)
            if part.table == READINGS.name and part.period in periods
            for path in part.paths
        }
        with self.store.catalog.read() as connection:
            portions = views.inputs(connection, READINGS, periods=periods)
        others = [
            portion._replace(paths=paths)
            for portion in portions
            if (paths := tuple(path for path in portion.paths if _LIVE not in path))
        ]
        self._read(live)
        columns = ", ".join([*map(quote, READINGS.names), *map(quote, READINGS.partition)])
        written = views.relation(self._site, READINGS, others)
        kept = (
            f"SELECT c.* EXCLUDE (cell), r.* EXCLUDE (cell), strftime(c.time, '%Y-%m') AS period,"
            f" {literal(SOURCE)} AS import FROM {self._table} AS r JOIN {_TOLD} AS c USING (cell)"
        )
        both = f"SELECT {columns} FROM ({written}) UNION ALL SELECT {columns} FROM ({kept})"
        self.store.engine.view(name, both)
        return name

    def tend(self, growth: int = 2) -> None:
        """Add rows up where there are many: for the time when nobody waits for an answer.

        Args:
            growth: how many times as many as when they were added up last are many.
        """
        if self._rows > growth * max(self._compact, _FEW // 2):
            kept, self._kept = self._kept, {}
            self._rows = self._compact = self._add_up()
            self._kept = kept

    @property
    def _site(self) -> Site:
        return self.store._site  # noqa: SLF001 the store's own

    def _read(self, live: Mapping[str, int]) -> None:
        """Read the files, by level, that are not kept; what they were merged into is known."""
        gone = self._kept.keys() - live.keys()
        if not self._kept or (gone and not self._merged(gone, live)):
            self._begin()
        new = sorted(live.keys() - self._kept.keys())
        kept, self._kept = self._kept, {}
        # What fails from here on may have left a part: nothing is kept then.
        if new:
            kept |= self._taken(new)
        self._kept = kept
        self.tend(_NEVER_TENDED)

    def _begin(self) -> None:
        engine = self.store.engine
        engine.load(self._table, _ROWS, ())
        engine.load(_TOLD, _CELLS, ())
        self._kept, self._rows, self._compact = {}, 0, 0

    def _merged(self, gone: Collection[str], live: Mapping[str, int]) -> bool:
        """Tell whether files that are gone were merged into new ones, nothing else with them.

        Whatever else was merged with them has signals of its own.
        """
        made = [path for path, level in live.items() if level and path not in self._kept]
        found = self._totals(made)
        if sum((self._kept[path] for path in gone), Totals()) != sum(found.values(), Totals()):
            return False
        self._kept = {p: t for p, t in self._kept.items() if p not in gone} | found
        return True

    def _taken(self, paths: Sequence[str]) -> dict[str, Totals]:
        engine, files = self.store.engine, self._files(paths)
        narrow = f"SELECT {_HASH} AS cell, subject, {', '.join(_AMOUNTS)} FROM {files}"
        self._rows += engine.insert(self._table, narrow, _ROWS)
        each = ", ".join(f"any_value({quote(name)}) AS {quote(name)}" for name in _CELL)
        engine.insert(
            _TOLD,
            f"SELECT {_HASH} AS cell, {each} FROM {files}"
            f" WHERE {_HASH} NOT IN (SELECT cell FROM {_TOLD}) GROUP BY 1",
            _CELLS,
        )
        return self._totals(paths)

    def _add_up(self) -> int:
        engine, before = self.store.engine, self._table
        self._table = _TABLES[1 - _TABLES.index(before)]
        added = f"SELECT cell, subject, {_SUMS} FROM {before} GROUP BY cell, subject"
        rows = engine.create(self._table, added, _ROWS)
        engine.drop(before)
        return rows

    def _totals(self, paths: Sequence[str]) -> dict[str, Totals]:
        """Return the signals of each meter of files."""
        found = {path: Totals() for path in paths}
        if paths:
            names = {str(self._site.tables / path): path for path in paths}
            sums = f"SELECT filename, meter, sum(signals) FROM {self._files(paths)} GROUP BY ALL"
            for name, meter, signals in self.store.engine.rows(sums):
                found[names[name]][meter] = int(signals)
        return found

    def _files(self, paths: Sequence[str]) -> str:
        listed = ", ".join(literal(str(self._site.tables / path)) for path in paths)
        return f"read_parquet([{listed}], filename = true, hive_partitioning = false)"
