"""Unit costs against what was aimed at: targets of the model, and the benchmark band."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import Final, Literal, NamedTuple

from percapita.core.money import percent
from percapita.model.spec import Band, Model, Target

_EXACT: Final = Context(prec=120)

Light = Literal["green", "amber", "red"]
Place = Literal["below", "typical", "above", "warning"]


class Verdict(NamedTuple):
    """One unit cost beside its target."""

    target: Target
    cost_per_unit: Decimal
    light: Light
    over: Decimal | None
    """Percent above the target; negative is below."""


class Benchmark(NamedTuple):
    """Infrastructure cost per primary unit and month beside the band."""

    band: Band
    cost_per_unit: Decimal
    place: Place


def verdict(target: Target, cost_per_unit: Decimal) -> Verdict:
    """Judge one unit cost: red above target x warn, amber above target."""
    red = _EXACT.multiply(target.cost, target.warn)
    light: Light = "green"
    if cost_per_unit > target.cost:
        light = "red" if cost_per_unit > red else "amber"
    over = percent(_EXACT.subtract(cost_per_unit, target.cost), target.cost)
    return Verdict(target, cost_per_unit, light, over)


def target_for(model: Model, unit: str, segment: Mapping[str, str | None]) -> Target | None:
    """Return the target of that unit for exactly this segment; an empty one is everyone."""
    fits: Iterable[Target] = (
        target
        for target in model.targets
        if target.unit == unit and dict(target.segment) == segment
    )
    return next(iter(fits), None)


def benchmark(band: Band, cost_per_unit: Decimal) -> Benchmark:
    """Place infrastructure cost per unit and month in the band."""
    place: Place = "typical"
    if cost_per_unit > band.warn:
        place = "warning"
    elif cost_per_unit > band.high:
        place = "above"
    elif cost_per_unit < band.low:
        place = "below"
    return Benchmark(band, cost_per_unit, place)
