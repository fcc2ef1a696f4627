"""The door of the pages: who asks, whether they may, how often, and a note of what matters.

On this machine one person needs no sign-in. A request that a proxy passed on came from elsewhere.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from percapita.core.roles import EVERYTHING, ROLES, Role, Sight, sight
from percapita.project.access import PageLimits, Viewers
from percapita.store import Store
from percapita.store.saved import SavedViews
from percapita.store.sessions import Sessions
from percapita.store.site import user
from percapita.store.tokens import Tokens
from percapita.store.trail import REFUSED, Trail
from percapita.telemetry.receive.access import Access
from percapita.telemetry.receive.refusals import WrongHostError as WrongHost
from percapita.web.door.limits import Limit
from percapita.web.refusals import (
    ForeignError,
    NotSignedInError,
    Refused,
    TooLargeError,
    TooManyError,
    WrongHostError,
    WrongRoleError,
)
from percapita.web.routes import ANYBODY, Route

_SAFE: Final = frozenset({"GET", "HEAD"})
_PASSED_ON: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks."""

    name: str
    role: Role
    sight: Sight
    how: Literal["machine", "token", "session"]
    csrf: str = ""
    """What a form of a session has to send along."""


class Door:
    """Lets requests through to routes."""

    def __init__(
        self,
        access: Access,
        store: Callable[[], Store],
        *,
        viewers: Viewers = Viewers(),  # noqa: B008 it cannot be changed
        limits: PageLimits = PageLimits(),  # noqa: B008 likewise
        demands: bool = False,
    ) -> None:
        self._store = store
        self.demands = demands
        """Sign-in is asked for on this machine too."""
        self._access = access
        self._viewers = viewers
        self.limits = limits
        """How much readers may ask, and how long they stay signed in."""
        self._readers = Limit(limits.requests, float(limits.requests_per_second))
        self._strangers = Limit(limits.attempts, float(limits.attempts_per_second))
        self._notes = Limit(at_once=200, a_second=2)
        self._unnoted = 0

    @cached_property
    def tokens(self) -> Tokens:
        """The tokens that were made."""
        return self._store().tokens

    @cached_property
    def sessions(self) -> Sessions:
        """The browsers that have signed in."""
        return Sessions(self._store().catalog)

    @cached_property
    def trail(self) -> Trail:
        """The audit log."""
        return Trail(self._store().catalog)

    @cached_property
    def saved(self) -> SavedViews:
        """The states of the explorer that were saved."""
        return SavedViews(self._store().catalog)

    async def admit(self, request: Request, route: Route) -> Caller | None:
        """Return who asks; nobody in particular where the route asks for no sign-in.

        Raises:
            Refused: they may not.
        """
        request.state.form_bytes = self.limits.form_kilobytes << 10
        try:
            self._access.check_host(request.headers.get("host", ""))
        except WrongHost:
            raise WrongHostError from None
        try:
            return await self._admitted(request, route)
        except Refused as refusal:
            if not isinstance(refusal, TooManyError) and _matters(refusal):
                await self._note_refusal(request, route, refusal)
            raise

    async def _admitted(self, request: Request, route: Route) -> Caller | None:
        caller = await self._caller(request, route)
        request.state.caller = caller
        self._count(request, caller)
        if request.method not in _SAFE:
            await self._check_form(request, caller)
        if route.roles == ANYBODY:
            return caller
        if caller is None:
            self.stranger(request)
            raise NotSignedInError
        if caller.role not in route.roles:
            raise WrongRoleError(caller.role, route.roles)
        return caller

    async def note(self, request: Request, what: str, ref: str, **detail: object) -> None:
        """Write into the audit log what a reader did."""
        who = name_of(request)
        await asyncio.to_thread(lambda: self.trail.add(who, what, ref, **detail))

    def is_open(self, request: Request) -> bool:
        """Tell whether a request comes from the one person at this machine."""
        passed_on = any(name in request.headers for name in _PASSED_ON)
        return self._access.open and not self.demands and not passed_on

    async def _caller(self, request: Request, route: Route) -> Caller | None:
        given = request.headers.get("authorization", "")
        if given:
            return await self._by_token(request, given, route)
        if secret := request.cookies.get(cookie_name(request), ""):
            now = datetime.now(UTC)
            found = await asyncio.to_thread(lambda: self.sessions.find(secret, now))
            if found is not None:
                seen = self._sight(found.role)
                return Caller(found.who, found.role, seen, "session", csrf_of(secret))
        if self.is_open(request):
            return Caller(user(), "admin", EVERYTHING, "machine")
        return None

    async def _by_token(self, request: Request, given: str, route: Route) -> Caller | None:
        scheme, _, token = given.partition(" ")
        name, role = "", ""
        if scheme.lower() == "bearer":
            name, role = await asyncio.to_thread(lambda: self.tokens.holder(token.strip()))
        if role not in ROLES:
            if route.roles == ANYBODY:
                return None
            if role:
                raise WrongRoleError(role, route.roles)
            self.stranger(request)
            raise NotSignedInError("The token is not one of ours, or was revoked.")
        return Caller(f"token {name}", role, self._sight(role), "token")

    def _sight(self, role: Role) -> Sight:
        return sight(role, self._viewers.fewest, self._viewers.segments)

    def _count(self, request: Request, caller: Caller | None) -> None:
        if caller is not None and caller.how == "machine":
            return
        if wait := self._readers.take(caller.name if caller else address_of(request)):
            raise TooManyError(wait)

    def stranger(self, request: Request) -> None:
        """Count somebody who tries to get in.

        Raises:
            TooManyError: they try too often.
        """
        if wait := self._strangers.take(address_of(request)):
            raise TooManyError(wait)

    async def _check_form(self, request: Request, caller: Caller | None) -> None:
        """Refuse what another site's page may have sent."""
        if caller is not None and caller.how == "token":
            return
        if not own_origin(request):
            raise ForeignError
        if caller is not None and caller.how == "session":
            sent = request.headers.get("x-csrf-token") or (await form(request)).get("csrf", "")
            if not hmac.compare_digest(sent.encode(), caller.csrf.encode()):
                raise ForeignError

    async def _note_refusal(self, request: Request, route: Route, refusal: Refused) -> None:
        """Write a refusal down; those over the limit are counted, and told with the next."""
        if self._notes.take(""):
            self._unnoted += 1
            return
        also, self._unnoted = self._unnoted, 0
        more = {"also": also} if also else {}
        await self.note(
            request, REFUSED, f"{request.method} {route.path}", status=refusal.status, **more
        )


def _matters(refusal: Refused) -> bool:
    """Tell a refusal from a reader who has yet to sign in."""
    return not isinstance(refusal, NotSignedInError) or refusal.told


def name_of(request: Request) -> str:
    """Return what the audit log calls whoever asks."""
    caller: Caller | None = getattr(request.state, "caller", None)
    return caller.name if caller else address_of(request)


def address_of(request: Request) -> str:
    """Return the address of whoever asks; a proxy on this machine says whom it speaks for."""
    address = request.client.host if request.client else "unknown"
    passed_on = request.headers.get("x-forwarded-for", "")
    if passed_on and address in {"127.0.0.1", "::1"}:
        return passed_on.rpartition(",")[2].strip()[:64]
    return address


def secure(request: Request) -> bool:
    """Tell whether cookies may travel over TLS only: everywhere but on this machine itself."""
    return request.url.scheme == "https" or not _plainly_local(request)


def _plainly_local(request: Request) -> bool:
    address = request.client.host if request.client else ""
    return address in {"127.0.0.1", "::1"} and not any(n in request.headers for n in _PASSED_ON)


def cookie_name(request: Request) -> str:
    """Return the name of the session's cookie; the prefix keeps other hosts from setting it."""
    return "__Host-percapita" if secure(request) else "percapita"


def csrf_of(secret: str) -> str:
    """Return what a session's forms send along: it cannot be made without the cookie."""
    return hmac.digest(secret.encode(), b"percapita form", "sha256").hex()


def own_origin(request: Request) -> bool:
    """Tell whether a request comes from a page of ours, or from no browser at all."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


async def form(request: Request) -> Mapping[str, str]:
    """Read what a form sent: the last value of each name.

    Raises:
        TooLargeError: it is more than any form of ours holds.
    """
    if not hasattr(request.state, "form"):
        body, most = b"", request.state.form_bytes
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise TooLargeError(most)
        try:
            pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)
        except ValueError:
            pairs = []
        request.state.form = dict(pairs)
    found: Mapping[str, str] = request.state.form
    return found
