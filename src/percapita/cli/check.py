"""``percapita check``: can the figures be trusted, and what should be done first?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.project import Project as Opened
    from percapita.report.check.check import Checked
    from percapita.store import Store

FINDINGS = 1
"""Exit code where the user asked to fail on what was found."""


@click.command("check")
@options.project
@click.option("--period", metavar="PERIOD", help="Billing months to look at; all unless said.")
@click.option("--fail-on", "fail_on", type=click.Choice(["warning", "error"]),
              help="Leave with 1 if there are findings of this severity, or worse.")  # fmt: skip
@options.output("text", "json", "csv")
def check_command(
    project_dir: Path, store_dir: Path | None, period: str | None, fail_on: str | None, form: str
) -> int:
    """See whether the figures can be trusted, and what to do first.

    Readiness, the unit, the practice's KPIs, the dearest and the untagged resources, rows left out,
    and the findings of the last run. Works on an imported bill before any run.

    \b
    Examples:
      percapita check --project acme
      percapita check --period 2025-10 --fail-on error
      percapita check --format csv > check.csv
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.numbers import instant  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    found = _check(project, period)
    _print(found, form, {"period": period, "as_of": instant(project.now)})
    severities = found.severities()
    if fail_on == "error":
        return FINDINGS if severities["error"] else 0
    if fail_on == "warning":
        return FINDINGS if severities["error"] or severities["warning"] else 0
    return 0


def _check(project: Opened, period: str | None) -> Checked:
    from percapita.project.checking import asked as told  # noqa: PLC0415
    from percapita.report.check.check import check  # noqa: PLC0415
    from percapita.store.site import NoStoreError  # noqa: PLC0415

    asked = told(project, period)
    try:
        store: Store = project.store(create=False)
    except NoStoreError:
        return check(None, asked)
    with store:
        return check(store, asked)


def _print(found: Checked, form: str, meta: dict[str, Any]) -> None:
    from percapita.report.check import view as check_view  # noqa: PLC0415

    if form == "json":
        click.echo(check_view.check_json(found, meta))
    elif form == "csv":
        from percapita.report.export import write_csv  # noqa: PLC0415

        write_csv(sys.stdout, (), check_view.check_csv(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        check_view.check_text(found, Page())
