"""OpenID Connect: the authorization code flow with PKCE, state, nonce and a checked ID token."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from percapita.core.roles import Role
from percapita.project.access import SignIn
from percapita.web.refusals import Refused, UpstreamError

_SECONDS: Final = 10
_LEEWAY: Final = 60
_KEPT_SECONDS: Final = 3600.0
_PENDING: Final = 1000
"""Sign-ins that may be under way at once; the oldest is forgotten first."""
_SIGNED_BY: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_NAMES: Final = ("email", "preferred_username", "sub")


class SignInFailedError(Refused):
    """What came back from the identity provider is nothing to trust."""

    status = 401


class NoRoleError(Refused):
    """Somebody who is known to the identity provider, and has no role here."""

    status = 403

    def __init__(self, who: str, claim: str) -> None:
        super().__init__(
            f"{who} has no role here.",
            f"Map a value of the claim {claim} to a role: percapita.yaml, sign in: roles.",
        )


@dataclass(frozen=True, slots=True)
class Pending:
    """A sign-in that is under way; it never leaves this process."""

    state: str
    nonce: str
    verifier: str
    back: str
    onward: str
    since: float


class Provider:
    """The identity provider of a project."""

    def __init__(self, settings: SignIn, secret: str, *, patience: float = 600.0) -> None:
        """Take the settings, the secret, and the seconds in which a sign-in is to be finished."""
        self.name = settings.name or settings.issuer.partition("://")[2]
        self._settings = settings
        self._secret = secret
        self._patience = patience
        self._known: tuple[float, Mapping[str, Any]] = (0.0, {})
        self._pending: OrderedDict[str, Pending] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, back: str, onward: str) -> tuple[str, str]:
        """Begin a sign-in; return where to send the browser, and what its cookie is to hold.

        Raises:
            UpstreamError: the provider does not answer.
        """
        found = self._metadata()
        pending = Pending(
            secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48),
            back, onward, time.monotonic(),
        )  # fmt: skip
        url, _ = self._session(back).create_authorization_url(
            found["authorization_endpoint"], state=pending.state, nonce=pending.nonce,
            code_verifier=pending.verifier,
        )  # fmt: skip
        ticket = secrets.token_urlsafe(32)
        with self._lock:
            self._pending[ticket] = pending
            while len(self._pending) > _PENDING:
                self._pending.popitem(last=False)
        return str(url), ticket

    def finish(self, ticket: str, answer: Mapping[str, str]) -> tuple[str, Role, str]:
        """Return who signed in, in which role, and where they wanted to go.

        Raises:
            SignInFailedError: what came back does not belong to a sign-in that was begun here.
            NoRoleError: it does, and whoever it is has no role.
            UpstreamError: the provider does not answer.
        """
        with self._lock:
            pending = self._pending.pop(ticket, None)
        if pending is None or time.monotonic() - pending.since > self._patience:
            raise SignInFailedError("This sign-in was not begun here, or took too long.", _AGAIN)
        if not secrets.compare_digest(answer.get("state", "").encode(), pending.state.encode()):
            raise SignInFailedError("The answer belongs to another sign-in.", _AGAIN)
        if "code" not in answer:
            told = answer.get("error_description") or answer.get("error") or "it gave no reason"
            raise SignInFailedError(f"{self.name} refused: {told[:200]}.", _AGAIN)
        claims = self._claims(pending, answer["code"])
        who = next(str(claims[name]) for name in _NAMES if claims.get(name))
        role = self._settings.role(claims)
        if role is None:
            raise NoRoleError(who, self._settings.claim)
        return who, role, pending.onward

    def leave(self, back: str) -> str:
        """Return where the session at the provider is ended; empty where it offers none.

        Args:
            back: where the provider may lead afterwards.
        """
        try:
            where = self._metadata().get("end_session_endpoint", "")
        except UpstreamError:
            # Here the session has ended; a provider that is away changes nothing about that.
            return ""
        if not (isinstance(where, str) and where.startswith(("https://", "http://"))):
            return ""
        asked = {
            "client_id": self._settings.client, "post_logout_redirect_uri": back,
            "state": secrets.token_urlsafe(16),
        }  # fmt: skip
        return f"{where}{'&' if '?' in where else '?'}{urlencode(asked)}"

    def _claims(self, pending: Pending, code: str) -> Mapping[str, Any]:
        """Exchange the code, and read what the provider vouches for."""
        found = self._metadata()
        session = self._session(pending.back)
        try:
            given = session.fetch_token(
                found["token_endpoint"], code=code, code_verifier=pending.verifier,
                timeout=_SECONDS,
            )  # fmt: skip
            keys = _keys(found["jwks_uri"])
            token = jwt.decode(given["id_token"], keys, algorithms=list(_SIGNED_BY))
            self._check(token.claims, found["issuer"], pending.nonce)
            claims = dict(token.claims)
            if self._settings.value(claims) is None and "userinfo_endpoint" in found:
                more = session.get(found["userinfo_endpoint"], timeout=_SECONDS).json()
                if more.get("sub") == claims["sub"]:
                    claims = {**more, **claims}
        except (AuthlibBaseError, JoseError, KeyError, ValueError) as error:
            said = f"{self.name} gave no ID token to trust: {_why(error)}."
            raise SignInFailedError(said, _AGAIN) from error
        except requests.RequestException as error:
            raise UpstreamError(f"{self.name} does not answer.", _AGAIN) from error
        return claims

    def _check(self, claims: dict[str, Any], issuer: str, nonce: str) -> None:
        client = self._settings.client
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": client},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
        others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if others else client) != client:
            raise ValueError("it was issued for another application")

    def _metadata(self) -> Mapping[str, Any]:
        """Return what the provider says of itself; for an hour what it said before."""
        since, known = self._known
        if known and time.monotonic() - since < _KEPT_SECONDS:
            return known
        issuer = self._settings.issuer.rstrip("/")
        found = _fetched(f"{issuer}/.well-known/openid-configuration")
        needed = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        if any(not isinstance(found.get(name), str) for name in needed):
            raise UpstreamError(f"{issuer} is no OpenID provider.", "Correct sign in: issuer.")
        if found["issuer"].rstrip("/") != issuer:
            raise UpstreamError(
                f"{issuer} says that it is {found['issuer']}.", "Correct sign in: issuer."
            )
        self._known = (time.monotonic(), found)
        return found

    def _session(self, back: str) -> Any:  # noqa: ANN401 it ships without types
        return OAuth2Session(
            self._settings.client, self._secret or None, scope=self._settings.scope,
            redirect_uri=back, code_challenge_method="S256",
            token_endpoint_auth_method=None if self._secret else "none",
        )  # fmt: skip


_AGAIN: Final = "Try again from the sign-in page."


def _fetched(url: str) -> dict[str, Any]:
    try:
        answer = requests.get(url, timeout=_SECONDS)
        answer.raise_for_status()
        found = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise UpstreamError(f"{url} does not answer.", _AGAIN) from error
    if not isinstance(found, dict):
        raise UpstreamError(f"{url} does not answer as OpenID Connect says.", _AGAIN)
    return found


def _keys(url: str) -> KeySet:
    published: Any = _fetched(url)
    return KeySet.import_key_set(published)


def _why(error: Exception) -> str:
    return (getattr(error, "description", "") or str(error) or type(error).__name__).rstrip(".")
