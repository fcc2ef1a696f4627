"""An icicle: an amount, what it consists of, and what those consist of. Children sum to parents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from percapita.report.charts.svg import Markup, fitting, linked, picture, tag, titled, words

WIDTH: Final = 640.0
_ROW: Final = 34.0
_NARROW: Final = 24.0
"""Below this many pixels a box has no room for words."""
_SHADES: Final = 6


@dataclass(frozen=True, slots=True)
class Node:
    """An amount above zero, and the parts that sum to it; what is missing is drawn as a gap."""

    name: str
    value: Decimal
    text: str
    href: str = ""
    children: Sequence[Node] = field(default=())


def icicle(root: Node, *, label: str) -> Markup:
    """Draw the tree from left to right, a level a row."""
    drawn = list(_boxes(root, 0.0, WIDTH, 0, 0))
    return picture("".join(drawn), WIDTH, _ROW * _depth(root), label)


def _depth(node: Node) -> int:
    return 1 + max((_depth(child) for child in node.children), default=0)


def _boxes(node: Node, left: float, width: float, level: int, shade: int) -> Iterator[Markup]:
    box = tag(
        "rect", x=left, y=level * _ROW, width=max(width - 1, 0.5), height=_ROW - 2, rx=2,
        class_=f"fill s{shade % _SHADES}",
    )  # fmt: skip
    if width > _NARROW:
        inside = fitting(node.name, width - 10)
        box = Markup(box + words(inside, left + 6, level * _ROW + 20, class_="inside"))
    yield linked(titled(box, f"{node.name}: {node.text}"), node.href)
    for n, child in enumerate(node.children):
        share = float(child.value / node.value) if node.value else 0.0
        yield from _boxes(
            child, left, width * share, level + 1, shade + n + 1 if level == 0 else shade
        )
        left += width * share
