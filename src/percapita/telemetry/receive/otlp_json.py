"""OTLP/JSON: protobuf's own JSON, but for ids in hex. Keys that are not known are passed over."""

from __future__ import annotations

import base64
import json
from typing import Any, Final, NoReturn, TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from percapita.telemetry.receive.refusals import BadBodyError

Request = TypeVar("Request", bound=Message)

_IDS: Final = frozenset(
    {"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"}
)
"""Fields of bytes that are hex. Attributes' names are values in JSON, never keys."""
_DEEPEST: Final = 90


def parse(body: bytes, message: Request) -> Request:
    """Fill a message from its JSON.

    Raises:
        BadBodyError: not JSON, or not this message.
    """
    try:
        found = json.loads(body, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise BadBodyError("The body is not JSON: it is not UTF-8.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadBodyError(f"The body is not JSON ({place}).") from None
    except RecursionError:
        raise BadBodyError("The body is nested too deeply.") from None
    except ValueError:
        raise BadBodyError("The body is not JSON: a number in it is none.") from None
    if not isinstance(found, dict):
        raise BadBodyError("The body is not OTLP/JSON: it is not an object.")
    _hex_to_base64(found, 0)
    try:
        json_format.ParseDict(found, message, ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, TypeError, RecursionError) as error:
        raise BadBodyError(f"The body is not OTLP/JSON{_field(error)}.") from None
    return message


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _hex_to_base64(value: Any, depth: int) -> None:  # noqa: ANN401 any JSON
    if depth > _DEEPEST:
        raise BadBodyError("The body is nested too deeply.")
    if isinstance(value, list):
        for item in value:
            _hex_to_base64(item, depth + 1)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _IDS and isinstance(item, str):
                value[name] = _base64(name, item)
            else:
                _hex_to_base64(item, depth + 1)


def _base64(name: str, text: str) -> str:
    try:
        return base64.b64encode(bytes.fromhex(text)).decode()
    except ValueError:
        raise BadBodyError(f"The body is not OTLP/JSON: a {name} is not hex.") from None


def _field(error: Exception) -> str:
    """Return which field it was: the library's text, without the value that it may quote."""
    text = str(error)
    named = text.partition(" field")[0].removeprefix("Failed to parse ")
    return f": {named} has a wrong value" if text.startswith("Failed to parse ") else ""
