"""Estimated amounts split over who uses them: the ordinary allocation, in memory, unpublished.

What a run splits are sums of line parts by pool, cell and window. Here the sums are estimates, and
everything after them is the same: drivers, cells, idle, fall-backs, the kernel and its residual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from percapita.allocate.book import Entry
from percapita.allocate.engine import Allocation, Units
from percapita.allocate.entries import Calendar
from percapita.allocate.usage import Window
from percapita.attribute.activity import active
from percapita.core.errors import ProofError
from percapita.core.money import total
from percapita.core.tables import LEDGER, ROLLUP, Table
from percapita.model.spec import Model
from percapita.store import Store
from percapita.store.engine import Engine, literal

_PREFIX = "live_"
_NULL = "CAST(NULL AS VARCHAR)"


class UnsplitError(ProofError):
    """The parts do not sum to the estimate."""

    def __init__(self, given: Decimal, parts: Decimal) -> None:
        super().__init__(f"The live estimate of {given} was split into parts that sum to {parts}.")


class Part(NamedTuple):
    """What receivers that cannot be told apart have of one pool."""

    pool: str
    kind: str
    key: str | None
    amount: Decimal


@dataclass(slots=True)
class Memory:
    """Takes the tables of an estimate: they live as long as the engine, and nobody else sees them.

    What one estimate wrote is gone when the next begins.
    """

    engine: Engine

    def begin(self) -> None:
        """Forget what was written before."""
        for table in (LEDGER, ROLLUP):
            self.engine.load(f"{_PREFIX}{table.name}", _schema(table), [])

    def write(self, table: Table, relation: object, part: str) -> int:  # noqa: ARG002 files have names
        """Append a relation to the table."""
        return self.engine.insert(f"{_PREFIX}{table.name}", relation, _schema(table))

    def written(self, table: Table) -> str:
        """Return the name of what was written so far."""
        return f"{_PREFIX}{table.name}"


def _schema(table: Table) -> dict[str, str]:
    return {column.name: column.type for column in table.columns}


@dataclass(slots=True)
class Splitting:
    """Splits estimates over the receivers of a window; attribution is there already."""

    store: Store
    model: Model
    calendar: Calendar
    units: Units

    @property
    def engine(self) -> Engine:
        """Where the tables are."""
        return self.store.engine

    def split(self, entries: Sequence[Entry]) -> None:
        """Split entries into the tables ``live_ledger`` and ``live_rollup``.

        Raises:
            UnsplitError: the parts do not sum to the entries.
        """
        sink = Memory(self.engine)
        sink.begin()
        allocation = Allocation(
            self.engine, sink, self.model, self.calendar, self.units, self._active,
            lambda _: None, lambda _: None,
        )  # fmt: skip
        allocation.run(entries, [])
        groups = [(group.number, group.entry.pool) for group in allocation.book.groups]
        self.engine.load("live_groups", {"group": "int64", "pool": "string"}, groups)
        given = total([entry.amount for entry in entries])
        parts = self.engine.value("SELECT coalesce(sum(amount), 0) FROM live_rollup")
        if parts != given:
            raise UnsplitError(given, parts)

    def _active(self, window: Window) -> None:
        active(self.engine, self.model, window.first, window.last)

    def parts(self, column: str) -> list[Part]:
        """Return the parts by pool, kind of receiver and one column of ``key_column``."""
        rows = self.engine.rows(
            f"SELECT g.pool, s.kind, {column}, sum(r.amount) FROM live_rollup r"
            ' JOIN live_groups g ON g."group" = r."group"'
            " LEFT JOIN slices s ON s.slice = r.slice GROUP BY ALL ORDER BY ALL"
        )
        return [Part(*row) for row in rows]


def key_column(model: Model, by: str) -> str:
    """Return the SQL of what rows are told apart by; slices are ``s``, parts are ``r``."""
    if by in {segment.name for segment in model.segments}:
        return f"nullif(s.attributes[{literal(by)}], '')"
    return f"r.{by}" if by in model.dimensions else _NULL


class Heads(NamedTuple):
    """Distinct subjects of the primary unit."""

    all: int
    by_key: Mapping[str | None, int]


def heads(engine: Engine, unit: str, column: str) -> Heads:
    """Count who is active by ``live_active``, all together and by a column."""
    counted = "SELECT count(DISTINCT r.subject) FROM live_active r WHERE r.unit = ?"
    whole = int(engine.value(counted, [unit]))
    if column == _NULL or column.startswith("r."):
        return Heads(whole, {})  # activity knows no dimensions
    found: Any = engine.rows(
        f"SELECT {column}, count(DISTINCT r.subject) FROM live_active r"
        " LEFT JOIN slices s ON s.slice = r.slice WHERE r.unit = ? GROUP BY ALL",
        [unit],
    )
    return Heads(whole, {key: int(n) for key, n in found})
