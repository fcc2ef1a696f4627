"""Signals in: usage, head counts, attributes, revenue and events become rows of percapita."""

from percapita.telemetry.columns import recognises
from percapita.telemetry.peek import header
from percapita.telemetry.taking import take
from percapita.telemetry.ways import NAMES as FORMATS
from percapita.telemetry.ways import kind_of

__all__ = ["FORMATS", "header", "kind_of", "recognises", "take"]
