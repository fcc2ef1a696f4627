"""A report as one HTML file that needs nothing else: for mail, for print, for keeping."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files

from percapita.report.document.blocks import (
    Block,
    Document,
    Facts,
    Figure,
    Grid,
    Heading,
    Picture,
    Words,
)


def write(document: Document) -> str:
    """Return the file."""
    style = files("percapita.report.document").joinpath("paper.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(document.title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        f"<main>\n{body(document)}</main>\n</body>\n</html>\n"
    )


def body(document: Document) -> str:
    """Return the report alone, to stand inside a page."""
    return "".join(f"{part}\n" for block in document.blocks for part in _block(block))


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"<h{level}>{escape(text)}</h{level}>"
        case Words(text, quiet):
            yield f'<p class="note">{escape(text)}</p>' if quiet else f"<p>{escape(text)}</p>"
        case Picture(svg, _):
            yield f"<figure>{svg}</figure>"
        case Facts(pairs):
            yield '<section class="tiles" aria-label="Key figures">'
            for name, figure, more in pairs:
                yield (
                    f'<div class="tile"><h2>{escape(name)}</h2>'
                    f'<p class="big">{_cell(figure)}</p><p>{escape(more)}</p></div>'
                )
            yield "</section>"
        case Grid():
            yield from _grid(block)


def _grid(grid: Grid) -> Iterator[str]:
    def row(cells: list[str]) -> str:
        return f"<tr>{''.join(cells)}</tr>"

    heads = [
        f'<th scope="col"{_text(grid, n)}>{escape(name)}</th>' for n, name in enumerate(grid.header)
    ]
    label = escape(f"Table of {grid.header[0]}")
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
    yield f"<thead>{row(heads)}</thead><tbody>"
    first = len(grid.rows) - grid.sums
    for at, cells in enumerate(grid.rows):
        if at == first:
            yield "</tbody><tfoot>"
        written = [
            f'<th scope="row">{escape(cell)}</th>'
            if n == 0
            else f"<td{_text(grid, n)}>{_cell(cell)}</td>"
            for n, cell in enumerate(cells)
        ]
        yield row(written)
    yield f"</{'tfoot' if grid.sums else 'tbody'}></table></div>"


def _cell(text: str) -> str:
    """Write a cell; the exact figure shows when pointed at."""
    if isinstance(text, Figure):
        exact = escape(text.exact)
        return f'<data value="{exact}" title="{exact}">{escape(text)}</data>'
    return escape(text)


def _text(grid: Grid, column: int) -> str:
    return ' class="text"' if grid.words(column) else ""
