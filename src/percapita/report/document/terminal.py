"""A report in the terminal."""

from __future__ import annotations

from percapita.report.document.blocks import Block, Document, Facts, Grid, Heading, Words
from percapita.report.table import Column, Page


def show(page: Page, document: Document) -> None:
    """Print it; charts are left out."""
    for block in document.blocks:
        _block(page, block)


def _block(page: Page, block: Block) -> None:
    match block:
        case Heading(text, level):
            if level > 1:
                page.line()
            page.line(text, "bold")
        case Words(text, _):
            page.line(text)
        case Facts(pairs):
            page.line()
            page.table([
                Column("", [name for name, _, _ in pairs], number=False),
                Column("", [figure for _, figure, _ in pairs]),
                Column("", [more for _, _, more in pairs], number=False, rank=1),
            ])  # fmt: skip
        case Grid(header, rows, _, sums):
            page.table(_columns(block), totals=sums == 1 and bool(rows) and bool(header))
        case _:
            return


def _columns(grid: Grid) -> list[Column]:
    found = []
    for n, name in enumerate(grid.header):
        values = [row[n] for row in grid.rows]
        words = grid.words(n)
        rank = 0 if n == 0 or grid.text == len(grid.header) else 2 if words else 1
        found.append(Column(name, values, number=not words, rank=rank))
    return found
