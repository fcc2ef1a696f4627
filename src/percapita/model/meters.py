"""Every meter a model can name: declared, built in, or brought by the imported data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from percapita.model import uses
from percapita.model.describe_signals import meter_words
from percapita.model.spec import Model

Origin = Literal["model", "built in", "imported", "nowhere"]


@dataclass(frozen=True, slots=True)
class Meter:
    """A meter, where it comes from and what asks for it."""

    meter: str
    origin: Origin
    """``imported``: by data alone. ``nowhere``: the model asks for it, nothing feeds it."""
    counts: str
    """What telemetry feeds it, in words; empty where none does."""
    unit: str | None
    """Base unit of its readings, empty for plain counts; ``None``: it has none yet."""
    line: int | None
    """Where the model declares it."""
    asked: tuple[str, ...]
    """Units, segments, pools and rules of the model that ask for it."""


def meters(model: Model, readings: Mapping[str, str]) -> list[Meter]:
    """Return the model's own meters first, then built-in ones, then those of data alone.

    Args:
        model: The model.
        readings: Base unit of each meter that has readings.
    """
    return sorted(_all(model, readings), key=lambda meter: _ORDER.index(meter.origin))


_ORDER: tuple[Origin, ...] = ("model", "built in", "imported", "nowhere")


def _all(model: Model, readings: Mapping[str, str]) -> Iterator[Meter]:
    asked: dict[str, dict[str, None]] = {}
    for name, path in uses.meters(model):
        kind, which = str(path[0]), str(path[1])
        asked.setdefault(name, {})[f"{kind.removesuffix('s')} {which}"] = None
    for signals in model.meters:
        name = signals.meter
        line = None if signals.built_in else model.marks["meters", name][0]
        yield Meter(
            name, "built in" if signals.built_in else "model", meter_words(signals),
            readings.get(name), line, tuple(asked.pop(name, ())),
        )  # fmt: skip
    declared = {signals.meter for signals in model.meters}
    for name in sorted({*readings, *asked} - declared):
        origin: Origin = "imported" if name in readings else "nowhere"
        yield Meter(name, origin, "", readings.get(name), None, tuple(asked.get(name, ())))
