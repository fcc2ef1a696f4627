"""Browsers that have signed in. Only hashes of what their cookies hold are kept."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

import sqlalchemy as sa

from percapita.core.roles import Role
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import METADATA, Instant
from percapita.store.tokens import TOKENS

SESSIONS: Final = sa.Table(
    "sessions",
    METADATA,
    sa.Column("hash", sa.String(64), primary_key=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("role", sa.String(16), nullable=False),
    # The token that was signed in with; the session ends with it. Empty: an identity provider.
    sa.Column("token", sa.String(64), nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """Who is behind a cookie."""

    who: str
    role: Role
    ends_at: datetime
    token: str
    """That was signed in with; empty: an identity provider vouched."""


class Sessions:
    """The sessions of a store."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        catalog.prepare([TOKENS, SESSIONS])

    def open(
        self, who: str, role: Role, now: datetime, lasts: timedelta, *, token: str = ""
    ) -> str:
        """Begin a session; return what the cookie is to hold. What has ended is forgotten."""
        secret = secrets.token_urlsafe(32)
        entry = {
            "hash": _hash(secret), "who": who, "role": role, "token": token, "made_at": now,
            "ends_at": now + lasts,
        }  # fmt: skip
        with self._catalog.append() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.ends_at <= now))
            connection.execute(sa.insert(SESSIONS), entry)
        return secret

    def find(self, secret: str, now: datetime) -> Session | None:
        """Return the session of a cookie, if it is one of ours and goes on."""
        wanted = (
            sa.select(SESSIONS, TOKENS.c.name, TOKENS.c.revoked_at)
            .outerjoin(TOKENS, TOKENS.c.name == SESSIONS.c.token)
            .where(SESSIONS.c.hash == _hash(secret), SESSIONS.c.ends_at > now)
        )
        with self._catalog.read() as connection:
            row = connection.execute(wanted).first()
        if row is None or (row.token and (row.name is None or row.revoked_at is not None)):
            return None
        return Session(row.who, cast("Role", row.role), row.ends_at, row.token)

    def close(self, secret: str) -> None:
        """End a session."""
        with self._catalog.append() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.hash == _hash(secret)))


def _hash(secret: str) -> str:
    # 256 random bits: a slow hash would add nothing.
    return hashlib.sha256(secret.encode()).hexdigest()
