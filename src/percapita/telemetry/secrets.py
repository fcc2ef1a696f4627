"""Secrets of a source: in the environment or a file of their own, never in percapita.yaml."""

from __future__ import annotations

import os
from pathlib import Path

from percapita.core.errors import InputError
from percapita.core.sources import Source


class NoSecretError(InputError):
    """A secret that is not where the source says."""

    def __init__(self, source: Source, why: str) -> None:
        super().__init__(
            f"The source {source.name!r} has no secret: {why}.",
            hint="Say where it is: secret: {env: NAME} or secret: {file: PATH}.",
        )


def secret(source: Source, root: Path, *, required: bool = True) -> str:
    """Return a source's secret; empty where it names none and needs none.

    Raises:
        NoSecretError: it is not there.
    """
    kind, _, name = source.secret.partition(":")
    if not kind:
        if required:
            raise NoSecretError(source, "percapita.yaml says none")
        return ""
    if kind == "env":
        value = os.environ.get(name, "")
        if not value:
            raise NoSecretError(source, f"the environment variable {name} is not set")
        return value
    try:
        return (root / Path(name).expanduser()).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NoSecretError(source, f"{name} cannot be read ({error.strerror})") from error
