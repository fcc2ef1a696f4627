"""Totals that unsampled meters know: they win over what a sample adds up to, service by service."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from percapita.attribute.sampling import Measured
from percapita.model.builtin import CALIBRATES, Parts
from percapita.model.spec import Model

Sums = Mapping[tuple[str, str | None], Measured]
"""(meter, service) to what was measured."""


class Truth(NamedTuple):
    """What a meter comes to, and which meter knows."""

    total: Fraction
    by: str


def known(model: Model, sums: Sums) -> dict[tuple[str, str], Truth]:
    """Return (meter, service) to its true total, for all that an unsampled meter knows."""
    found: dict[tuple[str, str], Truth] = {}
    services = sorted({service for _, service in sums if service is not None})
    written = {signals.meter for signals in model.meters if not signals.built_in}
    for parts in CALIBRATES:
        if written.isdisjoint(parts.meters):
            for service in services:
                found |= {(meter, service): truth for meter, truth in _split(parts, sums, service)}
    for meter, whole in model.sampling.calibrate.items():
        for service in services:
            if (meter, service) in sums and (whole, service) in sums:
                found[meter, service] = Truth(Fraction(sums[whole, service].quantity), whole)
    return found


def _split(parts: Parts, sums: Sums, service: str) -> Iterator[tuple[str, Truth]]:
    """Yield what each part comes to by the best of the totals that the service reports."""
    for whole, some in parts.known:
        if (whole, service) in sums:
            yield from _parts(parts.meters, whole, some, sums, service)
            return


def _parts(
    meters: Sequence[str], whole: str, some: Sequence[str], sums: Sums, service: str
) -> Iterator[tuple[str, Truth]]:
    rest = sums[whole, service].quantity
    told: dict[str, int] = {}
    for meter, own in zip(meters, some, strict=True):
        if (own, service) in sums:
            rest -= sums[own, service].quantity
            if (meter, service) in sums:
                yield meter, Truth(Fraction(sums[own, service].quantity), own)
        elif (meter, service) in sums:
            told[meter] = sums[meter, service].quantity
    sampled = sum(told.values())
    for meter, quantity in told.items():
        if sampled:
            # What the total does not tell apart, the sample does.
            yield meter, Truth(Fraction(max(rest, 0) * quantity, sampled), whole)
