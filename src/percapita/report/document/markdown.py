"""A report as Markdown: for a wiki, a ticket or a review."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from percapita.report.document.blocks import Block, Document, Facts, Grid, Heading, Picture, Words


def write(document: Document) -> str:
    """Return the file. Charts are left out: their figures stand in the tables."""
    return "\n".join(line for block in document.blocks for line in _block(block)).strip() + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Heading(text, level):
            yield f"\n{'#' * level} {_plain(text)}\n"
        case Words(text, quiet):
            yield f"*{_plain(text)}*\n" if quiet else f"{_plain(text)}\n"
        case Facts(pairs):
            yield from _table(["", "", ""], [True, False, True], pairs)
        case Grid(header, rows):
            yield from _table(header, [block.words(n) for n in range(len(header))], rows)
        case Picture():
            return


def _table(
    header: Sequence[str], words: Sequence[bool], rows: Sequence[Sequence[str]]
) -> Iterator[str]:
    yield f"| {' | '.join(map(_cell, header))} |"
    yield f"|{'|'.join('---' if text else '---:' for text in words)}|"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"
    yield ""


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Return text that Markdown takes as it is: names are data of users."""
    for mark in "\\`*_<[":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("\n", " ")
