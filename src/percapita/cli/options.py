"""The options that verbs share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def project(command: Command) -> Command:
    """Add ``--project DIR`` and ``--store DIR``."""
    command = click.option(
        "--store",
        "store_dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Where the data is kept; .percapita in the project unless said.",
    )(command)
    return click.option(
        "--project",
        "project_dir",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path(),
        show_default="this folder",
        help="Folder with percapita.yaml.",
    )(command)


def output(*formats: str) -> Callable[[Command], Command]:
    """Add ``--format``; the first is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How to print the result.",
    )
