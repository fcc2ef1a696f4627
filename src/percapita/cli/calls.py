"""``calls``: what services called elsewhere, what failed, what it cost."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from percapita.cli import options


@click.command("calls")
@options.project
@click.option("--period", metavar="PERIOD",
              help="2025, 2025-Q4, 2025-10, 2025-10-03 or A..B; the newest month with readings "
                   "unless said.")  # fmt: skip
@click.option("--service", metavar="NAME", help="Only calls of this service.")
@click.option("--top", type=click.IntRange(min=1), default=30, show_default=True,
              help="How many rows the table shows; JSON and CSV have all.")  # fmt: skip
@options.output("text", "json", "csv")
def calls_command(
    *,
    project_dir: Path,
    store_dir: Path | None,
    period: str | None,
    service: str | None,
    top: int,
    form: str,
) -> None:
    """Show calls to third parties, databases and other services: how many, failed, slow, dear.

    Every span of kind client or producer is counted, by the service that calls and the peer that
    its span names. A cost stands where a pool of the model is split by an external.… meter.

    \b
    Examples:
      percapita calls
      percapita calls --period 2025-10 --service checkout --format csv
    """  # noqa: D301
    from percapita.core.periods import parse, zone  # noqa: PLC0415
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.export import write_csv  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415
    from percapita.report.usage import calls, usage  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    model = project.model()
    with project.store(create=False) as store:
        asked = parse(period or usage.newest(store), zone(model.timezone))
        found = calls.calls(store, model, asked)
    if service is not None:
        found = calls.of(found, service)
    if form == "json":
        click.echo(json.dumps(calls.document(found), indent=2, ensure_ascii=False))
    elif form == "csv":
        write_csv(sys.stdout, calls.COLUMNS, calls.flat(found))
    else:
        calls.show(Page(), found, top)
