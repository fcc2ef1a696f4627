"""Signing in and out: with a token of percapita's, or through the identity provider."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from percapita.core.roles import EVERYONE, ROLES, Role
from percapita.store.trail import REFUSED, SIGN_IN, SIGN_OUT
from percapita.web import rendering
from percapita.web.door import Door, cookie_name, form, secure
from percapita.web.refusals import PAGE, Refused
from percapita.web.routes import ANYBODY, Route

if TYPE_CHECKING:
    from percapita.web.door.oidc import Provider

START: Final = "/overview"
BACK: Final = "/sign-in/back"
_TICKET: Final = "percapita_sign_in"
_SEE_OTHER: Final = 303


class NoProviderError(Refused):
    """Sign-in through an identity provider, where there is none."""

    status = 404

    def __init__(self) -> None:
        super().__init__("No identity provider is set up here.", "Sign in with a token.")


class Signing:
    """The pages of signing in and out."""

    def __init__(self, door: Door, provider: Provider | None = None, address: str = "") -> None:
        self._door = door
        self._provider = provider
        self._address = address.rstrip("/")
        """Of the pages, as browsers call them; empty: as they did."""

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route("/sign-in", self.ask, ANYBODY, people=True),
            Route("/sign-in", self.take, ANYBODY, method="POST", people=True),
            Route("/sign-in/start", self.start, ANYBODY, people=True),
            Route(BACK, self.back, ANYBODY, people=True),
            Route("/sign-out", self.leave, EVERYONE, method="POST", people=True),
        )

    async def ask(self, request: Request) -> Response:
        """Show the ways to sign in."""
        return self._page(request, after(request.query_params.get("next", "")))

    async def take(self, request: Request) -> Response:
        """Sign in with a token."""
        self._door.stranger(request)
        sent = await form(request)
        onward = after(sent.get("next", ""))
        token = sent.get("token", "").strip()
        name, role = await asyncio.to_thread(self._door.tokens.holder, token)
        if role not in ROLES:
            await self._door.note(request, REFUSED, "POST /sign-in", status=401)
            said = "That token opens no pages, or was revoked." if token else "Enter a token."
            return self._page(request, onward, said, 401)
        return await self.begin(request, f"token {name}", role, onward, token=name)

    async def start(self, request: Request) -> Response:
        """Lead to the identity provider."""
        provider = self._there()
        back = self._here(request) + BACK
        onward = after(request.query_params.get("next", ""))
        url, ticket = await asyncio.to_thread(provider.begin, back, onward)
        response = RedirectResponse(url, _SEE_OTHER)
        response.set_cookie(
            _TICKET, ticket, max_age=self._door.limits.sign_in_minutes * 60, path="/sign-in",
            secure=secure(request), httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    async def back(self, request: Request) -> Response:
        """Take what the identity provider says."""
        self._door.stranger(request)
        ticket = request.cookies.get(_TICKET, "")
        answer = dict(request.query_params)
        try:
            who, role, onward = await asyncio.to_thread(self._there().finish, ticket, answer)
        except Refused as refusal:
            await self._door.note(
                request, REFUSED, f"GET {BACK}", status=refusal.status, why=refusal.message
            )
            raise
        response = await self.begin(request, who, role, onward)
        response.delete_cookie(_TICKET, path="/sign-in")
        return response

    def _there(self) -> Provider:
        if self._provider is None:
            raise NoProviderError
        return self._provider

    async def begin(
        self, request: Request, who: str, role: Role, onward: str, *, token: str = ""
    ) -> Response:
        """Begin a session, and lead on."""
        now, lasts = datetime.now(UTC), timedelta(hours=self._door.limits.session_hours)
        old = request.cookies.get(cookie_name(request), "")
        if old:
            await asyncio.to_thread(self._door.sessions.close, old)
        secret = await asyncio.to_thread(
            lambda: self._door.sessions.open(who, role, now, lasts, token=token)
        )
        await asyncio.to_thread(lambda: self._door.trail.add(who, SIGN_IN, role))
        response = RedirectResponse(onward, _SEE_OTHER)
        response.set_cookie(
            cookie_name(request), secret, max_age=int(lasts.total_seconds()), path="/",
            secure=secure(request), httponly=True, samesite="lax",
        )  # fmt: skip
        return response

    async def leave(self, request: Request) -> Response:
        """End the session; one that the identity provider began leads on to end it there too."""
        name = cookie_name(request)
        secret = request.cookies.get(name, "")
        known = await asyncio.to_thread(self._door.sessions.find, secret, datetime.now(UTC))
        await asyncio.to_thread(self._door.sessions.close, secret)
        await self._door.note(request, SIGN_OUT, "")
        onward = ""
        if self._provider is not None and known is not None and not known.token:
            back = f"{self._here(request)}/sign-in"
            onward = await asyncio.to_thread(self._provider.leave, back)
        response = self._left(request, onward) if onward else _to_sign_in()
        response.delete_cookie(
            name, path="/", secure=secure(request), httponly=True, samesite="lax"
        )
        return response

    def _left(self, request: Request, onward: str) -> Response:
        """Lead to the provider by a page: a form of ours may not end on another site."""
        request.state.caller = None
        assert self._provider is not None  # noqa: S101 the session came from it
        text = rendering.page(
            "signed-out.html", request, title="Signed out", onward=onward,
            provider=self._provider.name,
        )  # fmt: skip
        return Response(text, media_type=PAGE)

    def _here(self, request: Request) -> str:
        """Return the address of the pages, as browsers call them."""
        return self._address or f"{_scheme(request)}://{request.headers.get('host', '')}"

    def _page(self, request: Request, onward: str, wrong: str = "", status: int = 200) -> Response:
        text = rendering.page(
            "sign-in.html", request, title="Sign in", onward=onward, wrong=wrong,
            provider=self._provider.name if self._provider else "",
            start=f"/sign-in/start?{urlencode({'next': onward})}",
            clear=secure(request) and _scheme(request) != "https",
        )  # fmt: skip
        return Response(text, status, media_type=PAGE)


def _to_sign_in() -> Response:
    return RedirectResponse("/sign-in", _SEE_OTHER)


def _scheme(request: Request) -> str:
    """Return how the browser asked: a proxy in front may speak TLS with it."""
    told = request.headers.get("x-forwarded-proto", request.url.scheme)
    return "https" if told == "https" else "http"


def led_to_sign_in(request: Request) -> Response:
    """Lead a browser to the sign-in page, and from there back to where it wanted to go."""
    query = request.url.query
    wanted = request.url.path + (f"?{query}" if query else "")
    return RedirectResponse(f"/sign-in?{urlencode({'next': wanted})}", _SEE_OTHER)


def after(wanted: str) -> str:
    """Return where to lead after signing in: a page of ours, whatever the address says."""
    ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\", "/sign-"))
    plain = all(" " < letter <= "~" for letter in wanted) and "\\" not in wanted
    return wanted if ours and plain else START
