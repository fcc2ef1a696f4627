"""Every no that a reader can get, as a page for people and as a problem document for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from percapita.core.errors import InputError, PercapitaError
from percapita.report.cost.sighted import NotForRoleError
from percapita.web import rendering

PROBLEM: Final = "application/problem+json"
PAGE: Final = "text/html; charset=utf-8"


class Refused(Exception):  # noqa: N818 it is an answer
    """A request that is not answered, and what the reader is told."""

    status = 400

    def __init__(self, message: str, hint: str = "", **headers: str) -> None:
        self.message = message
        self.hint = hint
        self.problems = ()
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        super().__init__(message)


class NotSignedInError(Refused):
    """Nobody says who asks, or who says so is not known."""

    status = 401

    def __init__(self, message: str = "") -> None:
        self.told = bool(message)
        """Somebody was named, though nobody we know."""
        hint = "Sign in, or send a token: Authorization: Bearer TOKEN."
        super().__init__(message or "Who asks is not known.", hint, www_authenticate="Bearer")


class WrongRoleError(Refused):
    """Whoever asks is known, and may not."""

    status = 403

    def __init__(self, role: str, roles: frozenset[str]) -> None:
        needed = " or ".join(sorted(roles))
        super().__init__(
            f"Your role is {role}; this needs {needed}.", "Ask an admin of percapita for it."
        )


class ForeignError(Refused):
    """Another site's page may be behind the request."""

    status = 403

    def __init__(self) -> None:
        super().__init__(
            "The request did not come from a page of percapita.", "Go back, reload, and try again."
        )


class WrongHostError(Refused):
    """A name that does not lead here: a page in a browser may be behind it."""

    status = 421

    def __init__(self) -> None:
        super().__init__("This server does not go by the name in the Host header.",
                         "Allow the name: percapita serve --allow-host NAME.")  # fmt: skip


class TooManyError(Refused):
    """More than one reader may ask in the time."""

    status = 429

    def __init__(self, wait: int) -> None:
        super().__init__("Too many requests.", f"Ask again in {wait} s.", retry_after=str(wait))


class TooLargeError(Refused):
    """More than a form can hold."""

    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(f"The request has more than {limit:,} bytes.", connection="close")


class UpstreamError(Refused):
    """The identity provider does not do its part."""

    status = 502


class BrokenError(Refused):
    """An error in percapita itself."""

    status = 500

    def __init__(self) -> None:
        super().__init__("An error in percapita itself.", "The server's log describes it.")


def answer(
    request: Request,
    error: PercapitaError | Refused,
    status: int = 0,
    *,
    people: bool,
    title: str = "No answer",
) -> Response:
    """Say why there is no answer, and what to do."""
    code = status or _status(error)
    headers = error.headers if isinstance(error, Refused) else {}
    if people:
        text = rendering.page("refused.html", request, title=title, error=error)
        return Response(text, code, headers, media_type=PAGE)
    return problem(error.message, code, error.hint, map(str, error.problems), headers)


def _status(error: PercapitaError | Refused) -> int:
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, NotForRoleError):
        return WrongRoleError.status
    return 400 if isinstance(error, InputError) else 500


def problem(
    title: str,
    status: int,
    detail: str = "",
    problems: Any = (),  # noqa: ANN401 any texts
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem document, as RFC 9457 has it."""
    said = {
        "type": "about:blank", "title": title, "status": status, "detail": detail,
        "problems": list(problems),
    }  # fmt: skip
    text = json.dumps(said, ensure_ascii=False) + "\n"
    return Response(text, status, headers, media_type=PROBLEM)
