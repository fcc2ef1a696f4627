"""The shape of every answer: what ``openapi.json`` describes, part by part."""

from collections.abc import Mapping
from typing import Final

from percapita.web.shapes import books, cost, decisions, health, live
from percapita.web.shapes.kinds import Schema

COMPONENTS: Final[Mapping[str, Schema]] = {
    **cost.COMPONENTS, **books.COMPONENTS, **health.COMPONENTS, **live.COMPONENTS,
    **decisions.COMPONENTS,
}  # fmt: skip
"""Parts that have a name of their own."""
