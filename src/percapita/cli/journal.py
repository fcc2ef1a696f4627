"""``journal``: the month's double entries for finance's own ledger."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from percapita.cli import options


@click.command("journal")
@click.argument("period", metavar="PERIOD")
@options.project
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@options.output("csv", "json")
def journal_command(
    period: str, project_dir: Path, store_dir: Path | None, basis: str, form: str
) -> None:
    """Write a billing month's double entries: they sum to the bill, debit equals credit.

    Debit: each pool's cost, to the account of its class. Credit: each invoice to accounts payable,
    lines without one to accrued liabilities; what basis and bill differ by is prepaid. Accounts
    are named under `journal:` in percapita.yaml. Adjustments booked in the month are entries too.

    \b
    Examples:
      percapita journal 2025-10 > journal.csv
      percapita journal 2025-10 --basis billed --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.close import journal as report  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        opened = open_figures(store, now=project.now, basis=basis)
        found = report.journal(opened, period, project.settings.journal)
        if form == "json":
            click.echo(json.dumps(report.to_json(found), indent=2, ensure_ascii=False))
        else:
            from percapita.report.export import write_csv  # noqa: PLC0415

            write_csv(sys.stdout, report.COLUMNS, report.rows(found))
