"""``erase``: forget who somebody was."""

from __future__ import annotations

from pathlib import Path

import click

from percapita.cli import options


@click.command("erase")
@options.project
@click.argument("subject", metavar="KIND:ID")
def erase_command(*, project_dir: Path, store_dir: Path | None, subject: str) -> None:
    """Forget who somebody was: user:ID, session:ID or tenant:ID, or its pseudonym.

    What it used and cost stays, so every total is what it was; from the next run on the cost
    stands in the line `erased`. Sessions and aliases that were found to be its own go with it. This
    cannot be undone, and stands in the audit log.

    \b
    Examples:
      percapita erase user:mira
      percapita erase user:5f0c…
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.store.erasure import KINDS, erase  # noqa: PLC0415

    kind, colon, name = subject.partition(":")
    if not colon or kind not in KINDS or not name:
        raise click.UsageError(f"Write {', '.join(f'{each}:ID' for each in KINDS)}.")
    with Project.open(project_dir, store_dir).store(create=False) as store:
        gone = erase(store, kind, subject if len(name) == _PSEUDONYM else name)
    more = f", with {len(gone) - 1} aliases and sessions" if len(gone) > 1 else ""
    click.echo(f"Forgot 1 {kind}{more}. Next: percapita run, to show its cost as erased.")


_PSEUDONYM = 32
"""Hex digits of a pseudonym; ``door.find`` takes it with its kind before it."""
