"""``budget``: what was planned, against what is billed and what the month will come to."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.measure.budget import Standing
    from percapita.report.opened import Opened

FINDINGS = 1


@click.command("budget")
@options.project
@click.option("--period", metavar="PERIOD",
              help="Months: 2025-10, 2025-Q4, 2025 …; the current one unless said.")  # fmt: skip
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@click.option("--fail-on-over", is_flag=True,
              help="Leave with code 1 if a budget is exceeded, or will be.")  # fmt: skip
@options.output("text", "json", "csv")
def budget_command(
    project_dir: Path, store_dir: Path | None, period: str | None, basis: str, form: str,
    *, fail_on_over: bool,
) -> int:  # fmt: skip
    """Compare budgets with what is billed, and with what the month will come to.

    The budgets are those of budgets.yaml, or what percapita.yaml names. What is not billed yet is
    forecast at the pace of the last weeks. Why a complete month is off is told by cause:
    restatements, exchange rates, kinds of charge, volume, mix and rate. They sum exactly.

    \b
    Examples:
      percapita budget
      percapita budget --period 2025-Q4 --format csv
      percapita budget --format json --fail-on-over
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.budgets import standings  # noqa: PLC0415
    from percapita.report.budgets.file import read_budgets  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        opened = open_figures(store, now=project.now, basis=basis)
        planned = read_budgets(project.budgets, opened.model.currency)
        found = standings.standings(opened, planned, opened.period(period))
    _print(found, opened, form)
    over = any(one.status in ("over", "will be over") for one in found)
    return FINDINGS if fail_on_over and over else 0


def _print(found: Sequence[Standing], opened: Opened, form: str) -> None:
    from percapita.report.budgets import view  # noqa: PLC0415
    from percapita.report.numbers import instant  # noqa: PLC0415

    currency = opened.model.currency
    if form == "json":
        meta = {"basis": opened.basis, "currency": currency, "as_of": instant(opened.now)}
        document = {"meta": meta, "budgets": view.to_json(found)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif form == "csv":
        from percapita.report.export import write_csv  # noqa: PLC0415

        write_csv(sys.stdout, *view.flat(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        view.show(Page(), found, opened.basis, currency)
