"""Tokens that open the receivers from other machines. Only their hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError, nearest
from percapita.core.roles import ROLES
from percapita.store.catalog.tables import METADATA, Instant
from percapita.store.journal import audit
from percapita.store.site import Site

SENDER: Final = "sender"
KINDS: Final = (SENDER, *ROLES)
"""``sender`` may send telemetry and nothing else; the others are roles of readers."""
SENDERS: Final = frozenset({SENDER, "admin"})
"""Tokens that telemetry is taken with."""
_PREFIX: Final = "pct_"
_KNOWN_FOR: Final = 2.0

TOKENS: Final = sa.Table(
    "tokens",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("revoked_at", Instant),
)


class TokenNameError(InputError):
    """A name that another token has."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is a token {name!r} already, or was.",
            hint="Names are never used twice, so that the audit log stays clear. Choose another.",
        )


class UnknownTokenError(InputError):
    """No token of that name is in force."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"No token {name!r} is in force.", hint=nearest(name, known))


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is listed: never itself."""

    name: str
    role: str
    made_at: datetime
    made_by: str
    revoked_at: datetime | None


class Tokens:
    """The tokens of a store."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: dict[str, tuple[str, str]] = {}
        self._looked = -_KNOWN_FOR
        with site.catalog.read() as connection:
            there = sa.inspect(connection).has_table(TOKENS.name)
        if not there:
            # Stores made before there were tokens.
            with site.catalog.write() as connection:
                TOKENS.create(connection, checkfirst=True)

    def create(self, name: str, role: str, now: datetime) -> str:
        """Make a token; this is the only time that it can be read.

        Raises:
            TokenNameError: the name was given before.
        """
        token = _PREFIX + secrets.token_urlsafe(32)
        with self._site.catalog.write() as connection:
            if name in {row.name for row in connection.execute(sa.select(TOKENS.c.name))}:
                raise TokenNameError(name)
            entry = {
                "name": name, "hash": _hash(token), "role": role, "made_at": now,
                "made_by": self._site.who,
            }  # fmt: skip
            connection.execute(sa.insert(TOKENS), entry)
            audit(connection, self._site, now, "token create", name, role=role)
        return token

    def revoke(self, name: str, now: datetime) -> None:
        """Let a token open nothing any more; running servers know within seconds.

        Raises:
            UnknownTokenError: there is none of that name, or it was revoked before.
        """
        with self._site.catalog.write() as connection:
            held = {token.name for token in _all(connection) if token.revoked_at is None}
            if name not in held:
                raise UnknownTokenError(name, held)
            row = TOKENS.c.name == name
            connection.execute(sa.update(TOKENS).where(row).values(revoked_at=now))
            audit(connection, self._site, now, "token revoke", name)

    def all(self) -> list[Token]:
        """Return all that were ever made, oldest first."""
        with self._site.catalog.read() as connection:
            return _all(connection)

    def in_force(self) -> list[str]:
        """Return the names of those that open something."""
        return [token.name for token in self.all() if token.revoked_at is None]

    def role(self, token: str) -> str:
        """Return what a token may do; empty where it is none of ours."""
        return self.holder(token)[1]

    def holder(self, token: str) -> tuple[str, str]:
        """Return a token's name and what it may do; both empty where it is none of ours.

        Asked for at every request: what the catalog says is remembered for two seconds. A token
        that is not known may have been made since.
        """
        digest = _hash(token)
        if digest not in self._known or time.monotonic() - self._looked > _KNOWN_FOR:
            wanted = sa.select(TOKENS).where(TOKENS.c.revoked_at.is_(None))
            with self._site.catalog.read() as connection:
                self._known = {row.hash: (row.name, row.role) for row in connection.execute(wanted)}
            self._looked = time.monotonic()
        return self._known.get(digest, ("", ""))


def _all(connection: Connection) -> list[Token]:
    rows = connection.execute(sa.select(TOKENS).order_by(TOKENS.c.made_at, TOKENS.c.name))
    return [Token(row.name, row.role, row.made_at, row.made_by, row.revoked_at) for row in rows]


def _hash(token: str) -> str:
    # The token is 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(token.encode()).hexdigest()
