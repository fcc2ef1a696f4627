"""``commitments``: coverage, utilisation, unused cost and its owner, savings, expiry."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.report.commitments.commitments import Statement


@click.command("commitments")
@options.project
@click.option("--period", metavar="PERIOD", help="Billing months; all unless said.")
@click.option("--contracts", multiple=True, metavar="FILE",
              type=click.Path(path_type=Path, dir_okay=False),
              help="FOCUS' dataset of contract commitments (CSV), for when they end.")  # fmt: skip
@options.output("text", "json", "csv")
def commitments_command(
    project_dir: Path,
    store_dir: Path | None,
    period: str | None,
    contracts: tuple[Path, ...],
    form: str,
) -> None:
    """Show what reservations, savings plans and other commitments cover, waste and save.

    \b
    utilisation             used / (used + unused), amortised cost
    coverage                covered usage / usage that could be covered, at list price
    effective savings rate  1 - actual cost / cost on demand at list price

    The unused part belongs to the owner of the first pool of the model that takes its lines.

    \b
    Examples:
      percapita commitments --period 2025-10
      percapita commitments --contracts contract_commitment.csv --format json
    """  # noqa: D301
    from percapita.cli.tags import read_model  # noqa: PLC0415
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.commitments.commitments import commitments  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    model, months = read_model(project, period)
    with project.store(create=False) as store:
        found = commitments(store, model, rates=project.rates, months=months, contracts=contracts)
    _show(found, form, {"currency": found.currency, "period": period, "as_of": project.now})


def _show(found: Statement, form: str, meta: dict[str, Any]) -> None:
    from percapita.report.commitments import view as commitments_view  # noqa: PLC0415
    from percapita.report.export import write_csv  # noqa: PLC0415
    from percapita.report.numbers import instant  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415

    if form == "json":
        head = {**meta, "as_of": instant(meta["as_of"]), "notes": list(found.notes)}
        document = {"meta": head, **commitments_view.to_json(found)}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif form == "csv":
        write_csv(sys.stdout, *commitments_view.flat(found))
    else:
        commitments_view.show(Page(), found)
