"""``metrics``: every named figure of a period, with what it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from percapita.cli import options


@click.command("metrics")
@options.project
@click.argument("names", nargs=-1, metavar="[METRIC]...")
@click.option("--period", metavar="PERIOD", help="The newest month unless said.")
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@options.output("text", "json", "csv")
def metrics_command(
    project_dir: Path,
    store_dir: Path | None,
    names: tuple[str, ...],
    period: str | None,
    basis: str,
    form: str,
) -> None:
    """Show every metric of a period: what it is worth, and what is divided by what.

    The list is the same on the page, in its files, here and in the Python API.

    \b
    Examples:
      percapita metrics --period 2025-10
      percapita metrics cost_per_unit margin_percent
      percapita metrics --format csv
    """  # noqa: D301
    from percapita.api import Book  # noqa: PLC0415
    from percapita.report.metrics import view  # noqa: PLC0415

    with Book.open(project_dir, store_dir) as book:
        found = book.valued(*names, period=period or "", basis=basis)
    if form == "json":
        click.echo(json.dumps(view.to_json(found), indent=2, ensure_ascii=False))
    elif form == "csv":
        from percapita.report.export import write_csv  # noqa: PLC0415

        write_csv(sys.stdout, view.COLUMNS, view.flat(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        view.show(Page(), found)
