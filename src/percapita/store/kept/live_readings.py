"""Live readings as the estimate reads them, again and again: each file once, then only what is new.

Turns of counting write a file each, and under load a hundred thousand rows into each. What is
read is kept as narrow rows: the texts and the time of a reading are a *cell*, told by a hash, and
there are few. Between two looks rows of one cell and subject are added up, once there are twice as
many as then. Beside them are the sums of each cell over its subjects: what does not ask whose it is
reads hundreds of rows instead of millions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from percapita.core.subjects import NOBODYS
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
_TABLE: Final = "live_rows"
_TOLD: Final = "live_cells"
_SUMMED: Final = "live_sums"
"""Rows again, with one subject for all that are somebody, and one for those that stand for many."""
_FRESH: Final = "live_fresh"
"""What takes their place when it is whole; while files are read, their sums."""
_LIVE: Final = f"/import={LEAD}"
"""In the paths of live readings; what is live now may be more than a moment ago."""
_NEVER_TENDED: Final = 8
"""Where nobody tends the rows, they grow so many times before a look does."""
_FEW: Final = 1_000_000
"""Rows that are never too many."""
_HASH: Final = f"hash({', '.join(map(quote, _CELL))}, trace_squares IS NULL)"
"""Rows without squares are told from those with: whether there are any says if they are traced."""
_SIGN: Final = f"CAST(sign(subject) AS BIGINT) * {NOBODYS}"
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
    _rows: int = 0
    _compact: int = 0
    """Rows that there were when they were added up last."""

    def bind(self, name: str, periods: Collection[str]) -> tuple[str, str]:
        """Make two views of all readings of some months, the live ones as kept; return their names.

        In the second the live ones are summed over their subjects: ``subject`` says no more than
        whether there is one, as a number that nobody has.
        """
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
        made = name, f"{name}_summed"
        for view, table in zip(made, (_TABLE, _SUMMED), strict=True):
            kept = (
                "SELECT c.* EXCLUDE (cell), r.* EXCLUDE (cell),"
                f" strftime(c.time, '%Y-%m') AS period, {literal(SOURCE)} AS import"
                f" FROM {table} AS r JOIN {_TOLD} AS c USING (cell)"
            )
            both = f"SELECT {columns} FROM ({written}) UNION ALL SELECT {columns} FROM ({kept})"
            self.store.engine.view(view, both)
        return made

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
        for table in (_TABLE, _SUMMED):
            engine.load(table, _ROWS, ())
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
        self._rows += engine.insert(_TABLE, narrow, _ROWS)
        each = ", ".join(f"any_value({quote(name)}) AS {quote(name)}" for name in _CELL)
        summed = (
            f"SELECT filename, {_HASH} AS cell, {_SIGN} AS subject, {each}, {_SUMS} FROM {files}"
            " GROUP BY ALL"
        )
        engine.create(_FRESH, summed, {"filename": "string", **_CELLS, **_ROWS})
        engine.insert(_SUMMED, _FRESH, _ROWS)
        named = ", ".join(f"any_value({quote(name)}) AS {quote(name)}" for name in _CELL)
        unknown = f"SELECT * FROM {_FRESH} WHERE cell NOT IN (SELECT cell FROM {_TOLD})"
        engine.insert(_TOLD, f"SELECT cell, {named} FROM ({unknown}) GROUP BY cell", _CELLS)
        return self._totals(paths, _FRESH)

    def _add_up(self) -> int:
        engine, rows = self.store.engine, 0
        for table in (_SUMMED, _TABLE):
            added = f"SELECT cell, subject, {_SUMS} FROM {table} GROUP BY cell, subject"
            rows = engine.create(_FRESH, added, _ROWS)
            # Views of it stay: whoever looks again though nothing came in asks the same ones.
            engine.rename(_FRESH, table)
        return rows

    def _totals(self, paths: Sequence[str], summed: str = "") -> dict[str, Totals]:
        """Return the signals of each meter of files; ``summed``: a table of their sums."""
        found = {path: Totals() for path in paths}
        if paths:
            names = {str(self._site.tables / path): path for path in paths}
            rows = summed or self._files(paths)
            sums = f"SELECT filename, meter, sum(signals) FROM {rows} GROUP BY ALL"
            for name, meter, signals in self.store.engine.rows(sums):
                found[names[name]][meter] = int(signals)
        return found

    def _files(self, paths: Sequence[str]) -> str:
        listed = ", ".join(literal(str(self._site.tables / path)) for path in paths)
        return f"read_parquet([{listed}], filename = true, hive_partitioning = false)"
