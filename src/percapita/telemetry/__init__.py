"""Signals in: tables of usage, head counts, attributes and revenue become rows of percapita."""

from percapita.telemetry.columns import recognises
from percapita.telemetry.files import FORMATS
from percapita.telemetry.peek import header
from percapita.telemetry.taking import take

__all__ = ["FORMATS", "header", "recognises", "take"]
