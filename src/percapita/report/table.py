"""Tables for the terminal that stay readable at any width."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Final

_GAP: Final = 2
"""Blanks between columns: one of padding, one of the box."""
_LONGEST_NAME: Final = 48


@dataclass(frozen=True, slots=True)
class Column:
    """A column of text."""

    title: str
    values: Sequence[str]
    styles: Sequence[str] = ()
    """One a value, empty for none; colour is for good and bad alone."""
    number: bool = True
    rank: int = 0
    """Columns of the highest rank leave first where the terminal is too narrow; 0 stays."""

    @property
    def width(self) -> int:
        """How many characters the column takes."""
        lines = [*self.title.split("\n"), *self.values]
        return max(map(len, lines), default=0) + _GAP


def fitting(columns: Sequence[Column], width: int) -> tuple[list[Column], list[Column]]:
    """Return the columns that fit, and those that were left out."""
    kept, dropped = list(columns), list[Column]()
    while sum(column.width for column in kept) > width:
        leaving = max(kept, key=lambda column: column.rank)
        if leaving.rank == 0:
            break
        kept.remove(leaving)
        dropped.append(leaving)
    return kept, dropped


class Page:
    """Prints headings, tables and notes to a stream, in colour where it is a terminal."""

    def __init__(self, stream: IO[str] | None = None, *, width: int | None = None) -> None:
        from rich.console import Console  # noqa: PLC0415 only text output pays for it

        self._console = Console(
            file=stream or sys.stdout, width=width, highlight=False, emoji=False, markup=False
        )

    @property
    def width(self) -> int:
        """Characters in a line."""
        return self._console.width

    def line(self, text: str = "", style: str = "") -> None:
        """Print text, wrapped at the width."""
        self._console.print(text, style=style or None, soft_wrap=False)

    def table(self, columns: Sequence[Column], *, totals: bool = False) -> list[str]:
        """Print a table and return the titles of columns that did not fit.

        Args:
            columns: all of one length.
            totals: the last row sums the others and stands below a rule.
        """
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        kept, dropped = fitting(columns, self.width)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
        for column in kept:
            table.add_column(
                Text(column.title),
                justify="right" if column.number else "left",
                no_wrap=column.number,
                overflow="fold",
                max_width=None if column.number else _LONGEST_NAME,
            )
        rows = len(kept[0].values) if kept else 0
        for at in range(rows):
            cells = [Text(c.values[at], style=c.styles[at] if c.styles else "") for c in kept]
            if totals and at == rows - 1:
                table.add_section()
            table.add_row(*cells)
        self._console.print(table)
        return [column.title.replace("\n", " ") for column in dropped]


def show(titles: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str = "") -> None:
    """Print plain rows under titles; whole numbers stand to the right, ``empty`` where none."""
    page = Page()
    if not rows:
        page.line(empty or "Nothing.")
        return
    columns = []
    for title, values in zip(titles, zip(*rows, strict=True), strict=True):
        number = all(isinstance(value, int) for value in values if value is not None)
        texts = [_cell(value) for value in values]
        columns.append(Column(title, texts, number=number))
    page.table(columns)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
