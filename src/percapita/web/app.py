"""The application: the table of routes behind one door, whatever port it is behind."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as Address
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from percapita.core.errors import PercapitaError
from percapita.web import refusals
from percapita.web.door import Door
from percapita.web.door.signing import led_to_sign_in
from percapita.web.refusals import NotSignedInError, Refused, WrongRoleError
from percapita.web.routes import Handler, Route

_LOG: Final = logging.getLogger(__name__)
_FILES: Final = (".json", ".csv", ".parquet")
_PROGRAMS: Final = ("/api/", "/v1/")
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_KEPT_NOWHERE: Final = (b"cache-control", b"no-store")


def create(routes: Sequence[Route], door: Door) -> Starlette:
    """Return the application that answers these routes."""
    return Starlette(
        routes=[
            Address(route.path, _behind(door, route), methods=[route.method], name=route.path)
            for route in routes
        ],
        middleware=[Middleware(Headers)],
        exception_handlers={HTTPException: _missing},
    )


def _behind(door: Door, route: Route) -> Handler:
    """Let only those through to a route who may take it."""

    async def respond(request: Request) -> Response:
        try:
            request.state.caller = await door.admit(request, route)
            return await route.answer(request)
        except NotSignedInError as error:
            if route.people and route.method == "GET" and not error.told:
                return led_to_sign_in(request)
            return refusals.answer(request, error, people=route.people, title="Sign in first")
        except (Refused, PercapitaError) as error:
            title = "Not for your role" if isinstance(error, WrongRoleError) else "No answer"
            return refusals.answer(request, error, people=route.people, title=title)
        except Exception:  # noqa: BLE001 whatever it is, the server goes on
            _LOG.exception("%s failed", route.path)
            return refusals.answer(request, refusals.BrokenError(), people=route.people)

    return respond


async def _missing(request: Request, error: Exception) -> Response:
    """Say that there is no such address, or not by this method."""
    assert isinstance(error, HTTPException)  # noqa: S101 what it is registered for
    path = request.url.path
    said = Refused(f"There is no page {path}.", "Go to the overview.")
    title = "No such page"
    if error.status_code != 404:  # noqa: PLR2004 HTTP's own
        said, title = Refused(f"{path} is not asked by {request.method}."), "Not by this method"
        said.headers = dict(error.headers or {})
    people = not path.startswith(_PROGRAMS) and not path.endswith(_FILES)
    return refusals.answer(request, said, error.status_code, people=people, title=title)


async def to_overview(_request: Request) -> Response:
    """Lead from the bare address to the first page."""
    return RedirectResponse("/overview", 307)


class Headers:
    """Says to the browser, with every response, what it may do."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                given: list[tuple[bytes, bytes]] = message.setdefault("headers", [])
                told = any(name == b"cache-control" for name, _ in given)
                message["headers"] = [*given, *_HEADERS, *([] if told else [_KEPT_NOWHERE])]
            await send(message)

        await self._app(scope, receive, add)
