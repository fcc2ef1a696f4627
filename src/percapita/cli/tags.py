"""``tags``: coverage, the resource map, drift, and what enforces a taxonomy elsewhere."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.model.spec import Model
    from percapita.project import Project
    from percapita.report.tags.over_time import Asked
    from percapita.store import Store

Answer = TypeVar("Answer")
FINDINGS = 1

_period = click.option("--period", metavar="PERIOD", help="Billing months; all unless said.")


@click.group("tags", invoke_without_command=True)
@options.project
@click.option("--by", multiple=True, metavar="X",
              help="service, account, region, type, tags.KEY or x_NAME; may be repeated."
                   " Service and team unless said.")  # fmt: skip
@_period
@options.output("text", "json", "csv")
@click.pass_context
def tags_command(
    ctx: click.Context,
    project_dir: Path,
    store_dir: Path | None,
    by: tuple[str, ...],
    period: str | None,
    form: str,
) -> None:
    """Show how far resources carry the tags that taxonomy.yaml requires, month by month.

    Tags are those after the rules of tags.yaml. Without a command: coverage by spend and by
    resource count, in all and per key, by service and team, and values that the taxonomy does not
    list with the one that was probably meant.

    \b
    Examples:
      percapita tags
      percapita tags --by tags.Team --by account --period 2025-10
      percapita tags map --format csv
      percapita tags drift --from 2025-09 --to 2025-10
      percapita tags export --kind aws-tag-policy --out policy.json
      percapita tags check-plan plan.json
    """  # noqa: D301
    if ctx.invoked_subcommand is not None:
        return
    from percapita.report.tags import over_time as tags  # noqa: PLC0415
    from percapita.report.tags import view as tags_view  # noqa: PLC0415

    project, asked = _open(project_dir, store_dir, period)
    found = _with(project, lambda store: tags.coverage(store, asked, by))
    head = _meta(project, asked, found.currency, period)
    if form == "json":
        _json({"meta": head, **tags_view.coverage_json(found)})
    elif form == "csv":
        _csv(*tags_view.coverage_flat(found))
    else:
        tags_view.coverage_text(_page(), found)


@tags_command.command("map")
@options.project
@_period
@options.output("text", "json", "csv")
def map_command(project_dir: Path, store_dir: Path | None, period: str | None, form: str) -> None:
    """Show every type of resource: spend, how it is used, tagged and attributed.

    Usage and attribution are those of resource_map.csv; spend and tags those of the bill.

    \b
    Examples:
      percapita tags map
      percapita tags map --format csv
    """  # noqa: D301
    from percapita.report.tags import over_time as tags  # noqa: PLC0415
    from percapita.report.tags import view as tags_view  # noqa: PLC0415

    project, asked = _open(project_dir, store_dir, period)
    currency, rows = _with(project, lambda store: tags.resource_map(store, asked))
    if form == "json":
        head = _meta(project, asked, currency, period)
        _json({"meta": head, "map": tags_view.map_json(rows)})
    elif form == "csv":
        _csv(*tags_view.map_flat(rows))
    else:
        tags_view.map_text(_page(), currency, rows)


@tags_command.command("drift")
@options.project
@click.option("--from", "before", default="", metavar="MONTH", help="The last but one unless said.")
@click.option("--to", "after", default="", metavar="MONTH", help="The last month unless said.")
@click.option("--all-keys", is_flag=True, help="Every tag, not those of the taxonomy alone.")
@click.option("--fail-on-drift", is_flag=True, help="Leave with code 1 if anything drifted.")
@options.output("text", "json", "csv")
def drift_command(
    project_dir: Path,
    store_dir: Path | None,
    before: str,
    after: str,
    *,
    all_keys: bool,
    fail_on_drift: bool,
    form: str,
) -> int:
    """Show resources whose tags changed between two months, and types unlike the map.

    Tags are those of the bill, before any rule.

    \b
    Examples:
      percapita tags drift
      percapita tags drift --from 2025-09 --to 2025-10 --fail-on-drift
    """  # noqa: D301
    from percapita.report.tags import over_time as tags  # noqa: PLC0415
    from percapita.report.tags import view as tags_view  # noqa: PLC0415

    project, asked = _open(project_dir, store_dir, None)
    found = _with(
        project, lambda store: tags.drift(store, asked, before, after, every_key=all_keys)
    )
    if form == "json":
        head = _meta(project, asked, found.currency, f"{found.before}..{found.after}")
        _json({"meta": head, **tags_view.drift_json(found)})
    elif form == "csv":
        _csv(*tags_view.drift_flat(found))
    else:
        tags_view.drift_text(_page(), found)
    return FINDINGS if fail_on_drift and (found.changes or found.mapped) else 0


@tags_command.command("export")
@options.project
@click.option("--kind", required=True,
              type=click.Choice(["aws-tag-policy", "azure-policy", "patch"]),
              help="A policy that enforces taxonomy.yaml, or tags that rules supply.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Write to this file instead of the terminal.")  # fmt: skip
@_period
@click.option("--format", "form", type=click.Choice(["json", "csv"]), default="json",
              show_default=True, help="Of a patch: command-line input, or a table.")  # fmt: skip
def export_command(
    project_dir: Path,
    store_dir: Path | None,
    kind: str,
    out: Path | None,
    period: str | None,
    form: str,
) -> None:
    """Write what makes resources carry their tags: policies, or the tags to set.

    \b
    aws-tag-policy  a tag policy of AWS Organizations
    azure-policy    a policy definition of Azure; its effect is Audit until assigned as Deny
    patch           per resource the tags that the rules of tags.yaml supply and it lacks

    \b
    Examples:
      percapita tags export --kind aws-tag-policy --out policy.json
      percapita tags export --kind patch --format csv --out tags-to-set.csv
    """  # noqa: D301
    from percapita.report.tags import enforce  # noqa: PLC0415
    from percapita.report.tags import over_time as tags  # noqa: PLC0415

    project, asked = _open(project_dir, store_dir, period)
    if kind != "patch":
        if asked.taxonomy is None or not (asked.required or asked.taxonomy.optional):
            raise tags.NoTaxonomyError
        if form == "csv":
            raise click.UsageError("A policy is JSON; only a patch can be CSV.")
        policy = enforce.aws_tag_policy if kind == "aws-tag-policy" else enforce.azure_policy
        _write(out, json.dumps(policy(asked.taxonomy), indent=2, ensure_ascii=False))
        return
    found = _with(project, lambda store: tags.patches(store, asked))
    if form == "csv":
        _write(out, _csv_text(*enforce.patch_flat(found)))
    else:
        _write(out, json.dumps(enforce.patch_json(found), indent=2, ensure_ascii=False))


@tags_command.command("check-plan")
@options.project
@click.argument("plan", type=click.Path(path_type=Path, dir_okay=False))
@options.output("text", "json", "csv")
def check_plan_command(project_dir: Path, store_dir: Path | None, plan: Path, form: str) -> int:
    """Check the resources of a Terraform plan against taxonomy.yaml, before they are made.

    PLAN is what `terraform show -json` prints of a plan. Leaves with code 1 if a resource that the
    plan creates, changes or replaces lacks a required tag, or has a value that is not allowed.

    \b
    Examples:
      terraform plan -out plan.bin && terraform show -json plan.bin > plan.json
      percapita tags check-plan plan.json
      percapita tags check-plan plan.json --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.tags import over_time as tags  # noqa: PLC0415
    from percapita.report.tags import plan_view as enforce_view  # noqa: PLC0415
    from percapita.report.tags.plan import check_plan  # noqa: PLC0415
    from percapita.report.tags.taxonomy import read_taxonomy  # noqa: PLC0415

    taxonomy = read_taxonomy(Project.open(project_dir, store_dir).taxonomy)
    if taxonomy is None or not (taxonomy.required or taxonomy.optional):
        raise tags.NoTaxonomyError
    verdict = check_plan(plan, taxonomy)
    if form == "json":
        _json(enforce_view.plan_json(verdict))
    elif form == "csv":
        _csv(*enforce_view.plan_flat(verdict))
    else:
        for line in enforce_view.plan_text(verdict):
            click.echo(line)
    return FINDINGS if verdict.planned else 0


def _write(out: Path | None, text: str) -> None:
    if out is None:
        click.echo(text.rstrip("\n"))
    else:
        out.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        click.echo(f"Wrote {out}.", err=True)


def _csv_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    from percapita.report.export import write_csv  # noqa: PLC0415

    stream = io.StringIO()
    write_csv(stream, header, rows)
    return stream.getvalue()


def read_model(project: Project, period: str | None) -> tuple[Model | None, list[str] | None]:
    """Return the cost model, and the billing months of a period (``None`` is all).

    Questions about the bill alone need no model: without a sound one they go on, and the verbs of
    the model say what is wrong with it.
    """
    from percapita.core import periods  # noqa: PLC0415
    from percapita.model.load import ModelError, NoModelError  # noqa: PLC0415

    try:
        model = project.model()
    except (ModelError, NoModelError):
        model = None
    if not period:
        return model, None
    zone = periods.zone(model.timezone if model else "UTC")
    return model, [name for name, _ in periods.months(periods.parse(period, zone).span, zone)]


def _open(project_dir: Path, store_dir: Path | None, period: str | None) -> tuple[Project, Asked]:
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.tags.over_time import Asked  # noqa: PLC0415
    from percapita.report.tags.taxonomy import read_map, read_taxonomy  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    model, months = read_model(project, period)
    taxonomy = read_taxonomy(project.taxonomy)
    rows = read_map(project.resource_map)
    return project, Asked(project.now, model, taxonomy, rows, months, project.rates)


def _with(project: Project, question: Callable[[Store], Answer]) -> Answer:
    with project.store(create=False) as store:
        return question(store)


def _meta(project: Project, asked: Asked, currency: str, period: str | None) -> dict[str, Any]:
    from percapita.report.numbers import instant  # noqa: PLC0415

    return {
        "basis": asked.basis,
        "currency": currency,
        "period": period,
        "as_of": instant(project.now),
    }


def _page() -> Any:  # noqa: ANN401
    from percapita.report.table import Page  # noqa: PLC0415

    return Page()


def _json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _csv(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    from percapita.report.export import write_csv  # noqa: PLC0415

    write_csv(sys.stdout, header, rows)
