"""Metric points: what counters rose by, how long levels were held, what histograms hold."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, NamedTuple

from percapita.model.conditions import fits
from percapita.model.spec import Model, Signals
from percapita.model.words import wildcard
from percapita.telemetry import units
from percapita.telemetry.digest.decode.resources import Resource, Resources, attributes, parsed

_HOUR: Final = 3_600 * 10**9
YOUNG: Final = _HOUR
"""A series that began no longer than this before its first point is counted from its beginning."""
HELD: Final = _HOUR
"""A level is taken to last until its next point, but no longer than this."""
DELTA, CUMULATIVE = 1, 2
_LARGEST: Final = 1 << 53
_FINER: Final = 10**6
"""Levels are kept this much finer than their base unit: one and a half cores are a level too."""

_UCUM: Final = {
    "By": "byte", "KiBy": "KiB", "MiBy": "MiB", "GiBy": "GiB", "TiBy": "TiB", "kBy": "kB",
    "MBy": "MB", "GBy": "GB", "TBy": "TB", "ns": "ns",
}  # fmt: skip
_ANNOTATION: Final = re.compile(r"\{[^}]*\}")
_TIME_OF: Final = {
    "byte-hour": ("byte", 3_600 * 10**9), "byte-second": ("byte", 10**9),
    "byte-millisecond": ("byte", 10**6), "microsecond": ("", 10**3),
}  # fmt: skip
"""Base unit of a level held for a time: unit of the level, and nanoseconds in its unit of time."""


class Reading(NamedTuple):
    """What one point adds to a meter in one hour."""

    meter: str
    base: str
    at: int
    """Nanoseconds since 1970, within the hour."""
    quantity: int


class Point(NamedTuple):
    """A point of a metric, whatever kind of metric it is of."""

    start: int
    at: int
    value: float
    observations: int
    raw: Any


@dataclass(frozen=True, slots=True)
class Metric:
    """What is said of all points of a metric."""

    name: str
    unit: str
    kind: str
    """``rise``: a counter. ``level``: a gauge. ``histogram``."""
    temporality: int


class Unfit(NamedTuple):
    """A metric that a meter asks for and cannot be counted by it."""

    code: str
    meter: str
    metric: str
    unit: str


class Metrics:
    """The meters of a model that metrics feed."""

    def __init__(self, model: Model) -> None:
        self.meters = tuple(meter for meter in model.meters if meter.source == "metrics")
        self._patterns = {
            meter.meter: re.compile("|".join(wildcard(name) for name in meter.metric))
            for meter in self.meters
        }
        self._asked: dict[str, tuple[Signals, ...]] = {}

    def asking(self, metric: str) -> tuple[Signals, ...]:
        """Return the meters that ask for a metric by name."""
        found = self._asked.get(metric)
        if found is None:
            found = tuple(m for m in self.meters if self._patterns[m.meter].search(metric))
            self._asked[metric] = found
        return found


@dataclass(frozen=True, slots=True)
class Seen:
    """A point that some meter asks for, with all that names its series."""

    metric: Metric
    point: Point
    resource: Resource
    scope: str
    texts: Mapping[str, str]
    """Attributes of the point."""
    series: str
    """Hash of all that names the series."""
    ordinal: int
    """Which point of its request it is."""

    def text(self, name: str) -> str | None:
        """Return an attribute of the point, else of its resource, or a word of metrics."""
        words = {
            "name": self.metric.name, "scope": self.scope,
            "service": self.resource.texts.get("service.name"),
        }  # fmt: skip
        if name in words:
            return words[name]
        for texts in (self.texts, self.resource.texts):
            for one in name.split("|"):
                if one in texts:
                    return texts[one]
        return None

    def fits(self, meter: Signals) -> bool:
        """Tell whether the point fits every condition of a meter."""
        return all(fits(self.text(name), condition) for name, condition in meter.where.items())


def points(
    body: bytes, plan: Metrics, remembered: Resources
) -> Iterator[tuple[Seen, list[Signals]]]:
    """Yield the points of a request that some meter asks for, and those meters."""
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (  # noqa: PLC0415
        ExportMetricsServiceRequest,
    )

    ordinal = 0
    for of_resource in parsed(ExportMetricsServiceRequest, body).resource_metrics:
        raw = of_resource.resource.SerializeToString(deterministic=True)
        resource = remembered.read(raw)
        for of_scope in of_resource.scope_metrics:
            scope = of_scope.scope.name
            for message in of_scope.metrics:
                metric, found = _metric(message)
                asking = plan.asking(message.name)
                for point in found if asking else ():
                    texts = attributes(point.raw.attributes)
                    series = _series(raw, scope, metric, texts)
                    seen = Seen(metric, point, resource, scope, texts, series, ordinal)
                    ordinal += 1
                    # Bit 0 of the flags: the sender had no value to give.
                    meters = [m for m in asking if not point.raw.flags & 1 and seen.fits(m)]
                    if meters:
                        yield seen, meters


def _metric(message: Any) -> tuple[Metric, list[Point]]:  # noqa: ANN401
    which = message.WhichOneof("data")
    if which is None:
        return Metric(message.name, message.unit, "level", CUMULATIVE), []
    data = getattr(message, which)
    temporality = getattr(data, "aggregation_temporality", CUMULATIVE)
    kind = "level"
    if which in ("histogram", "exponential_histogram", "summary"):
        kind = "histogram"
    elif which == "sum" and (data.is_monotonic or temporality == DELTA):
        kind = "rise"
    metric = Metric(message.name, message.unit, kind, temporality)
    return metric, [_point(raw, kind) for raw in data.data_points]


def _point(raw: Any, kind: str) -> Point:  # noqa: ANN401
    if kind == "histogram":
        return Point(raw.start_time_unix_nano, raw.time_unix_nano, raw.sum, raw.count, raw)
    value = getattr(raw, raw.WhichOneof("value") or "as_int")
    return Point(raw.start_time_unix_nano, raw.time_unix_nano, value, 0, raw)


def _series(resource: bytes, scope: str, metric: Metric, texts: Mapping[str, str]) -> str:
    told = repr((resource, scope, metric.name, metric.unit, sorted(texts.items())))
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def read(
    seen: Seen,
    meter: Signals,
    last: Any,  # noqa: ANN401
) -> tuple[list[Reading], Any] | Unfit | None:
    """Return what a point adds to a meter, and what is to be remembered of it.

    Nothing where it is no later than the last point, so was counted.

    Args:
        seen: the point.
        meter: the meter.
        last: what was remembered of the series for this meter, or nothing.
    """
    base = _base(seen.metric, meter)
    if isinstance(base, Unfit):
        return base
    if seen.metric.kind == "level":
        return _held(seen.point, meter, base, last)
    return _risen(seen, meter, base, last)


def _base(metric: Metric, meter: Signals) -> units.Unit | Unfit:
    """Return what a metric's values are worth in the base unit of a meter."""
    if meter.quantity == "count" and metric.kind == "histogram":
        return units.unit(meter.unit, meter.scale)
    own = ucum(metric.unit)
    said = units.unit(meter.unit or own, meter.scale)
    if metric.kind == "level":
        level, _ = _TIME_OF.get(said.base, (None, 0))
        if level is None:
            return Unfit("level-without-time", meter.meter, metric.name, metric.unit)
        is_other = units.unit(own).measure != level
    else:
        written = units.unit(meter.unit)
        is_other = bool(own and meter.unit) and units.unit(own).measure != written.measure
    if is_other:
        return Unfit("other-unit", meter.meter, metric.name, metric.unit)
    # A metric without a unit of its own is measured in the meter's.
    factor = units.unit(own, meter.scale).factor if own or metric.kind == "level" else said.factor
    return units.Unit(said.base, factor)


def ucum(unit: str) -> str:
    """Return a unit of OpenTelemetry as percapita writes it."""
    plain = _ANNOTATION.sub("", unit).strip()
    return _UCUM.get(plain, plain)


def _whole(value: float, factor: int) -> int:
    """Return a value in base units, rounded half to even."""
    if isinstance(value, int):
        return value * factor
    return round(Fraction(value) * factor) if math.isfinite(value) else 0


def _risen(
    seen: Seen,
    meter: Signals,
    base: units.Unit,
    last: Any,  # noqa: ANN401
) -> tuple[list[Reading], Any] | None:
    point = seen.point
    if meter.quantity == "count" and seen.metric.kind == "histogram":
        total = point.observations * base.factor
    else:
        total = _whole(point.value, base.factor)
    # A point at the full hour tells of the hour before.
    at = max(point.at - 1, 0)
    if seen.metric.temporality == DELTA:
        return _one(meter, base, at, total), None
    memory = [point.start, point.at, total]
    if last is None:
        young = point.start and point.at - point.start <= YOUNG
        return (_one(meter, base, at, total) if young else []), memory
    start, before, had = last
    if point.at <= before:
        return None
    anew = point.start > start or total < had
    return _one(meter, base, at, total if anew else total - had), memory


def _one(meter: Signals, base: units.Unit, at: int, quantity: int) -> list[Reading]:
    fine = 0 < quantity < _LARGEST
    return [Reading(meter.meter, base.measure, at, quantity)] if fine else []


def _held(
    point: Point,
    meter: Signals,
    base: units.Unit,
    last: Any,  # noqa: ANN401
) -> tuple[list[Reading], Any] | None:
    """Return what the level before this point came to; the rest below one unit is kept."""
    _, tick = _TIME_OF[base.base]
    tick *= _FINER
    level = max(_whole(point.value, base.factor * _FINER), 0)
    if last is None:
        return [], [point.at, level, 0]
    before, held, rest = last
    if point.at <= before:
        return None
    found = []
    until = min(point.at, before + HELD)
    while before < until:
        end = min(until, (before // _HOUR + 1) * _HOUR)
        quantity, rest = divmod(held * (end - before) + rest, tick)
        found += _one(meter, base, before, quantity)
        before = end
    return found, [point.at, level, rest]
