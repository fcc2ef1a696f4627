"""Who may see the pages, as ``percapita.yaml`` says: the identity provider, viewers, limits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.core.roles import FEWEST, ROLES, Role
from percapita.model.shapes import Choice, Name, Number
from percapita.model.structures import Key, Listed, Made, Named, Record

_TEXT: Final = Name()
_ANYBODY: Final = "*"


class SecretError(InputError):
    """A secret that is not where ``percapita.yaml`` says."""

    def __init__(self, kind: str, name: str) -> None:
        where = f"the environment variable {name}" if kind == "env" else f"the file {name}"
        super().__init__(f"The secret for sign-in is to be in {where}, which is not there.")


@dataclass(frozen=True, slots=True)
class SignIn:
    """The identity provider that readers of the pages sign in with."""

    issuer: str
    client: str
    secret: str = ""
    """``env:NAME`` or ``file:PATH``; empty for a public client."""
    claim: str = "groups"
    roles: Mapping[Role, tuple[str, ...]] = field(default_factory=dict)
    """Role -> values of the claim that have it; the first that fits counts."""
    scope: str = "openid email profile"
    name: str = ""
    address: str = ""
    """Of the pages, as browsers call them; as they did, unless said."""

    def value(self, claims: Mapping[str, Any]) -> object:
        """Return the claim that roles are read from; dots lead into it."""
        if self.claim in claims:
            return claims[self.claim]
        found: Any = claims
        for part in self.claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    def role(self, claims: Mapping[str, Any]) -> Role | None:
        """Return the role of whoever has these claims."""
        found = self.value(claims)
        values = {str(one) for one in found} if isinstance(found, list) else {str(found)}
        for role, wanted in self.roles.items():
            if _ANYBODY in wanted or values & set(wanted):
                return role
        return None

    def read_secret(self, root: Path) -> str:
        """Read the client's secret.

        Raises:
            SecretError: it is not there.
        """
        if not self.secret:
            return ""
        kind, _, name = self.secret.partition(":")
        if kind == "env":
            found = os.environ.get(name, "")
        else:
            path = root / Path(name).expanduser()
            found = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
        if not found:
            raise SecretError(kind, name)
        return found


@dataclass(frozen=True, slots=True)
class Viewers:
    """What readers see who may not see people."""

    fewest: int = FEWEST
    segments: tuple[str, ...] = ()
    """Of the model; its first one unless said."""


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How much readers of the pages may ask, and how long they stay signed in."""

    requests: int = 200
    """Of one reader at once; they come back at so many a second."""
    requests_per_second: Decimal = Decimal(20)
    attempts: int = 20
    """Of one address to sign in, at once; likewise."""
    attempts_per_second: Decimal = Decimal("0.5")
    form_kilobytes: int = 64
    """The largest body of a request to a page."""
    session_hours: int = 12
    sign_in_minutes: int = 10
    """In which a sign-in at the provider is to be finished."""


def _secret(found: object) -> str:
    ((kind, name),) = dict(found).items()  # type: ignore[call-overload]
    return f"{kind}:{name}"


_EXAMPLE: Final = """\
sign in:
  issuer: https://login.example.com
  client: percapita
  secret: {env: PERCAPITA_CLIENT_SECRET}
  claim: groups
  roles: {admin: [platform], finance: [controlling], viewer: ["*"]}"""

SIGN_IN: Final = Record(
    "Sign-in",
    (
        Key("issuer", Name("a URL"), "OpenID provider, without /.well-known.", _EXAMPLE,
            required=True),
        Key("client", _TEXT, "Client id that the provider gave percapita.", _EXAMPLE,
            required=True),
        Key("secret", Made(Named(Choice(("env", "file")), _TEXT), _secret), "Where the client's"
            " secret is.", _EXAMPLE, default="none: a public client"),
        Key("claim", _TEXT, "Claim that roles are read from; dots lead into it.",
            "claim: realm_access.roles"),
        Key("roles", Named(Choice(ROLES), Listed(_TEXT)), "Role to the values of the claim that"
            ' have it; the first that fits counts, "*" is anybody.', _EXAMPLE, required=True),
        Key("scope", _TEXT, "What the provider is asked for.", "scope: openid email groups"),
        Key("name", _TEXT, "What the sign-in page calls the provider.", "name: Acme",
            default="its host"),
        Key("address", Name("a URL"), "Of the pages, as browsers call them.",
            "address: https://cost.example.com", default="what the browser asked for"),
    ),
    SignIn,
    spec=SignIn,
)  # fmt: skip

_VIEWERS: Final = "viewers: {fewest: 10, segments: [tier, region]}"

VIEWERS: Final = Record(
    "Viewers",
    (
        Key("fewest", Number(low=1, whole=True), "People in the smallest group that is shown alone"
            " to who may not see people.", _VIEWERS),
        Key("segments", Listed(_TEXT), "Segments of the model that viewers see; suppressed"
            " together, so name few.", _VIEWERS, default="the model's first segment"),
    ),
    Viewers,
    spec=Viewers,
)  # fmt: skip

_LIMITS: Final = "limits: {requests: 500, requests per second: 50, session hours: 8}"

LIMITS: Final = Record(
    "Limits of the pages",
    (
        Key("requests", Number(low=1, high=1_000_000, whole=True), "Requests of one reader at"
            " once; more are refused with 429 until they come back.", _LIMITS),
        Key("requests per second", Number(above=True), "How fast they come back.",
            _LIMITS),
        Key("attempts", Number(low=1, high=1_000_000, whole=True), "Attempts of one address to"
            " sign in at once, with or without a browser.", "limits: {attempts: 5}"),
        Key("attempts per second", Number(above=True), "How fast they come back.",
            "limits: {attempts per second: 0.1}"),
        Key("form kilobytes", Number(low=1, high=65_536, whole=True), "The largest body of a"
            " request to a page.", "limits: {form kilobytes: 256}"),
        Key("session hours", Number(low=1, high=8_760, whole=True), "After which a browser has to"
            " sign in anew.", "limits: {session hours: 8}"),
        Key("sign in minutes", Number(low=1, high=1_440, whole=True), "In which a sign-in at the"
            " provider is to be finished.", "limits: {sign in minutes: 5}"),
    ),
    PageLimits,
    spec=PageLimits,
)  # fmt: skip
