"""The grammar as JSON Schema, so that editors complete and check a model while it is written."""

from __future__ import annotations

from percapita.model.grammar import MODEL
from percapita.model.shapes import Json


def schema() -> Json:
    """Return the schema of a model file, draft 2020-12.

    It knows the form of every value. Names that must fit each other (pools, segments, loops) are
    left to ``percapita model check``.
    """
    shared: Json = {}
    root = MODEL.schema(shared)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "percapita cost model",
        **root,
        "$defs": shared,
    }
