"""What an answer of the API must look like, by the API's own description."""

from __future__ import annotations

from typing import Any

import jsonschema

from percapita.web.api.openapi import SCHEMAS
from web.serving import Reply


def misfit(name: str, reply: Reply) -> str:
    """Return where an answer is unlike its description; nothing where it fits."""
    schema = {
        "$ref": f"#/components/schemas/{name if reply.status == 200 else 'Problem'}",
        "components": {"schemas": SCHEMAS},
    }
    found = jsonschema.Draft202012Validator(schema).iter_errors(reply.json)
    return "; ".join(
        f"{error.json_path}: {error.message[:200]}"
        for top in found
        for error in (*_deepest(top), top)
    )


def _deepest(error: Any) -> list[Any]:  # noqa: ANN401 jsonschema's
    return sorted(error.context or (), key=lambda one: -len(one.absolute_path))[:2]


def parts(schema: Any) -> set[str]:  # noqa: ANN401 any JSON
    """Return the names of the components that a schema refers to."""
    if isinstance(schema, dict):
        inside = {name for value in schema.values() for name in parts(value)}
        named = schema.get("$ref")
        return inside | ({named.rpartition("/")[2]} if isinstance(named, str) else set())
    if isinstance(schema, list):
        return {name for value in schema for name in parts(value)}
    return set()


def records(schema: Any) -> list[Any]:  # noqa: ANN401 any JSON
    """Return every object that a schema describes."""
    if isinstance(schema, dict):
        inside = [one for value in schema.values() for one in records(value)]
        return [schema, *inside] if schema.get("type") == "object" else inside
    if isinstance(schema, list):
        return [one for value in schema for one in records(value)]
    return []
