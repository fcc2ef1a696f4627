"""Horizontal bars from zero, whole or in parts, each with its figure written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from percapita.report.charts.scale import Scale, scale
from percapita.report.charts.svg import GLYPH, Markup, fitting, linked, picture, tag, titled, words

WIDTH: Final = 640.0
_ROW, _BAR, _GAP = 26.0, 16.0, 8.0
_NAMES: Final = 200.0


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar: what it is, its size, and the class that colours it."""

    name: str
    value: Decimal
    text: str
    paint: str = "c1"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: its name, its parts from zero outwards, its figure as shown, where it leads."""

    name: str
    parts: Sequence[Part]
    text: str
    href: str = ""


def bars(rows: Sequence[Bar], *, label: str) -> Markup:
    """Draw bars under each other, in the order they come in."""
    names = min(_NAMES, max((len(row.name) * GLYPH for row in rows), default=0)) + _GAP
    figures = max((len(row.text) * GLYPH for row in rows), default=0) + _GAP
    ends = [end for row in rows for end in _ends(row)]
    widths = scale(ends, names, WIDTH - figures)
    height = _ROW * len(rows) + 4
    zero = tag("path", d=f"M{widths.at(Decimal(0)):.1f} 0V{height:.1f}", class_="axis")
    drawn = [_row(row, n * _ROW, names, widths) for n, row in enumerate(rows)]
    return picture("".join([*drawn, zero]), WIDTH, height, label)


def _ends(row: Bar) -> tuple[Decimal, Decimal]:
    plus = sum((part.value for part in row.parts if part.value > 0), Decimal(0))
    minus = sum((part.value for part in row.parts if part.value < 0), Decimal(0))
    return minus, plus


def _row(row: Bar, top: float, names: float, widths: Scale) -> Markup:
    middle = top + _ROW / 2
    drawn: list[str] = [
        words(fitting(row.name, names - _GAP), names - _GAP, middle + 4, class_="name end")
    ]
    reached = {True: Decimal(0), False: Decimal(0)}
    for part in row.parts:
        if not part.value:
            continue
        side = part.value > 0
        start, reached[side] = reached[side], reached[side] + part.value
        x, y = sorted((widths.at(start), widths.at(reached[side])))
        shape = tag(
            "rect", x=x, y=middle - _BAR / 2, width=max(y - x, 1.0), height=_BAR, rx=2,
            class_=f"fill {part.paint}",
        )  # fmt: skip
        drawn.append(titled(shape, f"{row.name}, {part.name}: {part.text}"))
    edge = max(widths.at(reached[True]), widths.at(Decimal(0)))
    drawn.append(words(row.text, edge + _GAP, middle + 4, class_="figure"))
    return linked("".join(drawn), row.href)
