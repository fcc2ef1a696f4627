"""Lines over time, each with a band where its figures are uncertain. Gaps are drawn as gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from percapita.report.charts.scale import Scale, scale, short
from percapita.report.charts.svg import GLYPH, Markup, linked, picture, tag, titled, words

WIDTH: Final = 640.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 96.0, 14.0, 26.0
_DOT: Final = 3.5


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a time; ``value`` is ``None`` where there is none."""

    label: str
    value: Decimal | None
    text: str = ""
    """The figure as it is shown when pointed at."""
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name, its points in order, and the class that colours it."""

    name: str
    points: tuple[Point, ...]
    paint: str = "c1"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened between the points: drawn as a line from top to bottom."""

    at: float
    """Where: 0 is the first point, 1 the second."""
    text: str
    paint: str = ""
    href: str = ""
    """Where it leads."""
    below: bool = False
    """It has a dot at the foot, where others have a flag at the top."""


def line(
    series: Sequence[Series],
    *,
    label: str,
    height: float = 240.0,
    marks: Sequence[Mark] = (),
    slots: bool = False,
) -> Markup:
    """Draw lines over the same times. All series have a point for every time.

    Args:
        series: what is drawn, the first on top.
        label: what the picture shows, in words.
        height: in pixels.
        marks: what happened under the same times.
        slots: a point stands in the middle of its time, and has room on both sides.
    """
    labels = [point.label for point in series[0].points] if series else []
    heights = scale(_values(series), height - _BOTTOM, _TOP)
    steps = max(len(labels) if slots else len(labels) - 1, 1)
    step = (WIDTH - _LEFT - _RIGHT) / steps
    across = [_LEFT + step * (n + (0.5 if slots else 0)) for n in range(len(labels))]
    drawn = [_grid(heights), _times(labels, across, height)]
    names = _apart([(one, _end(one, heights)) for one in series])
    for one in reversed(series):
        drawn += [_band(one, across, heights), _strokes(one, across, heights)]
        drawn += _dots(one, across, heights)
        if one in names:
            drawn.append(words(one.name, WIDTH - _RIGHT + 8, names[one] + 4, class_=one.paint))
    if across:
        # On top, so that each can be pointed at.
        drawn += [_mark(one, across[0] + one.at * step, height) for one in marks]
    return picture("".join(drawn), WIDTH, height, label)


def _values(series: Sequence[Series]) -> list[Decimal]:
    points = [point for one in series for point in one.points]
    return [v for p in points for v in (p.value, p.low, p.high) if v is not None]


def _grid(heights: Scale) -> Markup:
    drawn = [
        tag("path", d=f"M{_LEFT} {heights.at(t):.1f}H{WIDTH - _RIGHT}", class_="grid")
        + words(short(t, heights.ticks), _LEFT - 8, heights.at(t) + 4, class_="tick end")
        for t in heights.ticks
    ]
    return Markup("".join(drawn))


def _times(labels: Sequence[str], across: Sequence[float], height: float) -> Markup:
    room = max((len(text) for text in labels), default=1) * GLYPH + 10
    every = 1
    while len(across) > 1 and (across[1] - across[0]) * every < room:
        every += 1
    drawn = [
        words(text, x, height - 6, class_="tick mid")
        for n, (text, x) in enumerate(zip(labels, across, strict=True))
        if n % every == 0
    ]
    return Markup("".join(drawn))


def _mark(mark: Mark, x: float, height: float) -> Markup:
    bottom = height - _BOTTOM
    shape = tag("path", d=f"M{x:.1f} {_TOP}V{bottom:.1f}", class_=f"mark {mark.paint}")
    if mark.below:
        head = tag("circle", cx=x, cy=bottom, r=_DOT + 1, class_=f"flag {mark.paint}")
    else:
        head = tag("path", d=f"M{x:.1f} {_TOP}H{x + 7:.1f}V{_TOP + 7}H{x:.1f}Z",
                   class_=f"flag {mark.paint}")  # fmt: skip
    return linked(titled(Markup(shape + head), mark.text), mark.href)


def _end(one: Series, heights: Scale) -> float | None:
    last = [point.value for point in one.points if point.value is not None]
    return heights.at(last[-1]) if last else None


def _apart(ends: Sequence[tuple[Series, float | None]]) -> dict[Series, float]:
    """Return where each name stands, moved down where names would touch."""
    placed: dict[Series, float] = {}
    last = -100.0
    for one, at in sorted(((o, a) for o, a in ends if a is not None), key=lambda pair: pair[1]):
        last = max(at, last + 14)
        placed[one] = last
    return placed


def _runs(one: Series, across: Sequence[float]) -> list[list[tuple[float, Point]]]:
    """Return the points that follow each other without a gap."""
    runs: list[list[tuple[float, Point]]] = [[]]
    for x, point in zip(across, one.points, strict=True):
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append((x, point))
    return [run for run in runs if run]


def _strokes(one: Series, across: Sequence[float], heights: Scale) -> Markup:
    paths = []
    for run in _runs(one, across):
        places = [f"{x:.1f} {heights.at(p.value):.1f}" for x, p in run if p.value is not None]
        paths.append(tag("path", d=f"M{'L'.join(places)}", class_=f"line {one.paint}"))
    return Markup("".join(paths))


def _band(one: Series, across: Sequence[float], heights: Scale) -> Markup:
    drawn = []
    for run in _runs(one, across):
        known = [(x, p.low, p.high) for x, p in run if p.low is not None and p.high is not None]
        if len(known) > 1:
            above = [f"{x:.1f} {heights.at(high):.1f}" for x, _, high in known]
            below = [f"{x:.1f} {heights.at(low):.1f}" for x, low, _ in reversed(known)]
            drawn.append(
                tag("path", d=f"M{'L'.join([*above, *below])}Z", class_=f"band {one.paint}")
            )
    return Markup("".join(drawn))


def _dots(one: Series, across: Sequence[float], heights: Scale) -> list[Markup]:
    return [
        titled(
            tag("circle", cx=x, cy=heights.at(p.value), r=_DOT, class_=f"dot {one.paint}"),
            f"{one.name}, {p.label}: {p.text or p.value}",
        )
        for x, p in zip(across, one.points, strict=True)
        if p.value is not None
    ]
