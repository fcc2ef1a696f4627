"""What answers are put together from: kinds of values, and how to make records and lists of them.

A record is closed: what it does not name is never sent. ``rest`` opens it to names that a project
chooses, such as those of its segments.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from percapita.model.spec import Basis

Schema = Mapping[str, Any]

MONEY: Final[Schema] = {"type": "string", "pattern": r"^-?\d+\.\d{2,18}$"}
"""Amounts, quotients and percents: plain digits, no exponent."""
NUMBER: Final[Schema] = {"type": "string", "pattern": r"^-?\d+\.\d{2,}$"}
"""Estimates, and prices of small units: likewise, with as many digits as it takes."""
SHARE: Final[Schema] = {"type": "string", "pattern": r"^[01]\.\d{6}$"}
"""A share of 1."""
RATE: Final[Schema] = {"type": "string", "pattern": r"^\d+(\.\d+)?$"}
"""Of exchange, as it was written."""
TEXT: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
MONTH: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d{2}$"}
DAY: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}
INSTANT: Final[Schema] = {
    "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"
}  # fmt: skip
MOMENT: Final[Schema] = {
    "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?Z$"
}  # fmt: skip
"""An instant, as exactly as it is known."""
ANY: Final[Schema] = {}

_PLAIN: Final[Mapping[Any, Schema]] = {
    str: TEXT,
    int: COUNT,
    bool: FLAG,
    type(None): {"type": "null"},
}


def maybe(schema: Schema) -> Schema:
    """Return a schema that takes null too: undefined, or not known."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def among(*names: str) -> Schema:
    """Return the schema of one of some words."""
    return {"type": "string", "enum": list(names)}


def words(literal: Any) -> Schema:  # noqa: ANN401 a type
    """Return the schema of the words that a ``Literal`` lists."""
    return among(*get_args(literal))


def record(*, more: Iterable[str] = (), rest: Schema | bool = False, **parts: Schema) -> Schema:
    """Return the schema of an object.

    Args:
        more: parts that need not be there.
        rest: what else it may hold, under any name.
        parts: names and what they hold.
    """
    left = set(more)
    return {
        "type": "object", "properties": dict(parts),
        "required": [name for name in parts if name not in left], "additionalProperties": rest,
    }  # fmt: skip


def named(schema: Schema) -> Schema:
    """Return the schema of names and values of one kind."""
    return {"type": "object", "additionalProperties": schema}


def ref(name: str) -> Schema:
    """Return a reference to a schema with a name of its own."""
    return {"$ref": f"#/components/schemas/{name}"}


def typed(kind: type, **instead: Schema) -> Schema:
    """Return the schema of a record that is written as its type declares it, field by field.

    Args:
        kind: a dataclass or named tuple of texts, counts, flags, words and lists of them.
        instead: fields whose schema says more than their type.
    """
    hints = get_type_hints(kind)
    names = (
        [one.name for one in dataclasses.fields(kind)]
        if dataclasses.is_dataclass(kind)
        else list(kind._fields)  # type: ignore[attr-defined]
    )
    return record(**{name: instead.get(name) or _hinted(hints[name]) for name in names})


def hinted(kind: type, name: str) -> Schema:
    """Return the schema of one field of a record, as its type declares it."""
    return _hinted(get_type_hints(kind)[name])


def _hinted(hint: Any) -> Schema:  # noqa: ANN401 a type
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Literal:
        return among(*inside)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_hinted(one) for one in inside]}
    if origin is tuple:
        return listed(_hinted(inside[0]))
    raise TypeError(hint)


BASIS: Final = words(Basis)
STATUS: Final = among("open", "closed")
RUN: Final[Schema] = {"anyOf": [TEXT, listed(TEXT)]}
"""A run, or those that months stand in."""
NEXT: Final = maybe(TEXT)
"""The cursor of the page after this one; null after the last."""
CUT: Final = maybe(TEXT)
"""What a row is cut by: under the name of the cut; null where it is not known."""
