"""``close``: a billing month's figures stand from now on; what changes later is booked apart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.project import Project
    from percapita.store import Store


@click.command("close")
@click.argument("period", required=False, metavar="[PERIOD]")
@options.project
@click.option("--sign-off", metavar="NAME", help="Who stands for the figures; may come later.")
@click.option("--reopen", metavar="REASON", help="Open the month again: the next run rewrites it.")
@click.option("--basis", default="", metavar="BASIS",
              help="Basis of the amounts printed; the model's unless said.")  # fmt: skip
@options.output("text", "json")
def close_command(
    period: str | None,
    project_dir: Path,
    store_dir: Path | None,
    sign_off: str | None,
    reopen: str | None,
    basis: str,
    form: str,
) -> None:
    """Close a billing month: figures and model stand, whatever is imported later.

    A run leaves closed months alone. Where an import restated one, it is run beside, under the
    model it was closed with; the difference is booked as adjustment in the first open month after
    it. Without PERIOD the months and how they stand are listed.

    \b
    Examples:
      percapita close 2025-10 --sign-off "Dana Reyes"
      percapita close 2025-10 --reopen "invoice was wrong"
      percapita close
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415

    if reopen is not None and (sign_off is not None or not reopen.strip()):
        raise click.UsageError("--reopen takes a reason, and stands alone.")
    if period is None and (reopen or sign_off):
        raise click.UsageError("Name the month: percapita close 2025-10.")
    if period is not None and not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise click.UsageError(f"{period!r} is no billing month. Write 2025-10.")
    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        if period is not None:
            _act(project, store, period, sign_off, reopen)
        _show(project, store, basis, form)


def _act(
    project: Project, store: Store, period: str, sign_off: str | None, reopen: str | None
) -> None:
    closings = store.closings
    if reopen is not None:
        closings.reopen(period, reopen.strip(), project.now)
    elif sign_off is not None and period in closings.closed():
        closings.sign_off(period, sign_off, project.now)
    else:
        closings.close(period, project.now, sign_off=sign_off)


def _show(project: Project, store: Store, basis: str, form: str) -> None:
    from percapita.report.close import month_list  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415

    opened = open_figures(store, now=project.now, basis=basis)
    found = month_list.months(opened)
    if form == "json":
        click.echo(json.dumps(month_list.to_json(opened, found), indent=2, ensure_ascii=False))
    else:
        month_list.show(Page(), opened, found)
