"""``percapita explain``: follow one figure down to bill lines, or a line up to its users."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from percapita.project import Project
    from percapita.report.explain.as_json import Asked
    from percapita.report.explain.found import Question
    from percapita.report.opened import Opened
    from percapita.report.sought import Sought
    from percapita.store import Store

NAMED = 10
"""Lines, or receivers, that the terminal names unless told otherwise."""


class _Count(click.ParamType[int]):
    """A whole number, or ``all``, which is -1."""

    name = "N|all"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read the number."""
        if isinstance(value, int):
            return value
        if value == "all":
            return -1
        if not str(value).isdigit():
            self.fail(f"{value!r} is neither a whole number nor all.", param, ctx)
        return int(str(value))


@click.command("explain")
@click.argument("subject", required=False)
@options.project
@click.option("--tier", metavar="VALUE", help="Everyone of a tier; short for --segment tier=VALUE.")
@click.option("--segment", "segments", multiple=True, metavar="NAME=VALUE",
              help="Everyone with this value of a segment; may be repeated.")  # fmt: skip
@click.option("--tenant", metavar="NAME", help="A tenant and its users.")
@click.option("--line", "line_id", metavar="ID", help="A bill line, by the start of its id.")
@click.option("--period", metavar="PERIOD", help="2025-10, 2025-10-03, 2025-Q4 …; all unless said.")
@click.option("--basis", type=click.Choice(["billed", "effective", "contracted", "list"]),
              help="The model's basis unless said.")  # fmt: skip
@click.option("--pool", default="", metavar="POOL", help="This pool alone, group by group.")
@click.option("--lines", "count", type=_Count(),
              help="Lines, or receivers, to name; 10 as text, all as JSON and CSV.")  # fmt: skip
@click.option(
    "--run", "run_id", default="", metavar="RUN", help="A run; the published ones unless said."
)
@options.output("text", "json", "csv")
def explain_command(
    subject: str | None,
    project_dir: Path,
    store_dir: Path | None,
    form: str,
    **asked: Any,  # noqa: ANN401 the options are read one by one below
) -> None:
    """Follow one figure down to bill lines, or a line up to its users.

    SUBJECT is a user's id as your systems write it, a tenant's name, a pseudonym or #NUMBER;
    anonymous, idle, excluded and unallocated are subjects too. Parts over the lines sum to the
    figure, parts over the receivers to the line, to the last digit.

    \b
    Examples:
      percapita explain alice@example.com --period 2025-10
      percapita explain --tier Pro --pool postgres
      percapita explain --line 4f0c2b9d11aa
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.project.checking import units  # noqa: PLC0415
    from percapita.report.explain import as_json  # noqa: PLC0415
    from percapita.report.explain import asked as explain_asked  # noqa: PLC0415

    pairs = _pairs(asked["segments"], asked["tier"])
    tenant, line_id, pool = asked["tenant"], asked["line_id"], asked["pool"]
    _check_one(subject, pairs, tenant, line_id)
    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        opened = _opened(project, store, asked["basis"] or "", asked["run_id"])
        period, lines = asked["period"], _lines(asked["count"], form)
        question = explain_asked.question(opened, period, pool, lines)
        meta = explain_asked.meta(opened, period, pool)
        if line_id:
            return _print_up(opened, question, meta, line_id, form)
        sought = explain_asked.sought(opened, subject, pairs, tenant)
        page = as_json.Asked(sought.title, sought.shown, meta, units(project, store), opened.zone)
        return _print_down(opened, question, period, page, sought, form)


def _opened(project: Project, store: Store, basis: str, run: str) -> Opened:
    from percapita.report.opened import open_figures  # noqa: PLC0415

    return open_figures(store, now=project.now, basis=basis, run=run)


def _check_one(*named: object) -> None:
    if sum(map(bool, named)) != 1:
        raise click.UsageError("Name one thing: SUBJECT, --tier, --segment, --tenant or --line.")


def _pairs(segments: Sequence[str], tier: str | None) -> dict[str, str]:
    pairs = {"tier": tier} if tier else {}
    for text in segments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{text!r} is not NAME=VALUE.")
        pairs[name.strip()] = value.strip()
    return pairs


def _lines(count: int | None, form: str) -> int | None:
    """Return how many lines, or receivers, are named; ``None`` is all."""
    if count is None:
        count = NAMED if form == "text" else -1
    return None if count < 0 else count


def _print_down(
    opened: Opened, question: Question, period: str | None, asked: Asked, sought: Sought, form: str
) -> None:
    from percapita.report.explain import as_json as explain_json  # noqa: PLC0415
    from percapita.report.explain import bound  # noqa: PLC0415
    from percapita.report.explain.certain import interval  # noqa: PLC0415
    from percapita.report.explain.explain import down  # noqa: PLC0415

    found = down(
        opened.engine,
        lambda period, run: bound.bind(opened, period, run),
        question,
        lambda: sought.choose(opened),
    )
    sought.check()
    sure = interval(opened, sought, period, question.pool, found)
    asked = replace(asked, meta={**asked.meta, **sure})
    if form == "json":
        click.echo(explain_json.written(explain_json.down_json(asked, found)))
    elif form == "csv":
        _write_csv(explain_json.down_csv(found))
    else:
        from percapita.report.explain.as_text import down_text  # noqa: PLC0415

        _show(asked, down_text(asked, found))


def _print_up(
    opened: Opened, question: Question, meta: dict[str, Any], line_id: str, form: str
) -> None:
    from percapita.report.explain import as_json as explain_json  # noqa: PLC0415
    from percapita.report.explain import bound  # noqa: PLC0415
    from percapita.store.catalog.people import people  # noqa: PLC0415

    found = bound.line(opened, question, line_id)
    known = people(opened.store.catalog, {one.subject for one in found.got})
    asked = explain_json.Asked(f"line {found.line['LineId']}", {}, meta, zone=opened.zone)
    if form == "json":
        click.echo(explain_json.written(explain_json.up_json(asked, found, known)))
    elif form == "csv":
        _write_csv(explain_json.up_csv(found, known))
    else:
        from percapita.report.explain.as_text import up_text  # noqa: PLC0415

        _show(asked, up_text(asked, found, known, question.lines))


def _write_csv(rows: Iterable[Sequence[str | None]]) -> None:
    from percapita.report.export import write_csv  # noqa: PLC0415

    write_csv(sys.stdout, (), rows)


def _show(asked: Asked, parts: Sequence[RenderableType]) -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False, emoji=False)
    for part in parts:
        console.print(part)
    for note in asked.meta["notes"]:
        console.print(note, style="dim", markup=False)
