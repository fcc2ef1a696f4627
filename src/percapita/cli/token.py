"""``token``: who may send telemetry and read pages from other machines."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options
from percapita.core.roles import ROLES

if TYPE_CHECKING:
    from percapita.store.tokens import Token

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,62}")


@click.group("token")
def token_command() -> None:
    """Make, list and revoke the tokens that senders and readers on other machines need.

    \b
    Examples:
      percapita token create checkout --project acme
      percapita token create board --role viewer --project acme
      percapita token list --project acme
      percapita token revoke checkout --project acme
    """  # noqa: D301


@token_command.command("create")
@click.argument("name")
@click.option("--role", type=click.Choice(["sender", *ROLES]), default="sender",
              show_default=True,
              help="A sender sends telemetry; the others read pages and the API.")  # fmt: skip
@options.project
@options.output("text", "json")
def create(name: str, role: str, project_dir: Path, store_dir: Path | None, form: str) -> None:
    """Make a token called NAME. It is shown this once; only its hash is kept."""
    from percapita.project import Project  # noqa: PLC0415

    if not _NAME.fullmatch(name):
        raise click.UsageError(
            f"{name!r} is no name: letters, digits, '.', '_' and '-', 63 at most."
        )
    project = Project.open(project_dir, store_dir)
    with project.store() as store:
        token = store.tokens.create(name, role, project.now)
    if form == "json":
        click.echo(json.dumps({"name": name, "role": role, "token": token}, indent=2))
        return
    click.echo(token)
    use = f"Read with it: curl -H 'Authorization: Bearer {token[:8]}…', or sign in to the pages."
    if role == "sender":
        header = f'OTEL_EXPORTER_OTLP_HEADERS="Authorization=Bearer%20{token[:8]}…"'
        use = f"Senders need it as a header: {header}"
    click.echo(f"Shown this once. {use}", err=True)


@token_command.command("list")
@options.project
@options.output("text", "json")
def listed(project_dir: Path, store_dir: Path | None, form: str) -> None:
    """List the tokens that were ever made."""
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        found = store.tokens.all()
    if form == "json":
        click.echo(json.dumps([_to_json(token) for token in found], indent=2))
        return
    from percapita.report.table import show  # noqa: PLC0415

    rows = [(t.name, t.role, f"{t.made_at:%Y-%m-%d %H:%M}", t.made_by, _state(t)) for t in found]
    show(("token", "role", "made", "by", "state"), rows, empty="No token was made yet.")


@token_command.command("revoke")
@click.argument("name")
@options.project
def revoke(name: str, project_dir: Path, store_dir: Path | None) -> None:
    """Let the token NAME open nothing any more. Running servers know within seconds."""
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        store.tokens.revoke(name, project.now)
    click.echo(f"Token {name} is revoked.")


def _state(token: Token) -> str:
    return f"revoked {token.revoked_at:%Y-%m-%d %H:%M}" if token.revoked_at else "in force"


def _to_json(token: Token) -> dict[str, str | None]:
    revoked = token.revoked_at
    return {
        "name": token.name,
        "role": token.role,
        "made_at": token.made_at.isoformat(),
        "made_by": token.made_by,
        "revoked_at": revoked.isoformat() if revoked else None,
    }
