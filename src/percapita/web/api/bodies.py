"""What the API is told: the shape of each body that is sent to it, and the answer to it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from percapita.core.errors import nearest
from percapita.report.decisions.figure import NAMES
from percapita.web.refusals import Refused, TooLargeError
from percapita.web.shapes.kinds import TEXT, Schema, listed, record

_CREATED: Final = 201
_YES: Final[Schema] = {"type": "string", "enum": ["yes"]}
BODIES: Final[Mapping[str, Schema]] = {
    "decisions": record(
        more=("where", "scope", "unit", "basis", "decided_by", "decided_on", "expected", "change",
              "review_on"),
        decision=TEXT, metric={"type": "string", "enum": list(NAMES)}, period=TEXT,
        where=listed(TEXT), scope=TEXT, unit=TEXT, basis=TEXT, decided_by=TEXT, decided_on=TEXT,
        expected=TEXT, change=TEXT, review_on=TEXT,
    ),
    "decisions/observed": record(more=("note",), decision=TEXT, period=TEXT, note=TEXT),
    "decisions/withdrawn": record(decision=TEXT, reason=TEXT),
    "views": record(more=("shared", "newest"), name=TEXT, query=TEXT, shared=_YES, newest=_YES),
    "views/delete": record(more=("owner",), name=TEXT, owner=TEXT),
}  # fmt: skip
"""Address below ``/api/v1/`` -> what is sent to it."""


class BodyError(Refused):
    """A body that an address of the API does not take."""


async def read(request: Request, name: str) -> Mapping[str, Any]:
    """Read the JSON that was sent to an address.

    Raises:
        BodyError: it is not what the address takes.
        TooLargeError: it is more than anybody has to say.
    """
    raw, most = b"", request.state.form_bytes
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            raise TooLargeError(most)
    try:
        found = json.loads(raw)
    except ValueError:
        raise BodyError("The body is no JSON.", "Send an object, see openapi.json.") from None
    if not isinstance(found, dict):
        raise BodyError("The body is no JSON object.", "See openapi.json.")
    _check(found, BODIES[name])
    return found


def created(said: Mapping[str, Any]) -> Response:
    """Return the answer to what was written down: what it became."""
    text = json.dumps(said, ensure_ascii=False, indent=2) + "\n"
    return Response(text, _CREATED, media_type="application/json")


def _check(found: Mapping[str, Any], schema: Schema) -> None:
    known = schema["properties"]
    for name, value in found.items():
        if name not in known:
            raise BodyError(f"{name!r} is not taken here.", nearest(name, known))
        many = known[name]["type"] == "array"
        texts = value if many and isinstance(value, list) else [value]
        if many != isinstance(value, list) or not all(isinstance(one, str) for one in texts):
            raise BodyError(f"{name} is to be {'a list of texts' if many else 'text'}.")
        if not all(_is_text(one) for one in texts):
            raise BodyError(f"{name} has half a sign: a surrogate without its other half.")
    if missing := [name for name in schema["required"] if name not in found]:
        raise BodyError(f"{', '.join(missing)} is missing.", "See openapi.json.")


def _is_text(written: str) -> bool:
    """Tell whether JSON escaped no half of a pair alone: that can be neither kept nor sent."""
    return not any("\ud800" <= sign <= "\udfff" for sign in written)
