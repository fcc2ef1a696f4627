"""``history``: each version of a month's figure, and why it moved."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from percapita.cli import options


@click.command("history")
@click.argument("period", metavar="PERIOD")
@options.project
@click.option("--runs", nargs=2, metavar="A B", help="Compare these two runs instead.")
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@options.output("text", "json", "csv")
def history_command(
    period: str,
    project_dir: Path,
    store_dir: Path | None,
    runs: tuple[str, str] | None,
    basis: str,
    form: str,
) -> None:
    """Show each version of a billing month's figure, and why it moved between them.

    The causes are late and withdrawn lines, corrections, credits, exchange rates, tags, the model,
    cost that follows other lines, telemetry, and how many units there are. They sum to the
    difference exactly.

    \b
    Examples:
      percapita history 2025-10
      percapita history 2025-10 --runs r000001 r000004 --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.close import history as report  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        opened = open_figures(store, now=project.now, basis=basis, run=runs[1] if runs else "")
        found = report.history(opened, period, runs or ())
        if form == "json":
            click.echo(json.dumps(report.to_json(found), indent=2, ensure_ascii=False))
        elif form == "csv":
            from percapita.report.export import write_csv  # noqa: PLC0415

            write_csv(sys.stdout, *report.flat(found))
        else:
            from percapita.report.table import Page  # noqa: PLC0415

            report.show(Page(), found)
