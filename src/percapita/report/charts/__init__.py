"""Charts drawn as SVG, on the server: the same picture for a page, a mail and a file."""

from percapita.report.charts.bars import Bar, Part, bars
from percapita.report.charts.icicle import Node, icicle
from percapita.report.charts.line import Mark, Point, Series, line
from percapita.report.charts.spark import spark
from percapita.report.charts.timing import Ran, timing
from percapita.report.charts.waterfall import Step, waterfall

__all__ = [
    "Bar",
    "Mark",
    "Node",
    "Part",
    "Point",
    "Ran",
    "Series",
    "Step",
    "bars",
    "icicle",
    "line",
    "spark",
    "timing",
    "waterfall",
]
