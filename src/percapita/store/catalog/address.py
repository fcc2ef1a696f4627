"""Where a store's catalog is: a SQLite file in its folder, or a PostgreSQL database by URL."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from percapita.core.errors import InputError, PercapitaError
from percapita.store.catalog.place import CATALOG, MARK

_DRIVER: Final = "postgresql+pg8000"
_SPELLINGS: Final = ("postgresql", "postgres", _DRIVER)
_EXAMPLE: Final = "postgresql://percapita@db.example:5432/percapita"
_PASSWORD: Final = "PGPASSWORD"  # noqa: S105 the name of a variable
STORE: Final = "store"
"""Row of the table ``about`` with the id of the one store that a catalog is of."""


class CatalogUrlError(InputError):
    """What should say where the catalog is does not."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The catalog's URL {why}.", hint=f"Write it as {_EXAMPLE}.")


class CatalogDriverError(PercapitaError):
    """PostgreSQL's driver is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "The catalog is in PostgreSQL, and its driver is not installed.",
            hint="Install it: pip install 'percapita[postgres]'.",
        )


class CatalogUnreachableError(PercapitaError):
    """The database does not answer, or refuses."""

    def __init__(self, url: sa.URL, why: str) -> None:
        said = url.render_as_string(hide_password=True).replace(_DRIVER, "postgresql")
        super().__init__(
            f"The catalog at {said} cannot be opened: {why}",
            hint=f"Is the server running, and does the database exist? The password is taken from"
            f" the URL, else from {_PASSWORD}.",
        )


class CatalogElsewhereError(PercapitaError):
    """The store's catalog is not where it was looked for."""

    def __init__(self, root: Path, found: str, hint: str) -> None:
        super().__init__(f"The store in {root} {found}.", hint=hint)


def url_of(text: str) -> sa.URL:
    """Return the database's address; a password that it lacks is the environment's.

    Raises:
        CatalogUrlError: it is no URL of a PostgreSQL database.
    """
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise CatalogUrlError("cannot be read") from None
    if url.drivername not in _SPELLINGS:
        raise CatalogUrlError(f"begins with {url.drivername}:")
    if not url.host or not url.database:
        raise CatalogUrlError(f"names no {'host' if not url.host else 'database'}")
    password = url.password or os.environ.get(_PASSWORD)
    return url.set(drivername=_DRIVER, password=password)


def connected(url: sa.URL) -> Engine:
    """Return an engine of a database that answers.

    Raises:
        CatalogDriverError: its driver is not installed.
        CatalogUnreachableError: it does not answer, or refuses.
    """
    try:
        engine = sa.create_engine(url)
    except (ModuleNotFoundError, NoSuchModuleError):
        raise CatalogDriverError from None
    try:
        engine.connect().close()
    except (DBAPIError, OSError) as error:
        engine.dispose()
        raise CatalogUnreachableError(url, _said(error)) from None
    return engine


def _said(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    first = cause.args[0] if cause.args else cause
    text = first.get("M", "") if isinstance(first, dict) else str(first)
    return f"{str(text).rstrip('.')}."


def is_known(connection: Connection, about: sa.Table, root: Path) -> bool:
    """Tell whether a catalog is tied to the store in a folder; false if both are new.

    Raises:
        CatalogElsewhereError: it is the catalog of another store.
    """
    wanted = sa.select(about.c.value).where(about.c.name == STORE)
    found = connection.execute(wanted).scalar_one_or_none()
    mark = root / MARK
    own = mark.read_text(encoding="utf-8").strip() if mark.exists() else None
    if found != own:
        hint = "One database holds one catalog: name another, or choose the folder with --store."
        raise CatalogElsewhereError(root, "is not the one that this catalog is of", hint)
    return found is not None


def claim(connection: Connection, about: sa.Table, root: Path) -> None:
    """Tie a new catalog to the folder of its store, unless another process just did."""
    if not is_known(connection, about, root):
        name = uuid.uuid4().hex
        connection.execute(sa.insert(about), {"name": STORE, "value": name})
        root.mkdir(parents=True, exist_ok=True)
        (root / MARK).write_text(f"{name}\n", encoding="utf-8")


def check(root: Path, *, outside: bool) -> None:
    """Stop where a store that has its catalog in one place is opened as if it had the other.

    Raises:
        CatalogElsewhereError: it is so.
    """
    if outside and (root / CATALOG).exists():
        hint = "Leave `catalog:` out, or import into a new store with --store DIR."
        raise CatalogElsewhereError(root, f"has its catalog in its own {CATALOG}", hint)
    if not outside and (root / MARK).exists():
        hint = "Say where: `catalog:` in percapita.yaml, or PERCAPITA_CATALOG."
        raise CatalogElsewhereError(root, "has its catalog in a PostgreSQL database", hint)
