"""Charges that a row carries in one of its cells: each becomes a row of its own (``plugins.Each``).

A row's number is its place in the file times ``STEP``; its elements are numbered on from there, so
that every row of the delivery has a number of its own and the file's is found again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from percapita.bills.cells import spent, value
from percapita.bills.files.literals import flat, loads
from percapita.bills.files.reading import Layout
from percapita.bills.files.records import Pieces
from percapita.plugins import Each
from percapita.store.engine import Engine

STEP: Final = 1 << 16
"""Rows that one row of a file may become."""

_BATCH: Final = 20_000
_TEXT, _PART = "\x1ftext", "\x1fpart"


class Elements:
    """The elements of one layout, and the relation of its rows with them."""

    def __init__(self, layout: Layout, each: Each, engine: Engine, folder: Path) -> None:
        self.each = each
        self.column = f"c{layout.names.index(each.column)}"
        self._layout = layout
        self._engine = engine
        self.at: dict[str, str] = {}
        """Key of an element -> its column in ``rows``."""
        self._table = self._load(folder)

    @property
    def rows(self) -> str:
        """SQL of all rows: those of the file with ``part`` 0, and one more for each element.

        A row whose array can't be read has the flaw ``array``.
        """
        rows = self._layout.relation
        none = "".join(f", NULL::VARCHAR AS {cell}" for cell in self.at.values())
        own = "".join(f", e.{cell}" for cell in self.at.values())
        return (
            f'SELECT r.* REPLACE (r."row" * {STEP} AS "row", if(r.flaw IS NULL AND e.text IS NOT'
            f" NULL, 'array', r.flaw) AS flaw), 0 AS part{none} FROM ({rows}) r"
            f" LEFT JOIN {self._table} e ON e.part = 0 AND e.text = r.{self.column}"
            f' UNION ALL SELECT r.* REPLACE (r."row" * {STEP} + e.part AS "row"), e.part{own}'
            f" FROM ({rows}) r JOIN {self._table} e ON e.part > 0 AND e.text = r.{self.column}"
        )

    @property
    def beside(self) -> dict[str, str]:
        """Names for ``Extra``, and columns, of what stands in elements and fills nothing."""
        used = frozenset[str]().union(*map(spent, self.each.columns.values()))
        left = (item for item in self.at.items() if item[0] not in used)
        return {f"{self.each.column}.{key}": cell for key, cell in left}

    def sums(self, currency: str, targets: Mapping[str, str]) -> Iterator[tuple[Any, ...]]:
        """Yield file, currency, target, text and count of every element's amounts.

        It reads the arrays once more and knows nothing of the rows made of them.

        Args:
            currency: SQL of a row's.
            targets: our columns with an amount, to the text that stands in for an empty one.
        """
        asked = (
            f"SELECT \"file\", coalesce({currency}, ''), {self.column}, count(*)"
            f" FROM ({self._layout.relation}) WHERE {self._filled} GROUP BY ALL"
        )
        cells = {target: self.each.columns.get(target) for target in targets}
        for batch in self._engine.batches(asked, size=_BATCH):
            for file, said, text, count in batch:
                for element in _exact(text):
                    record = dict(flat(element))
                    for target, cell in cells.items():
                        yield file, said, target, value(cell, record) or targets[target], count

    @property
    def _filled(self) -> str:
        return f"{self.column} IS NOT NULL AND trim({self.column}) NOT IN ('', '[]', '{{}}')"

    def _load(self, folder: Path) -> str:
        """Put all elements into a columnar copy; return its relation."""
        texts = self._engine.batches(
            f"SELECT DISTINCT {self.column} FROM ({self._layout.relation}) WHERE {self._filled}",
            size=_BATCH,
        )
        pieces = Pieces(folder)
        pieces.take(record for batch in texts for (text,) in batch for record in _records(text))
        keys = [name for name in pieces.names if name not in (_TEXT, _PART)]
        if not keys and not pieces.names:
            return "(SELECT NULL::VARCHAR AS text, NULL::INTEGER AS part WHERE false)"
        self.at = {key: f"e{n}" for n, key in enumerate(keys)}
        named = "".join(f", c{pieces.names.index(key)} AS {cell}" for key, cell in self.at.items())
        return f"(SELECT c0 AS text, CAST(c1 AS INTEGER) AS part{named} FROM {pieces.relation(0)})"


def _records(text: str) -> Iterator[dict[str, str]]:
    """Yield an array's elements, each with the array and its number; 0 is an array unread."""
    try:
        elements = _listed(loads(text))
    except ValueError:
        yield {_TEXT: text, _PART: "0"}
        return
    for part, element in enumerate(elements, 1):
        yield {_TEXT: text, _PART: str(part), **dict(flat(element))}


def _exact(text: str) -> list[Mapping[str, object]]:
    try:
        return _listed(json.loads(text, parse_float=Decimal, parse_int=Decimal, strict=False))
    except ValueError:
        pass
    try:
        return _listed(loads(text))
    except ValueError:
        return []


def _listed(found: object) -> list[Mapping[str, object]]:
    """Return what was read as a list of objects.

    Raises:
        ValueError: it is none.
    """
    if isinstance(found, list) and len(found) < STEP:
        elements = [item for item in found if isinstance(item, Mapping)]
        if len(elements) == len(found):
            return elements
    raise ValueError("no list of objects")
