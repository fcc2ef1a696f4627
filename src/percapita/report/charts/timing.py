"""What ran when: a bar for each span under its parent, all on one line of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from percapita.report.charts.scale import Scale, scale, short
from percapita.report.charts.svg import GLYPH, Markup, fitting, linked, picture, tag, titled, words

WIDTH: Final = 640.0
_ROW, _BAR, _GAP, _TOP = 24.0, 14.0, 8.0, 20.0
_NAMES: Final = 220.0
_STEP: Final = 8.0
_DEEPEST: Final = 10
"""Levels that are set in; what lies deeper stands under these."""


@dataclass(frozen=True, slots=True)
class Ran:
    """Something that ran from a moment on, in any unit of time."""

    name: str
    start: Decimal
    took: Decimal
    text: str
    """What is written beside the bar."""
    depth: int = 0
    href: str = ""
    paint: str = "c1"


def timing(rows: Sequence[Ran], *, unit: str, label: str) -> Markup:
    """Draw the rows under each other, in the order they come in."""
    inset = [min(row.depth, _DEEPEST) * _STEP for row in rows]
    widths = [len(row.name) * GLYPH + left for row, left in zip(rows, inset, strict=True)]
    names = min(_NAMES, max(widths, default=0.0)) + _GAP
    figures = max((len(row.text) * GLYPH for row in rows), default=0.0) + _GAP
    # A figure stands behind its bar, so what ends last needs room for it.
    along = scale([row.start + row.took for row in rows], names, WIDTH - figures)
    height = _TOP + _ROW * len(rows) + 4
    drawn = [*_ticks(along, height, unit)]
    for n, (row, left) in enumerate(zip(rows, inset, strict=True)):
        drawn.append(_row(row, _TOP + n * _ROW + _ROW / 2, names, left, along))
    return picture("".join(drawn), WIDTH, height, label)


def _ticks(along: Scale, height: float, unit: str) -> Iterator[Markup]:
    for tick in along.ticks:
        x = along.at(tick)
        yield tag("path", d=f"M{x:.1f} {_TOP:.1f}V{height:.1f}", class_="grid")
        yield words(f"{short(tick, along.ticks)} {unit}", x, _TOP - 7, class_="tick mid")


def _row(row: Ran, middle: float, names: float, left: float, along: Scale) -> Markup:
    x, y = along.at(row.start), along.at(row.start + row.took)
    shape = tag(
        "rect", x=x, y=middle - _BAR / 2, width=max(y - x, 1.5), height=_BAR, rx=2,
        class_=f"fill {row.paint}",
    )  # fmt: skip
    drawn = [
        words(fitting(row.name, names - _GAP - left), left, middle + 4, class_="name"),
        titled(shape, f"{row.name}: {row.text}"),
        words(row.text, max(y, x + 1.5) + _GAP, middle + 4, class_="figure"),
    ]
    return linked("".join(drawn), row.href)
