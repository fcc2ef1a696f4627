"""What an engine keeps of files that never change: rows and tables that many questions ask for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any, Final

from percapita.store.engine import TABLE, Engine

Rows = list[tuple[Any, ...]]

_ANSWERS: Final = 64
MOST_ROWS: Final = 10_000
"""Of an answer that is kept."""
_TABLE_ROWS: Final = 1 << 20
"""Of all kept tables together."""


def in_engine(engine: Engine) -> InEngine:
    """Return what an engine keeps, whoever asks."""
    return engine.once("rows and tables", lambda: InEngine(engine))


class InEngine:
    """What was worked out in one engine; as long as its views stay what they are, it stays."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._answers: OrderedDict[object, Rows] = OrderedDict()
        self._tables: OrderedDict[object, tuple[str, int]] = OrderedDict()
        self._numbers = count()

    def rows(self, views: Collection[str], sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """Return rows as the engine does; they are read once as long as the views stay.

        The views must be over files that never change, as those of a run.
        """
        made = self._as_made(views)
        key = (sql, tuple(parameters), *made)
        rows = self._answers.pop(key, None)
        if rows is None:
            rows = self._engine.rows(sql, parameters)
        if TABLE not in made and len(rows) <= MOST_ROWS:
            self._answers[key] = rows
        if len(self._answers) > _ANSWERS:
            self._answers.popitem(last=False)
        return rows

    def is_small(self, view: str) -> bool:
        """Tell whether a view has few enough rows to keep all of them in a table."""
        rows = self.rows((view,), f'SELECT count(*) FROM "{view}"')[0][0]
        return bool(rows <= _TABLE_ROWS // 2)

    def table(self, views: Collection[str], sql: str, more: str = "") -> str:
        """Return a temporary table of a statement's rows, made once like those of ``rows``.

        Questions that differ only in what they leave out of it share the work of making it.

        Args:
            views: what the statement reads.
            sql: the statement.
            more: what else the rows depend on.
        """
        made = self._as_made(views)
        key = (sql, more, *made)
        name, rows = self._tables.pop(key, ("", 0))
        if not name or TABLE in made:
            name = name or f"_kept_{next(self._numbers)}"
            created = f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}"
            rows = int(self._engine.rows(created)[0][0])
        self._tables[key] = name, rows
        while len(self._tables) > 1 and sum(n for _, n in self._tables.values()) > _TABLE_ROWS:
            self._engine.execute(f"DROP TABLE {self._tables.popitem(last=False)[1][0]}")
        return name

    def _as_made(self, views: Collection[str]) -> list[str]:
        return [self._engine.made(name) for name in views]
