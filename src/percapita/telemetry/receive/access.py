"""Who may send: anybody on this machine, elsewhere who has a token. Never a page in a browser.

A page from anywhere can make a browser send to ``127.0.0.1`` by letting its own name lead there;
it cannot make the browser say another name in ``Host``. Names that are not ours are refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection
from typing import Final

from percapita.telemetry.receive.refusals import NoTokenError, WrongHostError

_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Holder = Callable[[str], bool]
"""Tells whether a token opens this door."""


class Access:
    """The door of one address."""

    def __init__(self, host: str, holds: Holder, names: Collection[str] = ()) -> None:
        self.open = is_loopback(host)
        """No token is asked for."""
        self._holds = holds
        self._names = frozenset(name.lower() for name in names) | {*_LOCAL, host.lower()}

    def check_host(self, host: str) -> None:
        """Refuse a name that does not lead here; off this machine the token says enough.

        Raises:
            WrongHostError: it is another's name.
        """
        if self.open and name_of(host) not in self._names:
            raise WrongHostError

    def check_token(self, authorization: str) -> None:
        """Refuse who has no token, where one is asked for.

        Raises:
            NoTokenError: none, or not one of ours.
        """
        if self.open:
            return
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not self._holds(token.strip()):
            raise NoTokenError


def name_of(host: str) -> str:
    """Return the name in a ``Host`` header, without port, brackets and the dot at the end."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].rstrip(".") if ":" in host else host.rstrip(".")


def is_loopback(host: str) -> bool:
    """Tell whether an address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
