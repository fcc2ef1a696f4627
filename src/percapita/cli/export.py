"""``export``: hand the bill on, as it came or cut over its users, in the field's own format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.report.focus.export import Order
    from percapita.report.opened import Opened


@click.group("export")
def export_command() -> None:
    """Hand figures on to other programs.

    \b
    Examples:
      percapita export focus --version 1.3 --rows allocated --out allocated.parquet
    """  # noqa: D301


@export_command.command("focus")
@options.project
@click.option("--version", type=click.Choice(["1.2", "1.3", "1.4"]), default="1.3",
              show_default=True, help="Version of FOCUS.")  # fmt: skip
@click.option("--rows", type=click.Choice(["origin", "allocated"]), required=True,
              help="The lines as they came, or cut over their receivers.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True,
              help="File to write: .csv, .csv.gz or .parquet.")  # fmt: skip
@click.option("--period", metavar="PERIOD", help="Billing months; all unless said.")
@click.option("--basis", type=click.Choice(["billed", "effective", "contracted", "list"]),
              help="The ledger that cuts the lines; the model's basis unless said.")  # fmt: skip
@click.option(
    "--by",
    "segment",
    default="",
    metavar="SEGMENT",
    help="Allocated rows by a segment of the model such as tier; by user unless said.",
)
@click.option(
    "--fill/--no-fill",
    default=True,
    show_default=True,
    help="Fill what FOCUS demands and the bill leaves empty.",
)
@click.option("--tags", type=click.Choice(["json", "map"]), default="json", show_default=True,
              help="Tags in Parquet: JSON text as FOCUS says, or a map.")  # fmt: skip
@click.option("--run", "run_id", default="", metavar="RUN",
              help="A run; the published ones unless said.")  # fmt: skip
def focus_command(
    project_dir: Path,
    store_dir: Path | None,
    out: Path,
    **asked: Any,  # noqa: ANN401
) -> None:
    """Write the bill as FOCUS Cost and Usage.

    With --rows allocated each line is cut over its receivers: costs and quantities sum to the line
    exactly, AllocatedResourceId is the receiver's pseudonym, x_OriginChargeId the line. With --by
    the values of a segment take the place of its users. What the bill left empty and FOCUS demands
    is filled and named in x_FilledColumns, unless --no-fill.

    \b
    Examples:
      percapita export focus --version 1.2 --rows origin --out bill.csv.gz
      percapita export focus --rows allocated --period 2025-10 --out allocated.parquet
      percapita export focus --rows allocated --by tier --out tiers.csv
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    writer = _writer(out)
    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        opened = open_figures(
            store, now=project.now, basis=asked["basis"] or "", run=asked["run_id"]
        )
        _write(opened, _order(opened, writer, asked), out, writer)


def _writer(out: Path) -> str:
    name = out.name.lower()
    for ending in (".csv", ".csv.gz", ".parquet"):
        if name.endswith(ending):
            return ending
    raise click.UsageError(
        f"{out.name}: the file's ending says no format. Use .csv, .csv.gz or .parquet."
    )


def _order(opened: Opened, writer: str, asked: dict[str, Any]) -> Order:
    from percapita.report.close.reconciliation import chosen  # noqa: PLC0415
    from percapita.report.focus.columns import MAP, TEXT  # noqa: PLC0415
    from percapita.report.focus.export import Order  # noqa: PLC0415

    months = chosen(opened, opened.period(asked["period"]))
    plain = writer != ".parquet"
    tags = MAP if asked["tags"] == "map" and not plain else TEXT
    return Order(
        asked["version"], asked["rows"], tuple(months), plain=plain, tags=tags,
        filled=asked["fill"], segment=asked["segment"],
    )  # fmt: skip


def _write(opened: Opened, order: Order, out: Path, writer: str) -> None:
    from percapita.cli.progress import steps  # noqa: PLC0415
    from percapita.report.focus.export import Tally, export, header  # noqa: PLC0415
    from percapita.report.focus.file import write  # noqa: PLC0415

    with steps() as progress:
        progress("columns")
        shape = header(opened, order)
        last = Tally()

        def step(month: str, tally: Tally) -> None:
            last.lines, last.rows = tally.lines, tally.rows
            progress(f"{month}: {tally.rows:,} rows of {tally.lines:,} lines")

        write(out, writer, shape, export(opened, order, shape, step))
    click.echo(
        f"{out}: FOCUS {order.version}, {last.rows:,} {order.rows} rows of {last.lines:,} lines.",
        err=True,
    )
