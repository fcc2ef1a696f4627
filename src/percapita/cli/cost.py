"""``cost``: what a user, tier, tenant, pool or feature costs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options
from percapita.core.roles import ROLES, Role, Sight, sight

if TYPE_CHECKING:
    from percapita.measure.question import Question
    from percapita.report.cost.answer import Answer, Spread
    from percapita.report.opened import Opened

_SCOPES = ("infrastructure", "cloud", "cost of revenue", "fully loaded")


@click.command("cost")
@options.project
@click.option("--by", multiple=True, metavar="NAME",
              help="A segment of the model, or: user session tenant pool feature operation region"
              " service category account provider layer owner cost_centre class scope day month"
              " billing_period tags.KEY. May be repeated.")  # fmt: skip
@click.option("--period", metavar="PERIOD",
              help="2025, 2025-Q4, 2025-10, 2025-10-03 or A..B; all unless said.")  # fmt: skip
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@click.option("--scope", type=click.Choice(_SCOPES), default=_SCOPES[-1], show_default=True,
              help="Which pools count.")  # fmt: skip
@click.option("--unit", default="", metavar="UNIT", help="What cost is divided by.")
@click.option("--run", "run_id", default="", metavar="RUN", help="Another run than the published.")
@click.option("--where", multiple=True, metavar="NAME=VALUE",
              help="Only what has this value; the rest stays in sight as one amount.")  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), help="Only the dearest rows, the rest summed.")
@click.option("--facet", "facets", multiple=True, metavar="NAME",
              help="Beside the rows: the values of this name, with units and cost.")  # fmt: skip
@click.option("--as", "role", type=click.Choice(ROLES), default="admin",
              help="Show what readers of this role see on the pages.")  # fmt: skip
@click.option("--distribution", is_flag=True, help="How cost is spread: percentiles, Gini, top.")
@options.output("text", "json", "csv", "parquet")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Where to write Parquet.")  # fmt: skip
def cost_command(
    *,
    project_dir: Path,
    store_dir: Path | None,
    period: str | None,
    basis: str,
    run_id: str,
    form: str,
    out: Path | None,
    role: Role,
    distribution: bool,
    facets: tuple[str, ...],
    **asked: Any,  # noqa: ANN401 by, where, scope, unit and top, as ask takes them
) -> None:
    """Show what things cost: rows of allocated cost, and beside them all else that was billed.

    Rows and named lines always sum to the bill, whatever is cut or filtered.

    \b
    Examples:
      percapita cost --by tier --period 2025-10
      percapita cost --by pool --by tier --where tier=Pro --format json
      percapita cost --scope infrastructure --distribution --top 20
    """  # noqa: D301
    _check_form(form, out, faceted=bool(facets))
    from percapita.measure.question import ask  # noqa: PLC0415
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.cost.sighted import check_beside  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        told = _text_of(project.model_path)
        opened = open_figures(store, now=project.now, basis=basis, run=run_id, model_text=told)
        question = ask(opened.model, period=opened.period(period), basis=opened.basis, **asked)
        seen = sight(role, project.settings.viewers.fewest, project.settings.viewers.segments)
        check_beside(seen, run=run_id, distribution=distribution)
        found = _answers(opened, question, seen, facets, distribution=distribution)
        _write(*found, form, out)


def _answers(
    opened: Opened, question: Question, seen: Sight, facets: Sequence[str], *, distribution: bool
) -> tuple[Answer, Spread | None, Sequence[Mapping[str, Any]]]:
    from percapita.report.cost import sighted  # noqa: PLC0415
    from percapita.report.cost.answer import spread  # noqa: PLC0415
    from percapita.report.cost.facets import facets as facets_of  # noqa: PLC0415

    spreading = spread(opened, question) if distribution else None
    found = sighted.answer(opened, question, seen)
    return found, spreading, facets_of(opened, question, facets, seen)


def _check_form(form: str, out: Path | None, *, faceted: bool) -> None:
    if (form == "parquet") != (out is not None):
        raise click.UsageError("--format parquet and --out FILE go together.")
    if faceted and form not in ("text", "json"):
        raise click.UsageError("--facet goes with text and JSON: a file holds one table.")


def _text_of(model: Path) -> str | None:
    return model.read_text(encoding="utf-8-sig") if model.exists() else None


def _write(
    found: Answer,
    spreading: Spread | None,
    facets: Sequence[Mapping[str, Any]],
    form: str,
    out: Path | None,
) -> None:
    from percapita.report.cost import as_json as cost_json  # noqa: PLC0415

    if form == "json":
        told = cost_json.statement(found, spreading) | ({"facets": facets} if facets else {})
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    elif form == "text":
        from percapita.report.cost.as_text import show  # noqa: PLC0415
        from percapita.report.table import Page  # noqa: PLC0415

        show(Page(), found, spreading, facets)
    else:
        from percapita.report import export  # noqa: PLC0415

        header, rows = cost_json.flat(found)
        if out is None:
            export.write_csv(sys.stdout, header, rows)
        else:
            export.write_parquet(out, header, rows)
            click.echo(
                f"{len(rows):,} rows of {found.opened.label(found.question.period)} in {out}",
                err=True,
            )
