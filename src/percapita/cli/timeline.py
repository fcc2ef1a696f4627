"""``timeline``: what happened, in order."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from percapita.cli import options


@click.command("timeline")
@options.project
@click.option("--period", default="", metavar="P",
              help="2025-10, 2025-10-03, 2025-10-01..2025-10-15; all unless said.")  # fmt: skip
@click.option("--kind", "kinds", multiple=True, metavar="KIND",
              help="deploy, scale, flag, incident, maintenance, business; repeatable.")  # fmt: skip
@click.option("--service", default="", help="Only events of this service.")
@options.output("text", "json", "csv")
def timeline_command(
    project_dir: Path,
    store_dir: Path | None,
    period: str,
    kinds: tuple[str, ...],
    service: str,
    form: str,
) -> None:
    """Show what happened, in order: deploys, scaling, flags, incidents, maintenance, business.

    Times are those of the model's time zone in text, and UTC in JSON and CSV. Ids of people are
    shown as pseudonyms.

    \b
    Examples:
      percapita timeline --period 2025-10-03
      percapita timeline --kind deploy --kind incident --service checkout
      percapita timeline --period 2025-10 --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report import timeline as report  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        found = report.timeline(
            store, zone=project.timezone(), now=project.now, period=period, kinds=kinds,
            service=service,
        )  # fmt: skip
    if form == "json":
        click.echo(json.dumps(report.to_json(found), indent=2, ensure_ascii=False))
    elif form == "csv":
        from percapita.report.export import write_csv  # noqa: PLC0415

        write_csv(sys.stdout, report.COLUMNS, report.flat(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        report.show(Page(), found)
