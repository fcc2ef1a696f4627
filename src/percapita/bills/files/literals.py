"""Texts of objects and lists: JSON, and what Python prints of the same.

Nested objects become columns ``a.b``, lists stay JSON text, and so do objects that hold tags or
labels. A number keeps the digits it was written with.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

MAPS: Final = re.compile(r"(.*[._:/ -])?[a-z]*(tags?|labels?)", re.IGNORECASE)
"""Names of objects whose keys are the user's own, and no columns."""


class Digits(str):
    """A number's own text."""

    __slots__ = ()


def loads(text: str) -> Any:  # noqa: ANN401
    """Read JSON, or what Python prints of the same; numbers come as ``Digits``.

    Raises:
        ValueError: it is neither.
    """
    try:
        return json.loads(text, parse_float=Digits, parse_int=Digits, strict=False)
    except RecursionError as error:
        raise ValueError(f"{text[:40]!r} is nested too deep") from error
    except json.JSONDecodeError:
        pass
    body = text.strip()
    try:
        return _printed(ast.parse(body, mode="eval").body, body)
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"{text!r} is not JSON") from error


def _printed(node: ast.expr, text: str) -> Any:  # noqa: ANN401
    match node:
        case ast.Constant(value=bool() | None | str()):
            return node.value
        case ast.Constant(value=int() | float()):
            return Digits(ast.get_source_segment(text, node))
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return Digits(ast.get_source_segment(text, node))
        case ast.Dict(keys=keys, values=values) if None not in keys:
            pairs = zip(filter(None, keys), values, strict=True)
            return {str(_printed(k, text)): _printed(v, text) for k, v in pairs}
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_printed(item, text) for item in items]
        case ast.Call(func=ast.Name("Decimal"), args=[ast.Constant(value=str(digits))]):
            return Digits(digits)
    raise ValueError(f"{text!r} is not JSON")


def written(value: object) -> str:
    """Return a value as JSON, numbers with their own digits."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(k))}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(written(item) for item in value) + "]"
    if isinstance(value, Digits | Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def flat(record: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield a record's names and texts; what is null or empty is left out."""
    for key, value in record.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping) and not MAPS.fullmatch(name):
            yield from flat(value, f"{name}.")
        elif value is not None and (text := _text(value)):
            yield name, text


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        return written(value) if value else ""
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
