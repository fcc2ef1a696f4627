"""How much of a capacity was used: in the cell, as far as both meters name it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from percapita.allocate.drivers import Total

Totals = Mapping[tuple[int, str], Total]

WHOLE: Final = ""
"""Key of a driver's total over all cells."""

_Cell = tuple[str | None, ...]


@dataclass(slots=True)
class Capacities:
    """Reads capacity and what was used of it from the totals of a window."""

    _seen: Totals = field(default_factory=dict)
    _cells: dict[int, dict[_Cell, int]] = field(default_factory=dict)
    _sums: dict[tuple[int, tuple[int, ...]], dict[_Cell, int]] = field(default_factory=dict)

    def measured(self, totals: Totals, capacity: int, used: int, cell: str) -> tuple[int, int]:
        """Return capacity and usage, by the numbers of their drivers, for one cell.

        A column that the readings of either meter leave open does not tell cells apart: capacity
        known by resource stands beside all that was used of the resource, whoever used it.
        """
        if totals is not self._seen:
            self._seen, self._cells, self._sums = totals, {}, {}
        named = self._named(capacity)
        if self._of(used):
            named = tuple(at for at in named if at in self._named(used))
        if not named:
            return self._whole(capacity), self._whole(used)
        wanted = json.loads(cell, strict=False)
        key = tuple(wanted[at] for at in named)
        return self._by(capacity, named).get(key, 0), self._by(used, named).get(key, 0)

    def _whole(self, number: int) -> int:
        total = self._seen.get((number, WHOLE))
        return total.sum if total else 0

    def _of(self, number: int) -> dict[_Cell, int]:
        """Return a driver's totals by cell."""
        if not self._cells:
            self._cells = {n: {} for n, _ in self._seen}
            for (n, cell), total in self._seen.items():
                if cell != WHOLE:
                    self._cells[n][tuple(json.loads(cell, strict=False))] = total.sum
        return self._cells.get(number, {})

    def _named(self, number: int) -> tuple[int, ...]:
        """Return the positions that some reading fills."""
        return tuple(
            sorted({at for cell in self._of(number) for at, v in enumerate(cell) if v is not None})
        )

    def _by(self, number: int, named: tuple[int, ...]) -> dict[_Cell, int]:
        sums = self._sums.get((number, named))
        if sums is None:
            sums = self._sums[number, named] = {}
            for cell, total in self._of(number).items():
                key = tuple(cell[at] for at in named)
                sums[key] = sums.get(key, 0) + total
        return sums
