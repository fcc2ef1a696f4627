"""``percapita explain``: follow one figure down to bill lines, or a line up to its users."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from rich.console import RenderableType

    from percapita.project import Project
    from percapita.report.explain import Question
    from percapita.report.explain_json import Asked
    from percapita.report.explain_who import Sought
    from percapita.report.opened import Opened
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
    from percapita.report.explain_json import Asked  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    pairs = _pairs(asked["segments"], asked["tier"])
    tenant, line_id, pool = asked["tenant"], asked["line_id"], asked["pool"]
    if sum(map(bool, (subject, pairs, tenant, line_id))) != 1:
        raise click.UsageError("Name one thing: SUBJECT, --tier, --segment, --tenant or --line.")
    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        opened = open_figures(
            store, now=project.now, basis=asked["basis"] or "", run=asked["run_id"]
        )
        question = _question(opened, asked["period"], pool, asked["count"], form)
        meta = _meta(opened, asked["period"], pool)
        if line_id:
            _print_up(opened, question, meta, line_id, form)
        else:
            sought = _sought(opened, subject, pairs, tenant)
            page = Asked(sought.title, sought.shown, meta, _units(project, store), opened.zone)
            _print_down(opened, question, page, sought, form)


def _pairs(segments: Sequence[str], tier: str | None) -> dict[str, str]:
    pairs = {"tier": tier} if tier else {}
    for text in segments:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{text!r} is not NAME=VALUE.")
        pairs[name.strip()] = value.strip()
    return pairs


def _sought(
    opened: Opened, subject: str | None, pairs: Mapping[str, str], tenant: str | None
) -> Sought:
    from percapita.report import explain_who  # noqa: PLC0415

    if pairs:
        return explain_who.segment(opened, pairs)
    if tenant:
        return explain_who.tenant(opened, tenant)
    return explain_who.subject(opened, str(subject))


def _question(
    opened: Opened, period: str | None, pool: str, count: int | None, form: str
) -> Question:
    from percapita.core.errors import InputError, nearest  # noqa: PLC0415
    from percapita.report.explain import Question  # noqa: PLC0415

    pools = [*(one.name for one in opened.model.pools), "unallocated", "rounding", "credits"]
    if pool and pool not in pools:
        raise InputError(f"{pool!r} is not a pool of the model.", hint=nearest(pool, pools))
    if count is None:
        count = NAMED if form == "text" else -1
    window = opened.period(period)
    return Question(
        opened.basis,
        tuple(sorted(opened.runs.items())),
        window.span if window else None,
        pool,
        None if count < 0 else count,
    )


def _meta(opened: Opened, period: str | None, pool: str) -> dict[str, Any]:
    from percapita.report.adjustments import status  # noqa: PLC0415
    from percapita.report.cost_json import instant  # noqa: PLC0415

    runs = sorted(set(opened.runs.values()))
    return {
        "basis": opened.basis,
        "currency": opened.model.currency,
        "period": opened.label(opened.period(period)),
        "pool": pool or None,
        "status": status(opened, opened.period(period)),
        "as_of": instant(opened.now),
        "model": opened.model.hash,
        "run": runs[0] if len(runs) == 1 else runs,
        "notes": list(opened.notes),
    }


def _units(project: Project, store: Store) -> dict[str, tuple[str, int]]:
    """Return the unit of each meter whose source gives just one."""
    from percapita.telemetry.units import unit  # noqa: PLC0415

    found: dict[str, set[tuple[str, int]]] = {}
    for source in project.all_sources(store):
        meters = [(meter.name, meter.unit, meter.scale) for meter in source.meters.values()]
        if source.unit and "meter" in source.values:
            meters.append((source.values["meter"], source.unit, source.scale))
        for name, text, scale in meters:
            found.setdefault(name, set()).add((text, unit(text, scale).factor))
    return {name: ways.pop() for name, ways in found.items() if len(ways) == 1}


def _print_down(
    opened: Opened, question: Question, asked: Asked, sought: Sought, form: str
) -> None:
    from percapita.report import explain_json, explain_who  # noqa: PLC0415
    from percapita.report.explain import down  # noqa: PLC0415

    found = down(
        opened.engine,
        lambda period, run: explain_who.bind(opened, period, run),
        question,
        lambda: sought.choose(opened),
    )
    sought.check()
    if form == "json":
        click.echo(explain_json.down_json(asked, found))
    elif form == "csv":
        _write_csv(explain_json.down_csv(found))
    else:
        from percapita.report.explain_text import down_text  # noqa: PLC0415

        _show(asked, down_text(asked, found))


def _print_up(
    opened: Opened, question: Question, meta: dict[str, Any], line_id: str, form: str
) -> None:
    from percapita.report import explain_json, explain_who  # noqa: PLC0415
    from percapita.store.people import people  # noqa: PLC0415

    found = explain_who.line(opened, question, line_id)
    known = people(opened.store.catalog, {one.subject for one in found.got})
    asked = explain_json.Asked(f"line {found.line['LineId']}", {}, meta, zone=opened.zone)
    if form == "json":
        click.echo(explain_json.up_json(asked, found, known))
    elif form == "csv":
        _write_csv(explain_json.up_csv(found, known))
    else:
        from percapita.report.explain_text import up_text  # noqa: PLC0415

        _show(asked, up_text(asked, found, known, question.lines))


def _write_csv(rows: Iterable[Sequence[str | None]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows(rows)


def _show(asked: Asked, parts: Sequence[RenderableType]) -> None:
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False, emoji=False)
    for part in parts:
        console.print(part)
    for note in asked.meta["notes"]:
        console.print(note, style="dim", markup=False)
