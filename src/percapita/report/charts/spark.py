"""A sparkline: the shape of a figure over time, the size of a word."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from percapita.report.charts.scale import scale
from percapita.report.charts.svg import Markup, picture, tag

WIDTH: Final = 84.0
HEIGHT: Final = 22.0
_FEWEST: Final = 2


def spark(values: Sequence[Decimal | None], *, label: str) -> Markup:
    """Draw the figures in order; nothing where fewer than two are known."""
    known = [value for value in values if value is not None]
    if len(known) < _FEWEST:
        return Markup("")
    heights = scale(known, HEIGHT - 3, 3)
    step = (WIDTH - 8) / (len(values) - 1)
    places = [(4 + n * step, heights.at(v)) for n, v in enumerate(values) if v is not None]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    x, y = places[-1]
    dot = tag("circle", cx=x, cy=y, r=2.5, class_="dot c1")
    return picture(tag("path", d=f"M{path}", class_="line c1") + dot, WIDTH, HEIGHT, label)
