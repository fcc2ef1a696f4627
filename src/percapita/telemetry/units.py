"""Units of quantities: every meter is kept as whole base units, so that sums are exact.

Time is kept in microseconds and data in bytes; data held for a time is kept in byte-hours (or
byte-seconds, byte-milliseconds), work done by cores in core-microseconds. A unit that is not known
is its own base unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from percapita.core import money

LARGEST: Final = 2**63 - 1
"""A quantity in base units fits a BIGINT."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What one written unit is worth."""

    base: str
    """Name of the base unit, empty for a plain count."""
    factor: int
    """Base units in one."""

    @property
    def measure(self) -> str:
        """What the base unit measures by; whatever is merely counted, under any name, is alike."""
        return self.base if self.base in _MEASURES or self.base.startswith(_FINER) else ""


_COUNTS: Final = frozenset({"", "1", "count", "counts", "none", "number"})

_TIMES: Final = {
    "us": 1, "µs": 1, "μs": 1, "usec": 1, "microsecond": 1, "microseconds": 1,
    "ms": 1_000, "msec": 1_000, "millisecond": 1_000, "milliseconds": 1_000,
    "s": 1_000_000, "sec": 1_000_000, "second": 1_000_000, "seconds": 1_000_000,
    "min": 60_000_000, "minute": 60_000_000, "minutes": 60_000_000, "mins": 60_000_000,
    "h": 3_600_000_000, "hr": 3_600_000_000, "hrs": 3_600_000_000, "hour": 3_600_000_000,
    "hours": 3_600_000_000, "d": 86_400_000_000, "day": 86_400_000_000, "days": 86_400_000_000,
}  # fmt: skip

_SIZES: Final = {
    "b": 1, "byte": 1, "bytes": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "pb": 10**15,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "pib": 2**50,
}  # fmt: skip

_WORKERS: Final = frozenset(
    {"core", "cpu", "vcpu", "gpu", "acu", "node", "instance", "pod", "container", "worker"}
)
_PAIR: Final = re.compile(r"([a-zµμ]+)[\s_*·-]+([a-zµμ]+)")
_PLAIN: Final = re.compile(r"\d+(\.\d+)?([eE][+-]?\d{1,3})?")
_FINER: Final = "1/"
_HELD: Final = {3_600_000_000: "byte-hour", 1_000_000: "byte-second", 1_000: "byte-millisecond"}
_MEASURES: Final = frozenset({"microsecond", "byte", *_HELD.values()})


def unit(text: str, scale: int = 1) -> Unit:
    """Return what a unit is worth; ``scale`` makes the base unit finer by that factor.

    Bits are not bytes: ``Mb`` and ``Gb`` are not read as ``MB`` and ``GB``.
    """
    found = _known(text.strip())
    if scale == 1:
        return found
    return Unit(f"{_FINER}{scale} {found.base or 'of one'}", found.factor * scale)


def _known(text: str) -> Unit:
    plain = text.lower()
    if plain in _COUNTS:
        return Unit("", 1)
    if plain in _TIMES:
        return Unit("microsecond", _TIMES[plain])
    if plain in _SIZES and not re.fullmatch(r"[KMGTPkmgtp]b", text):
        return Unit("byte", _SIZES[plain])
    pair = _PAIR.fullmatch(plain)
    return (_of_pair(pair[1], _TIMES.get(pair[2], 0)) if pair else None) or Unit(text, 1)


def _of_pair(first: str, time: int) -> Unit | None:
    if first in _SIZES and time in _HELD:
        return Unit(_HELD[time], _SIZES[first])
    return Unit("microsecond", time) if first in _WORKERS and time else None


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a quantity cannot be kept, and how to mend it."""

    reason: str
    fix: str


def whole(text: str, factor: int) -> int | Misfit:
    """Return a written quantity in base units, exactly, or why that cannot be done."""
    try:
        # Money stops at 1e18, usage does not.
        number = Fraction(text if _PLAIN.fullmatch(text) else money.exact(text))
    except ValueError:
        return Misfit("is not a number", "Write digits, such as 12.5.")
    if number < 0:
        return Misfit("is negative", "Usage cannot be less than nothing: correct the row.")
    exact = number * factor
    if exact.denominator != 1:
        return Misfit("is not a whole number of base units", _finer(number, factor))
    if exact.numerator > LARGEST:
        return Misfit("is larger than 9.2e18 base units", "Use a coarser unit.")
    return exact.numerator


def _finer(number: Fraction, factor: int) -> str:
    for places in range(1, 19):
        if (number * factor * 10**places).denominator == 1:
            return f"Give the column a unit, or set `scale: {10**places}` for the source."
    return "Round it, or give it in a finer unit."
