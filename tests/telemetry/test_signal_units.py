"""Units and exact quantities."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percapita.telemetry.units import Misfit, Unit, unit, whole


@pytest.mark.parametrize(
    ("text", "base", "factor"),
    [
        ("", "", 1),
        ("count", "", 1),
        ("h", "microsecond", 3_600_000_000),
        ("Hrs", "microsecond", 3_600_000_000),
        ("ms", "microsecond", 1000),
        ("kB", "byte", 1000),
        ("GiB", "byte", 2**30),
        ("GB-Hours", "byte-hour", 10**9),
        ("GiB-s", "byte-second", 2**30),
        ("vCPU-h", "microsecond", 3_600_000_000),
        ("requests", "requests", 1),
        ("Mb", "Mb", 1),
    ],
)
def test_units_have_whole_factors(text: str, base: str, factor: int) -> None:
    """Every unit is worth a whole number of base units; one that is unknown is its own base."""
    assert unit(text) == Unit(base, factor)


def test_scale_makes_the_base_unit_finer() -> None:
    """With scale 1000 a quantity may have three fractional digits."""
    assert whole("1.234", unit("credits", 1000).factor) == 1234
    assert unit("h", 1000).factor == 3_600_000_000_000


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "is not a number"),
        ("-3", "is negative"),
        ("1.5", "is not a whole number of base units"),
        ("9300000000000000000", "is larger than 9.2e18 base units"),
        ("NaN", "is not a number"),
    ],
)
def test_what_does_not_fit_says_why(text: str, reason: str) -> None:
    """A quantity that cannot be kept exactly is refused with its reason."""
    misfit = whole(text, 1)

    assert isinstance(misfit, Misfit)
    assert reason == misfit.reason


def test_the_fix_names_a_scale_that_works() -> None:
    """The hint for a broken quantity names a scale at which it is whole."""
    misfit = whole("0.125", 1)

    assert isinstance(misfit, Misfit)
    assert "`scale: 1000`" in misfit.fix
    assert whole("0.125", 1000) == 125


@given(st.integers(0, 10**17), st.integers(-6, 0))
def test_scientific_and_plain_writing_agree(mantissa: int, exponent: int) -> None:
    """However a number is written, its worth in base units is the same."""
    assert whole(f"{mantissa}e{exponent}", 10**6 // 10**-exponent * 10**-exponent) == whole(
        f"{mantissa}", 10 ** (6 + exponent)
    )
