"""``key``: rotate the key of the pseudonyms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.store.keys import KeyUse


@click.group("key")
def key_command() -> None:
    """Rotate the key that ids of people are hidden with.

    A new key takes the old one's place at once, also while percapita serve runs. Everybody keeps
    number and history: the old key stays beside the new one until it is retired, so that whoever
    comes again is recognised.

    \b
    Examples:
      percapita key rotate --project acme
      percapita key list --project acme
      percapita key retire --project acme
    """  # noqa: D301


@key_command.command("list")
@options.project
@options.output("text", "json")
def listed(project_dir: Path, store_dir: Path | None, form: str) -> None:
    """List the keys in use, and how many subjects each one knows."""
    from percapita.project import Project  # noqa: PLC0415

    with Project.open(project_dir, store_dir).store(create=False) as store:
        found = store.keys.all()
    if form == "json":
        click.echo(json.dumps([_to_json(use) for use in found], indent=2))
        return
    from percapita.report.table import show  # noqa: PLC0415

    rows = [
        (
            use.id, "current" if use.current else "former",
            f"{use.since:%Y-%m-%d %H:%M}" if use.since else "the start",
            f"{use.subjects:,}", "—" if use.current else f"{use.alone:,}",
        )
        for use in found
    ]  # fmt: skip
    show(("key", "state", "since", "subjects", "not seen since"), rows)


@key_command.command("rotate")
@options.project
def rotate(project_dir: Path, store_dir: Path | None) -> None:
    """Make a new key. The old one stays beside it, in the same file, until it is retired."""
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        former, new = store.keys.rotate(project.now)
    click.echo(
        f"Key {new.id} takes the place of {former.id}; everybody keeps number and history.\n"
        f"Back up {project.key_path.name}, and copy it to other machines that share this store.\n"
        "Next: when everybody has come by once, percapita key retire."
    )


@key_command.command("retire")
@click.option("--lose", is_flag=True, help="Even if some were not seen since the rotation.")
@click.option("--leaked", is_flag=True, help="Somebody else has the old key: take all pseudonyms"
              " made with it out of the catalog too.")  # fmt: skip
@options.project
def retire(project_dir: Path, store_dir: Path | None, lose: bool, leaked: bool) -> None:  # noqa: FBT001 click's way
    """Destroy the old keys. Says first whom nobody would recognise any more, and stops there."""
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        gone = store.keys.retire(project.now, lose=lose, leaked=leaked)
    many = len(gone.keys) > 1
    click.echo(f"Retired key{'s' if many else ''} {', '.join(gone.keys)}; nobody can use"
               f" {'them' if many else 'it'} here any more.")  # fmt: skip
    if gone.lost:
        click.echo(f"Lost: {gone.lost:,} subjects. Their usage and cost stay; whoever of them"
                   " comes again is somebody new.")  # fmt: skip
    click.echo("Delete it from backups of the key file too.")


def _to_json(use: KeyUse) -> dict[str, object]:
    return {
        "key": use.id,
        "state": "current" if use.current else "former",
        "since": use.since.isoformat() if use.since else None,
        "subjects": use.subjects,
        "not_seen_since": None if use.current else use.alone,
    }
