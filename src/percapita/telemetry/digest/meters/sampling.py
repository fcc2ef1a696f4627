"""Sampling: how many signals one that was kept stands for, as the telemetry itself says."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

WHOLE: Final = "0"
"""The threshold of what was not sampled."""

_RANGE: Final = 1 << 56
_DIGITS: Final = 14
_VALUE: Final = re.compile(r"[0-9a-fA-F]{1,14}")
_RAREST: Final = 24
"""One in 2^24: whatever claims to be rarer is no sampling, and would pass what sums can hold."""


def of_state(state: str) -> str | None:
    """Return the threshold of a span's ``tracestate``; ``None`` where it is not known.

    ``ot=th:c`` is read as it stands; the older ``ot=p:2`` is a probability of one in 2^2.
    """
    for member in state.split(","):
        vendor, _, value = member.strip().partition("=")
        if vendor != "ot":
            continue
        parts = dict(part.partition(":")[::2] for part in value.split(";"))
        if "th" in parts:
            return of_text(parts["th"])
        power = parts.get("p", "")
        if power.isdigit() and int(power) <= _RAREST:
            return _text(_RANGE - (_RANGE >> int(power)))
    return None


def of_text(threshold: str) -> str | None:
    """Return a threshold in its shortest form; ``None`` where it is none."""
    if not _VALUE.fullmatch(threshold) or _kept(threshold) < _RANGE >> _RAREST:
        return None
    return threshold.lower().rstrip("0") or WHOLE


def _text(threshold: int) -> str:
    return f"{threshold:014x}".rstrip("0") or WHOLE


def adjusted(total: int, threshold: str) -> int:
    """Return what the sum of sampled quantities stands for, rounded half to even."""
    return round(Fraction(total * _RANGE, _kept(threshold)))


def _kept(threshold: str) -> int:
    """Return how many of 2^56 equally likely traces are kept."""
    return _RANGE - int(threshold.ljust(_DIGITS, "0"), 16)
