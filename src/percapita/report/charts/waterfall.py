"""A waterfall: from one amount to another, step by step; the steps sum to the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from percapita.report.charts.scale import scale
from percapita.report.charts.svg import GLYPH, Markup, fitting, linked, picture, tag, titled, words

WIDTH: Final = 640.0
_ROW, _BAR, _GAP = 26.0, 16.0, 8.0
_NAMES: Final = 190.0


@dataclass(frozen=True, slots=True)
class Step:
    """A step. ``total``: a level that was reached; else a rise or a fall from the level before."""

    name: str
    value: Decimal
    text: str
    kind: Literal["total", "change"] = "change"
    href: str = ""
    paint: str = ""


def waterfall(steps: Sequence[Step], *, label: str) -> Markup:
    """Draw the steps under each other, each from where the last one ended."""
    spans = _spans(steps)
    names = min(_NAMES, max((len(step.name) * GLYPH for step in steps), default=0)) + _GAP
    figures = max((len(step.text) * GLYPH for step in steps), default=0) + _GAP
    widths = scale([end for span in spans for end in span], names, WIDTH - figures)
    drawn = []
    for n, (step, (start, end)) in enumerate(zip(steps, spans, strict=True)):
        middle = n * _ROW + _ROW / 2
        x, y = sorted((widths.at(start), widths.at(end)))
        shape = tag(
            "rect", x=x, y=middle - _BAR / 2, width=max(y - x, 1.0), height=_BAR, rx=2,
            class_=f"fill {step.paint or _paint(step)}",
        )  # fmt: skip
        row = [
            words(fitting(step.name, names - _GAP), names - _GAP, middle + 4, class_="name end"),
            titled(shape, f"{step.name}: {step.text}"),
            words(step.text, y + _GAP, middle + 4, class_="figure"),
        ]
        if n + 1 < len(steps):
            edge = widths.at(end)
            row.append(tag("path", d=f"M{edge:.1f} {middle + 8:.1f}v10", class_="grid"))
        drawn.append(linked("".join(row), step.href))
    return picture("".join(drawn), WIDTH, _ROW * len(steps) + 4, label)


def _spans(steps: Sequence[Step]) -> list[tuple[Decimal, Decimal]]:
    level, spans = Decimal(0), []
    for step in steps:
        start = Decimal(0) if step.kind == "total" else level
        level = step.value if step.kind == "total" else level + step.value
        spans.append((start, level))
    return spans


def _paint(step: Step) -> str:
    if step.kind == "total":
        return "c1"
    return "more" if step.value > 0 else "less"
