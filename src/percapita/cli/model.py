"""``percapita model``: check the cost model, read it in words, give its grammar to an editor."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from percapita.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from percapita.core.errors import Problem
    from percapita.model.lint import Seen
    from percapita.model.meters import Meter
    from percapita.model.spec import Model
    from percapita.project import Project

FINDINGS, ERRORS = 1, 2
"""Exit codes: warnings under ``--strict``, and a model that cannot be run."""

_WITH_WORDS = 132
"""Characters in a line that leave room for sentences."""

_model_file = click.option(
    "--model",
    "model_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The model file; the project's own unless said.",
)


@click.group("model")
def model_command() -> None:
    """Check, describe and document the cost model.

    \b
    Examples:
      percapita model check --project acme
      percapita model describe --format markdown > allocation.md
      percapita model meters
      percapita model schema > model.schema.json
    """  # noqa: D301


@model_command.command("check", short_help="List what is wrong with the model.")
@options.project
@_model_file
@options.output("text", "json")
@click.option("--strict", is_flag=True, help="Leave with 1 if there is a warning.")
def check(
    project_dir: Path, store_dir: Path | None, model_file: Path | None, form: str, *, strict: bool
) -> int:
    """Say everything that is wrong with the model, with line and column.

    Errors stop a run. Warnings are names the imported data does not answer to: meters nobody
    reports, tags nobody carries. Leaves with 0 if the model can be run, 2 if not.
    """
    verdict = _judge(*_find(project_dir, store_dir, model_file))
    if form == "json":
        _print_json(
            {
                "model": str(verdict.path),
                "hash": verdict.model.hash if verdict.model else None,
                "errors": [_record(problem) for problem in verdict.errors],
                "warnings": [_record(problem) for problem in verdict.warnings],
            }
        )
    else:
        _print_check(verdict)
    if verdict.errors:
        return ERRORS
    return FINDINGS if strict and verdict.warnings else 0


@model_command.command("describe", short_help="Say in words who pays for what.")
@options.project
@_model_file
@options.output("text", "markdown", "json")
def describe(project_dir: Path, store_dir: Path | None, model_file: Path | None, form: str) -> None:
    """Say in words who pays for what: the documentation of every allocation decision."""
    from percapita.model import describe as words  # noqa: PLC0415
    from percapita.model.load import load  # noqa: PLC0415

    path, _ = _find(project_dir, store_dir, model_file)
    model = load(path)
    if form == "markdown":
        click.echo(words.markdown(model), nl=False)
    elif form == "json":
        _print_json(words.record(model))
    else:
        _print_model(model)


@model_command.command("schema", short_help="Print the grammar of the model file.")
@options.output("json", "markdown")
def schema(form: str) -> None:
    """Print the grammar of the model file: JSON Schema for editors, or the reference page."""
    if form == "markdown":
        from percapita.model.reference import reference  # noqa: PLC0415

        click.echo(reference(), nl=False)
    else:
        from percapita.model.schema import schema as made  # noqa: PLC0415

        _print_json(made())


@model_command.command("meters", short_help="List the meters a model can name.")
@options.project
@_model_file
@options.output("text", "json")
def meters(project_dir: Path, store_dir: Path | None, model_file: Path | None, form: str) -> None:
    """List the meters a model can name, and where each comes from.

    Built-in meters and those declared under `meters` are fed by telemetry; others come with
    imported readings alone.
    """
    from dataclasses import asdict  # noqa: PLC0415

    from percapita.model.load import load  # noqa: PLC0415
    from percapita.model.meters import meters as known  # noqa: PLC0415

    path, project = _find(project_dir, store_dir, model_file)
    found = known(load(path), _bases(project) if project else {})
    if form == "json":
        _print_json({"model": str(path), "meters": [asdict(meter) for meter in found]})
    else:
        _print_meters(found)


def _bases(project: Project) -> dict[str, str]:
    from percapita.store.site import NoStoreError  # noqa: PLC0415

    try:
        with project.store(create=False) as store:
            return store.meter_bases()
    except NoStoreError:
        return {}


def _print_meters(found: Sequence[Meter]) -> None:
    from percapita.report.table import Column, Page  # noqa: PLC0415

    page = Page()
    places = [f"model, line {m.line}" if m.line else m.origin for m in found]
    units = ["no readings" if m.unit is None else m.unit or "count" for m in found]
    texts = {
        "Meter": [meter.meter for meter in found],
        "From": places,
        "Base unit": units,
        "Asked for by": [", ".join(meter.asked) for meter in found],
        "Counts": [meter.counts.replace("`", "") for meter in found],
    }
    columns = [Column(title, values, number=False) for title, values in texts.items()]
    wide = page.width >= _WITH_WORDS
    page.table(columns if wide else columns[:-1])
    if not wide:
        page.line(f"With COLUMNS={_WITH_WORDS} or --format json: what each one counts.")


def _find(
    project_dir: Path, store_dir: Path | None, model_file: Path | None
) -> tuple[Path, Project | None]:
    """Return the model's path, and its project if there is one."""
    if model_file and not (project_dir / "percapita.yaml").exists():
        return model_file, None
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    return model_file or project.model_path, project


class _Verdict(NamedTuple):
    path: Path
    model: Model | None
    errors: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    compared: bool = False
    """The imported data was looked at."""


def _judge(path: Path, project: Project | None) -> _Verdict:
    from percapita.model.lint import Seen, lint  # noqa: PLC0415
    from percapita.model.load import ModelError, load  # noqa: PLC0415

    try:
        model = load(path)
    except ModelError as error:
        return _Verdict(path, None, errors=error.problems)
    seen = _seen(project) if project else Seen()
    warnings = lint(
        model,
        meters=seen.meters,
        tags=seen.tags,
        columns=seen.columns,
        sources=seen.sources,
        attributes=seen.attributes,
    )
    return _Verdict(path, model, warnings=warnings, compared=seen.meters is not None)


def _seen(project: Project) -> Seen:
    """Return what the project's data can answer to; only its sources where nothing is imported."""
    from percapita.core.tables import LINES, ORIGINALS, READINGS, SEGMENTS  # noqa: PLC0415
    from percapita.model.lint import Seen  # noqa: PLC0415
    from percapita.store.read import model as read_model  # noqa: PLC0415
    from percapita.store.site import NoStoreError  # noqa: PLC0415

    sources = {source.name for source in project.sources}
    try:
        with project.store(create=False) as store:
            for table in (LINES, READINGS, SEGMENTS):
                store.bind(table)
            engine = store.engine
            bills, meters = read_model.bills(engine), read_model.meters(engine)
            attributes = read_model.attributes(engine)
            return Seen(
                meters=meters if meters or bills else None,
                tags=read_model.tags(engine) if bills else None,
                columns={*store.extra_keys(), *ORIGINALS} if bills else None,
                sources=sources | bills | set(attributes),
                attributes=attributes,
            )
    except NoStoreError:
        return Seen(sources=sources)


def _record(problem: Problem) -> dict[str, object]:
    from percapita.model.check import place  # noqa: PLC0415

    path, line, column = place(problem)
    return {
        "code": problem.code,
        "file": path,
        "line": line,
        "column": column,
        "message": problem.message,
        "hint": problem.hint,
    }


def _print_json(value: object) -> None:
    import json  # noqa: PLC0415

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _print_check(verdict: _Verdict) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console()
    path, model = verdict.path, verdict.model
    if verdict.errors or verdict.warnings:
        console.print(_problem_table(verdict))
        console.print()
    counts = f"{_count(verdict.errors, 'error')}, {_count(verdict.warnings, 'warning')}"
    if model is None:
        console.print(Text(f"{path} cannot be run: {counts}."), soft_wrap=True)
        return
    parts = [
        _count(model.pools, "pool"),
        _count(model.units, "unit"),
        _count(model.segments, "segment"),
    ]
    console.print(Text(f"{path} can be run: {', '.join(parts)}; {counts}."), soft_wrap=True)
    if not verdict.compared:
        console.print("No data was imported yet, so meters and tags were not compared with it.")


def _problem_table(verdict: _Verdict) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table("", "Line", "What", "What to do", show_edge=False, pad_edge=False)
    for kind, problems in (("error", verdict.errors), ("warning", verdict.warnings)):
        for problem in problems:
            line = problem.where.removeprefix(f"{verdict.path}:")
            table.add_row(kind, line, Text(problem.message), Text(problem.hint))
    return table


def _count(items: Sequence[object], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"


def _print_model(model: Model) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from percapita.model import describe as words  # noqa: PLC0415

    console = Console()
    head = f"{model.path}: {model.basis} cost in {model.currency}, {model.timezone}"
    console.print(Text(head), soft_wrap=True)
    console.print()
    for title, rows in words.sections(model):
        table = Table("", title, show_edge=False, pad_edge=False, show_lines=True)
        for name, text in rows:
            table.add_row(Text(name), Text(text.replace("`", "")))
        console.print(table)
        console.print()
