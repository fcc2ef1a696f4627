"""``decision``: what was decided on which figure, and what came of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.report.decisions.log import Entry
    from percapita.report.opened import Opened


@click.group("decision")
def decision_command() -> None:
    """Write down what was decided on which figure, and what came of it.

    The figure is kept as it was then: where a month is restated later, both are shown.

    \b
    Examples:
      percapita decision record "Rightsize api" --figure total --where pool=api --period 2025-10 \\
        --expect-change "-20 %" --review-on 2026-01-31
      percapita decision list
      percapita decision observe d1 --period 2025-12
      percapita decision withdraw d1 --reason "the customer stays"
    """  # noqa: D301


@decision_command.command("record")
@click.argument("what")
@options.project
@click.option("--figure", "metric", required=True, metavar="METRIC",
              help="cost_per_unit, total, margin_percent …; `percapita metrics` says what they"
              " are.")  # fmt: skip
@click.option("--period", required=True, metavar="P", help="Of the figure: 2025-10, 2025-Q4 …")
@click.option("--where", multiple=True, metavar="NAME=VALUE",
              help="Only this part: tier=Pro, pool=api; repeatable.")  # fmt: skip
@click.option("--scope", default="", metavar="SCOPE", help="As of `percapita cost`.")
@click.option("--unit", default="", metavar="UNIT", help="As of `percapita cost`.")
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@click.option("--decided-by", default="", metavar="NAME", help="Who decided; you unless said.")
@click.option("--decided-on", default="", metavar="DATE", help="Today unless said.")
@click.option("--expect", default="", metavar="TEXT", help="What is expected of it, in words.")
@click.option("--expect-change", default="", metavar="CHANGE",
              help="-4500 of the figure, or -20 % of it.")  # fmt: skip
@click.option("--review-on", default="", metavar="DATE", help="When to look what came of it.")
@options.output("text", "json")
def record(
    what: str,
    project_dir: Path,
    store_dir: Path | None,
    metric: str,
    period: str,
    where: tuple[str, ...],
    scope: str,
    unit: str,
    basis: str,
    decided_by: str,
    decided_on: str,
    expect: str,
    expect_change: str,
    review_on: str,
    form: str,
) -> None:
    """Write down that WHAT was decided. Nothing in the log is changed afterwards."""
    from percapita.report.decisions.log import log  # noqa: PLC0415
    from percapita.report.decisions.record import Said  # noqa: PLC0415
    from percapita.report.decisions.record import record as keep  # noqa: PLC0415
    from percapita.store.site import user  # noqa: PLC0415

    said = Said(
        what, metric, period, where, scope, unit, decided_by, decided_on, expect, expect_change,
        review_on,
    )  # fmt: skip
    with _figures(project_dir, store_dir, basis) as opened:
        kept = keep(opened, said, user())
        _one(log(opened, [kept.name])[0], form)


@decision_command.command("list")
@options.project
@options.output("text", "json", "csv")
def listed(project_dir: Path, store_dir: Path | None, form: str) -> None:
    """List every decision, the newest first, with its figure then and now."""
    from percapita.report.decisions import log as report  # noqa: PLC0415

    with _figures(project_dir, store_dir) as opened:
        found = report.log(opened)
        if form == "json":
            click.echo(json.dumps(report.to_json(opened, found), indent=2, ensure_ascii=False))
        elif form == "csv":
            from percapita.report.export import write_csv  # noqa: PLC0415

            write_csv(sys.stdout, report.COLUMNS, report.flat(found))
        else:
            from percapita.report.decisions import as_text  # noqa: PLC0415
            from percapita.report.table import Page  # noqa: PLC0415

            as_text.show(Page(), found)


@decision_command.command("show")
@click.argument("name", metavar="ID")
@options.project
@options.output("text", "json")
def show(name: str, project_dir: Path, store_dir: Path | None, form: str) -> None:
    """Show all that is known of the decision ID."""
    from percapita.report.decisions.log import log  # noqa: PLC0415

    with _figures(project_dir, store_dir) as opened:
        _one(log(opened, [name])[0], form)


@decision_command.command("observe")
@click.argument("name", metavar="ID")
@options.project
@click.option("--period", required=True, metavar="P",
              help="A later period, in which it has its effect.")  # fmt: skip
@click.option("--note", default="", metavar="TEXT", help="What else is to be known of it.")
@options.output("text", "json")
def observe(
    name: str, project_dir: Path, store_dir: Path | None, period: str, note: str, form: str
) -> None:
    """Write down what the figure of the decision ID is in a later period."""
    from percapita.report.decisions.log import log  # noqa: PLC0415
    from percapita.report.decisions.record import observe as keep  # noqa: PLC0415
    from percapita.store.site import user  # noqa: PLC0415

    with _figures(project_dir, store_dir) as opened:
        keep(opened, name, period, user(), note=note)
        _one(log(opened, [name])[0], form)


@decision_command.command("withdraw")
@click.argument("name", metavar="ID")
@options.project
@click.option("--reason", required=True, metavar="TEXT", help="Why it does not hold any more.")
@options.output("text", "json")
def withdraw(name: str, project_dir: Path, store_dir: Path | None, reason: str, form: str) -> None:
    """Write down that the decision ID does not hold any more; it stays in the log."""
    from percapita.report.decisions.log import log  # noqa: PLC0415
    from percapita.report.decisions.record import withdraw as keep  # noqa: PLC0415
    from percapita.store.site import user  # noqa: PLC0415

    with _figures(project_dir, store_dir) as opened:
        keep(opened, name, user(), reason=reason)
        _one(log(opened, [name])[0], form)


@contextmanager
def _figures(project_dir: Path, store_dir: Path | None, basis: str = "") -> Iterator[Opened]:
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        yield open_figures(store, now=project.now, basis=basis)


def _one(entry: Entry, form: str) -> None:
    if form == "json":
        from percapita.report.decisions.log import entry_json  # noqa: PLC0415

        click.echo(json.dumps(entry_json(entry), indent=2, ensure_ascii=False))
        return
    from percapita.report.decisions import as_text  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415

    as_text.show_one(Page(), entry)
