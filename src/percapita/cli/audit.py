"""``audit``: who did what when."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from percapita.cli import options


@click.command("audit")
@options.project
@click.option("--who", default="", metavar="NAME", help="Only what this one did.")
@click.option("--what", default="", metavar="KIND",
              help="Only entries of this kind: import, run, sign in, refused …")  # fmt: skip
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 1000),
              help="How many at most.")  # fmt: skip
@click.option("--after", "cursor", default="", metavar="ID", help="Go on after this entry.")
@options.output("text", "json", "csv")
def audit_command(
    project_dir: Path,
    store_dir: Path | None,
    who: str,
    what: str,
    limit: int,
    cursor: str,
    form: str,
) -> None:
    """Show the audit log, the newest first: writes, sign-ins, refusals, looks at people.

    \b
    Examples:
      percapita audit
      percapita audit --what refused
      percapita audit --who 'token board' --format csv
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report import audit  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        log = audit.read(store, who=who, what=what, cursor=cursor, most=limit)
    if form == "json":
        click.echo(json.dumps(audit.to_json(log), indent=2, ensure_ascii=False))
    elif form == "csv":
        from percapita.report.export import write_csv  # noqa: PLC0415

        write_csv(sys.stdout, list(audit.COLUMNS), audit.flat(log))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        audit.show(Page(), log)
