"""``traces``: recent traces and what each of their spans cost."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from percapita.cli import options


@click.command("traces")
@options.project
@click.argument("trace", required=False)
@click.option("--service", default="", metavar="NAME", help="Only traces with a span of it.")
@click.option("--sort", type=click.Choice(("newest", "duration", "cost", "failed")),
              default="newest", show_default=True,
              help="The order of the list; failed: only traces with a failed span.")  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), default=50, show_default=True,
              help="How many traces are listed.")  # fmt: skip
@options.output("text", "json", "csv")
def traces_command(
    *,
    project_dir: Path,
    store_dir: Path | None,
    trace: str | None,
    service: str,
    sort: str,
    top: int,
    form: str,
) -> None:
    """List recent traces with what they cost, or show one: span by span, meter by meter.

    Traces are a sample of the last 24 hours, taken while percapita digest counts. A cost is an
    estimate: what a span added to meters, at the price that a unit had in that hour. TRACE is an
    id, or the beginning of one.

    \b
    Examples:
      percapita traces --sort cost --service checkout
      percapita traces 4bf92f35
      percapita traces --format csv
    """  # noqa: D301
    from percapita.live import traces  # noqa: PLC0415
    from percapita.live.desks import desk_of  # noqa: PLC0415
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        desk = desk_of(store)
        if trace is None:
            found = traces.recent(desk, project.now, sort=sort, service=service)
            data = traces.listed(found, top)
        else:
            data = traces.document(traces.single(desk, project.now, trace))
    if form == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        _write(data, form)


def _write(data: Mapping[str, Any], form: str) -> None:
    """Print a list of traces, or one."""
    from percapita.report.export import write_csv  # noqa: PLC0415
    from percapita.report.live import traced  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415

    many = "traces" in data
    if form == "csv" and many:
        write_csv(sys.stdout, traced.LIST, traced.list_rows(data))
    elif form == "csv":
        write_csv(sys.stdout, traced.SPANS, traced.span_rows(data))
    elif many:
        traced.show_list(Page(), data)
    else:
        traced.show_trace(Page(), data)
