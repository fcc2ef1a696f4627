"""``statement``, ``report`` and ``pricing``: what goes out to teams, the board and billing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.report.document.blocks import Document

_PAPER = ("html", "md", "pdf")


@click.command("statement")
@options.project
@click.option("--for", "of", metavar="NAME=VALUE", required=True,
              help="Whose: tier=Pro, tenant=Acme, owner=platform …")  # fmt: skip
@click.option("--period", metavar="PERIOD", help="The newest month unless said.")
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@click.option("--chargeback", is_flag=True, help="Charge it; the months must be closed.")
@options.output("text", "json", "csv", *_PAPER)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")
def statement_command(
    *,
    project_dir: Path,
    store_dir: Path | None,
    of: str,
    period: str | None,
    basis: str,
    chargeback: bool,
    form: str,
    out: Path | None,
) -> None:
    """Show a team, a tenant or a tier what it cost, pool by pool, and how each pool is split.

    A showback can be had at any time. A chargeback is of closed months alone, so that nothing
    changes once it is charged. Equal figures give an equal statement number.

    \b
    Examples:
      percapita statement --for tier=Pro --period 2025-10
      percapita statement --for owner=platform --format pdf --out platform.pdf
      percapita statement --for tenant=Acme --period 2025-10 --chargeback --format json
    """  # noqa: D301
    from percapita.api import Book  # noqa: PLC0415
    from percapita.report.statements import paper, showback  # noqa: PLC0415

    with Book.open(project_dir, store_dir) as book:
        kind: showback.Kind = "chargeback" if chargeback else "showback"
        found = book.showback(of, period=period or "", basis=basis, kind=kind)
    if form == "json":
        _put(json.dumps(showback.to_json(found), indent=2, ensure_ascii=False) + "\n", out)
    elif form == "csv":
        _table(*showback.flat(found))
    else:
        _document(paper.document(found), form, out)


@click.command("report")
@options.project
@click.option("--period", metavar="MONTH", help="The newest month unless said.")
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@options.output("text", "json", *_PAPER)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it.")
def report_command(
    project_dir: Path,
    store_dir: Path | None,
    period: str | None,
    basis: str,
    form: str,
    out: Path | None,
) -> None:
    """Write a month's report for those who do not open the pages: the same figures, to the digit.

    \b
    Examples:
      percapita report --period 2025-10 --format pdf --out october.pdf
      percapita report --format md
    """  # noqa: D301
    from percapita.api import Book  # noqa: PLC0415
    from percapita.report.statements import monthly  # noqa: PLC0415

    with Book.open(project_dir, store_dir) as book:
        found = book.month(period=period or "", basis=basis)
    if form == "json":
        _put(json.dumps(monthly.to_json(found), indent=2, ensure_ascii=False) + "\n", out)
    else:
        _document(monthly.document(found), form, out)


@click.command("pricing")
@options.project
@click.option("--by", default="", metavar="NAME",
              help="A segment of the model; its first unless said.")  # fmt: skip
@click.option("--period", metavar="PERIOD", help="The newest month unless said.")
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@click.option("--margin", "margins", multiple=True, metavar="PERCENT",
              help="Price at this margin; repeatable.")  # fmt: skip
@click.option(
    "--version", "version", default="", metavar="ID", help="An earlier version, as it was."
)
@options.output("text", "json", "csv")
def pricing_command(
    *,
    project_dir: Path,
    store_dir: Path | None,
    version: str,
    margins: tuple[str, ...],
    form: str,
    **asked: Any,  # noqa: ANN401 by, period and basis
) -> None:
    """Show what billing systems read: cost and floor price of a unit by tier, price by driver.

    Each version has an id that never changes what it stands for; ask for it again with --version.

    \b
    Examples:
      percapita pricing --by tier --period 2025-10 --margin 30 --margin 70
      percapita pricing --format json
    """  # noqa: D301
    from percapita.api import Book  # noqa: PLC0415
    from percapita.report.statements import pricing, pricing_text  # noqa: PLC0415

    with Book.open(project_dir, store_dir) as book:
        found = book.priced(
            by=asked["by"], period=asked["period"] or "", basis=asked["basis"], margins=margins,
            version=version,
        )  # fmt: skip
    if form == "json":
        click.echo(json.dumps(pricing.to_json(found), indent=2, ensure_ascii=False))
    elif form == "csv":
        _table(*pricing.flat(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        pricing_text.show(Page(), found)


def _table(header: Any, rows: Any) -> None:  # noqa: ANN401
    from percapita.report.export import write_csv  # noqa: PLC0415

    write_csv(sys.stdout, header, rows)


def _document(document: Document, form: str, out: Path | None) -> None:
    from percapita.report.document import terminal, writing  # noqa: PLC0415

    if form == "text":
        from percapita.report.table import Page  # noqa: PLC0415

        terminal.show(Page(), document)
        return
    written = writing.write(document, form)
    if form == "pdf" and out is None and sys.stdout.isatty():
        raise click.UsageError("A PDF is no text: give --out FILE.")
    _put(written, out)


def _put(written: str | bytes, out: Path | None) -> None:
    if out is None:
        click.echo(written, nl=False)
        return
    content = written.encode() if isinstance(written, str) else written
    out.write_bytes(content)
    click.echo(f"{len(content):,} bytes in {out}", err=True)
