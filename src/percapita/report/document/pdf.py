"""A report as PDF, without a browser; needs the extra ``pdf``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.report.document.blocks import Block, Document, Facts, Grid, Heading, Picture, Words
from percapita.report.document.typeface import BOLD, TEXT, UNWRITTEN, Typeface

_INK, _SOFT, _EDGE = "#16191f", "#555d6b", "#d6dae1"
_WIDTH: Final = 495.0
"""Of what is written on a page of A4, in points."""
_ACROSS: Final = 4
"""Key figures in a row."""
_NAMED: Final = 12
"""Letters that the last line names."""


class NoPdfError(InputError):
    """A PDF is asked for, and the package that writes it is not there."""

    def __init__(self) -> None:
        super().__init__(
            "PDF needs a package that is not installed.",
            hint="pip install 'percapita[pdf]', or ask for html or md.",
        )


def write(document: Document) -> bytes:
    """Return the file; a last line says which letters no typeface here writes, if there are any.

    Raises:
        NoPdfError: the extra is not installed.
    """
    try:
        from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415 only PDF pays for it
    except ImportError:
        raise NoPdfError from None
    face = Typeface()
    parts = [part for block in document.blocks for part in _block(block, face)]
    if face.unwritten:
        parts += _block(_missing(face.unwritten), face)
    stream = io.BytesIO()
    page = SimpleDocTemplate(
        stream, title=document.title, author="percapita", leftMargin=50, rightMargin=50,
        topMargin=46, bottomMargin=46, invariant=1,
    )  # fmt: skip
    page.build(parts)
    return stream.getvalue()


def _missing(letters: set[str]) -> Words:
    named = ", ".join(f"U+{ord(letter):04X}" for letter in sorted(letters)[:_NAMED])
    more = f" and {len(letters) - _NAMED} more" if len(letters) > _NAMED else ""
    return Words(
        f"No typeface here writes {named}{more}: {UNWRITTEN} stands for them. The report as HTML or"
        " Markdown has the names as they are.",
        quiet=True,
    )


def _block(block: Block, face: Typeface) -> Iterator[Any]:
    from reportlab.platypus import Paragraph, Spacer  # noqa: PLC0415

    match block:
        case Heading(text, level):
            size, before = (17, 4) if level == 1 else (11, 12)
            yield Paragraph(
                face.markup(text, BOLD), _style(size, font=BOLD, before=before, keep=True)
            )
        case Words(text, quiet):
            yield Paragraph(
                face.markup(text), _style(8 if quiet else 9, colour=_SOFT if quiet else _INK)
            )
        case Facts():
            yield _tiles(block, face)
            yield Spacer(1, 6)
        case Grid():
            yield _grid(block, face)
            yield Spacer(1, 6)
        case Picture(svg, _):
            from percapita.report.document.drawing import drawing  # noqa: PLC0415

            yield drawing(svg, _WIDTH, face)


def _style(
    size: float,
    *,
    font: str = TEXT,
    colour: str = _INK,
    before: float = 2,
    right: bool = False,
    keep: bool = False,
) -> Any:  # noqa: ANN401 the package has no types
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415

    return ParagraphStyle(
        name="words", fontName=font, fontSize=size, leading=size * 1.35, textColor=colour,
        spaceBefore=before, spaceAfter=3, alignment=2 if right else 0, keepWithNext=keep,
    )  # fmt: skip


def _tiles(facts: Facts, face: Typeface) -> Any:  # noqa: ANN401
    from reportlab.platypus import Paragraph, Table, TableStyle  # noqa: PLC0415

    small, large = _style(7, colour=_SOFT, before=0), _style(13, font=BOLD, before=0)
    cells = [
        [Paragraph(face.markup(name), small), Paragraph(face.markup(figure, BOLD), large),
         Paragraph(face.markup(more), small)]
        for name, figure, more in facts.pairs
    ]  # fmt: skip
    cells += [[Paragraph("", small)]] * (-len(cells) % _ACROSS)
    rows = [cells[at : at + _ACROSS] for at in range(0, len(cells), _ACROSS)]
    table = Table(rows, colWidths=[_WIDTH / _ACROSS] * _ACROSS)
    table.setStyle(
        TableStyle([
            ("BACKGROUND", (0, 0), (-1, -1), "#f6f7f9"), ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("INNERGRID", (0, 0), (-1, -1), 4, "#ffffff"),
        ])
    )  # fmt: skip
    return table


def _grid(grid: Grid, face: Typeface) -> Any:  # noqa: ANN401
    from reportlab.platypus import Paragraph, Table, TableStyle  # noqa: PLC0415

    sums = range(len(grid.rows) - grid.sums, len(grid.rows))

    def cell(text: str, column: int, *, font: str = TEXT, colour: str = _INK) -> Any:  # noqa: ANN401
        right = not grid.words(column)
        return Paragraph(
            face.markup(text, font), _style(7.5, font=font, colour=colour, before=0, right=right)
        )

    rows = [[cell(name, n, colour=_SOFT) for n, name in enumerate(grid.header)]]
    for at, row in enumerate(grid.rows):
        font = BOLD if at in sums else TEXT
        rows.append([cell(text, n, font=font) for n, text in enumerate(row)])
    table = Table(rows, colWidths=_widths(grid), repeatRows=1)
    table.setStyle(
        TableStyle([
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, _EDGE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ("LEFTPADDING", (0, 0), (-1, -1), 3), ("RIGHTPADDING", (0, 0), (-1, -1), 3),
        ])
    )  # fmt: skip
    return table


def _widths(grid: Grid) -> list[float]:
    """Return widths of columns: by the longest text, within bounds."""
    longest = [
        max(len(text) for text in column) for column in zip(grid.header, *grid.rows, strict=True)
    ]
    wanted = [min(max(length, 6), 60) for length in longest]
    return [_WIDTH * one / sum(wanted) for one in wanted]
