"""Targets and the benchmark band."""

from __future__ import annotations

from decimal import Decimal

import pytest

from percapita.measure.goals import benchmark, verdict
from percapita.model.spec import Band, Target

TARGET = Target("active user", Decimal(20), warn=Decimal("1.1"))


@pytest.mark.parametrize(
    ("cost", "light", "over"),
    [
        ("20", "green", "0"),
        ("20.01", "amber", "0.05"),
        ("22", "amber", "10"),
        ("22.01", "red", "10.05"),
    ],
)
def test_a_cost_is_green_amber_or_red(cost: str, light: str, over: str) -> None:
    """On target, within its slack, beyond it."""
    found = verdict(TARGET, Decimal(cost))

    assert (found.light, found.over) == (light, Decimal(over))


@pytest.mark.parametrize(
    ("cost", "place"),
    [("0.5", "below"), ("1", "typical"), ("10", "typical"), ("15", "above"), ("20.01", "warning")],
)
def test_a_cost_has_its_place_in_the_band(cost: str, place: str) -> None:
    """One to ten is typical, over twenty a warning, unless the model says otherwise."""
    assert benchmark(Band(), Decimal(cost)).place == place
