"""Our charts on paper: the few SVG elements that they are made of, in literal colours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from percapita.report.document.typeface import Typeface

_COLOURS: Final[Mapping[str, str]] = {
    "c1": "#2f5bd8", "c2": "#7c93d6", "c3": "#b45309", "c4": "#6b7280", "good": "#1c7c4a",
    "less": "#1c7c4a", "bad": "#c02636", "more": "#c02636", "tick": "#555d6b", "grid": "#d6dae1",
    "axis": "#555d6b",
}  # fmt: skip
"""Class of an element -> its colour on white."""
_ANCHORS: Final[Mapping[str, str]] = {"end": "end", "mid": "middle"}
_STEP: Final = re.compile(r"([MLHVvZ])([^MLHVvZ]*)")
_INK: Final = "#16191f"


def drawing(svg: str, width: float, face: Typeface) -> Any:  # noqa: ANN401 the package has no types
    """Return a chart as a drawing of a width in points."""
    from reportlab.graphics.shapes import Drawing, Group  # noqa: PLC0415

    root = ET.fromstring(svg)  # noqa: S314 our own charts, every name in them escaped
    _, _, wide, high = map(float, root.attrib["viewBox"].split())
    scale = width / wide
    found = Drawing(width, high * scale)
    group = Group(*_shapes(root, high, face), transform=(scale, 0, 0, scale, 0, 0))
    found.add(group)
    return found


def _shapes(parent: ET.Element, high: float, face: Typeface) -> Iterator[Any]:
    """Yield what an element holds; y runs up on paper."""
    for element in parent:
        kind = element.tag.rpartition("}")[2]
        classes = element.attrib.get("class", "").split()
        colour = next((_COLOURS[name] for name in classes if name in _COLOURS), _INK)
        if kind == "text":
            yield _words(element, classes, colour, high, face)
            continue
        yield from _shape(kind, element, classes, colour, high)
        if kind in ("g", "a"):
            yield from _shapes(element, high, face)


def _shape(
    kind: str, element: ET.Element, classes: list[str], colour: str, high: float
) -> Iterator[Any]:
    from reportlab.graphics.shapes import Circle, Rect  # noqa: PLC0415

    at = element.attrib
    if kind == "rect":
        y, height = float(at["y"]), float(at["height"])
        yield Rect(float(at["x"]), high - y - height, float(at["width"]), height,
                   fillColor=_colour(colour), strokeColor=None)  # fmt: skip
    elif kind == "circle":
        yield Circle(float(at["cx"]), high - float(at["cy"]), float(at["r"]),
                     fillColor=_colour(colour), strokeColor=None)  # fmt: skip
    elif kind == "path":
        yield _path(at["d"], classes, colour, high)


def _words(
    element: ET.Element, classes: list[str], colour: str, high: float, face: Typeface
) -> Any:  # noqa: ANN401
    from reportlab.graphics.shapes import String  # noqa: PLC0415

    anchor = next((_ANCHORS[name] for name in classes if name in _ANCHORS), "start")
    font, text = face.line(element.text or "")
    return String(
        float(element.attrib["x"]), high - float(element.attrib["y"]), text, fontName=font,
        fontSize=11, fillColor=_colour(colour), textAnchor=anchor,
    )  # fmt: skip


def _path(steps: str, classes: list[str], colour: str, high: float) -> Any:  # noqa: ANN401
    from reportlab.graphics.shapes import Path  # noqa: PLC0415

    band = "band" in classes
    path = Path(
        fillColor=_colour(colour) if band else None, strokeColor=None if band else _colour(colour),
        strokeWidth=2 if "line" in classes else 1, fillOpacity=0.18 if band else 1,
    )  # fmt: skip
    x = y = 0.0
    for mark, numbers in _STEP.findall(steps):
        found = [float(one) for one in numbers.split()]
        if mark == "Z":
            path.closePath()
            continue
        if mark in "ML":
            x, y = found
        elif mark == "H":
            x = found[0]
        else:
            y = found[0] if mark == "V" else y + found[0]
        (path.moveTo if mark == "M" else path.lineTo)(x, high - y)
    return path


def _colour(text: str) -> Any:  # noqa: ANN401
    from reportlab.lib.colors import HexColor  # noqa: PLC0415

    return HexColor(text)
