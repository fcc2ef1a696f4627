"""What a table is made of.

Types are ``string``, ``int64``, ``int32``, ``timestamp`` (an instant, UTC), ``date``,
``decimal(p,s)`` and ``map<string,string>``. Amounts are signed: a credit is negative.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MONEY: Final = "decimal(36,18)"
WIDE: Final = "decimal(38,0)"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, type and meaning."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Table:
    """A stored table. ``partition`` columns lead the path of its files and stand in no file."""

    name: str
    row: str
    """What one row is."""
    writer: str
    """The one stage that writes it."""
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    partition: tuple[str, ...] = ()

    def column(self, name: str) -> Column:
        """Return the column of that name."""
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order, partition columns left out."""
        return tuple(column.name for column in self.columns)


def columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    """Return columns from name, type and meaning."""
    return tuple(Column(*row) for row in rows)
