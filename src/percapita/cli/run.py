"""``run`` and ``runs``: allocate, prove, publish, and look back."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.model.spec import Model
    from percapita.pipeline import RunResult
    from percapita.store import Run


@click.command("run")
@options.project
@click.option("--model", "model_path", type=click.Path(path_type=Path, dir_okay=False),
              help="Another cost model than the project's.")  # fmt: skip
@click.option("--basis", "bases", multiple=True,
              type=click.Choice(["billed", "effective", "contracted", "list"]),
              help="Allocate this basis too, with the same weights; may be repeated.")  # fmt: skip
@click.option("--period", "periods", multiple=True, metavar="YYYY-MM",
              help="Only this billing month; may be repeated.")  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(min=1), help="Threads of the engine; all unless said."
)
@click.option("--memory", default="", metavar="SIZE", help="Memory limit of the engine, as 512MB.")
@click.option("--no-publish", is_flag=True, help="Prove and keep the run, but publish nothing.")
@click.option("--no-import", is_flag=True, help="Leave the sources alone; use what is in.")
@options.output("text", "json")
def run_command(
    project_dir: Path,
    store_dir: Path | None,
    model_path: Path | None,
    bases: tuple[str, ...],
    periods: tuple[str, ...],
    threads: int | None,
    memory: str,
    form: str,
    *,
    no_publish: bool,
    no_import: bool,
) -> None:
    """Split every bill line over its users, prove the sums, publish the figures.

    Imports the project's sources first; unchanged ones cost a hash. A run whose sums do not close
    publishes nothing and leaves with code 3. Months that have not begun, such as those of a yearly
    fee, are left for later unless --period names them.

    \b
    Examples:
      percapita run --project acme
      percapita run --basis billed --period 2025-10
      percapita run --model proposal.yaml --no-publish
    """  # noqa: D301
    from percapita import pipeline  # noqa: PLC0415
    from percapita.cli.progress import steps  # noqa: PLC0415
    from percapita.project import Project, handing  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    model = project.model(model_path)
    with project.store(threads=threads, memory=memory) as store, steps() as progress:
        if not no_import:
            handing.take_in(project, store, project.all_sources(store), progress=progress)
        result = pipeline.run(
            project, store, model,
            bases=bases, periods=periods or None, publish=not no_publish,  # type: ignore[arg-type]
            hashed=form == "json", progress=progress,
        )  # fmt: skip
    _show(result, model, form)


def _show(result: RunResult, model: Model, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(_json(result), indent=2))
    else:
        _print(result, model)


def _json(result: RunResult) -> dict[str, Any]:
    return {
        "run": result.run,
        "model": result.model,
        "basis": list(result.basis),
        "periods": list(result.periods),
        "rows": result.rows,
        "ledger_hash": result.ledger_hash,
        "findings": result.findings,
        "seconds": round(result.seconds, 3),
        "published": result.published,
        "later": list(result.later),
    }


def _print(result: RunResult, model: Model) -> None:
    what = "published" if result.published else "proven, not published"
    months = result.periods[0]
    if len(result.periods) > 1:
        months = f"{result.periods[0]} to {result.periods[-1]}"
    click.echo(
        f"Run {result.run} {what}: {months}, {' and '.join(result.basis)} cost,"
        f" {result.rows:,} ledger rows in {result.seconds:.1f} s. Every sum closes."
    )
    if result.later:
        ahead = result.later[0] if len(result.later) == 1 else f"{result.later[0]} and after"
        click.echo(f"Left for when it has begun: {ahead} (--period runs it now).")
    if result.findings:
        noun = "finding" if result.findings == 1 else "findings"
        click.echo(f"{result.findings} {noun}: see percapita check.")
    cut = model.segments[0].name if model.segments else "service"
    click.echo(f"Next: percapita cost --by {cut}   percapita reconcile   percapita check")


@click.command("runs")
@options.project
@options.output("text", "json", "csv")
def runs_command(project_dir: Path, store_dir: Path | None, form: str) -> None:
    """List the runs: when, which model, which periods, and what is published.

    \b
    Examples:
      percapita runs
      percapita runs --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        rows = [_row(run) for run in store.runs()]
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    shown = [_flat(row) for row in rows]
    if form == "csv":
        import csv  # noqa: PLC0415

        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(shown)
        return
    from percapita.report.table import show  # noqa: PLC0415

    show(_COLUMNS, shown, empty="No runs yet. Start one: percapita run")


_COLUMNS = ("run", "at", "model", "basis", "periods", "rows", "published")


def _row(run: Run) -> dict[str, Any]:
    published: dict[str, list[str]] = {}
    for basis, period in sorted(run.published):
        published.setdefault(basis, []).append(period)
    return {
        "run": run.id,
        "at": run.committed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "model": run.model_hash,
        "basis": list(run.bases),
        "periods": list(run.periods),
        "rows": run.stats.get("ledger", 0),
        "ledger_hash": run.ledger_hash or None,
        "published": published,
    }


def _flat(row: dict[str, Any]) -> tuple[str, ...]:
    live = "; ".join(f"{basis} {', '.join(months)}" for basis, months in row["published"].items())
    return (row["run"], row["at"] or "", row["model"][:12], ", ".join(row["basis"]),
            ", ".join(row["periods"]), f"{row['rows']:,}", live)  # fmt: skip
