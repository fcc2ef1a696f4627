"""``readings``, ``attribution`` and ``activity``: what was measured, whose it is, who was there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.core.periods import Period
    from percapita.model.spec import Model
    from percapita.store import Store

_period = click.option("--period", metavar="PERIOD",
                       help="2025, 2025-Q4, 2025-10, 2025-10-03 or A..B; the newest month with "
                            "readings unless said.")  # fmt: skip


@click.command("readings")
@options.project
@_period
@click.option("--by", type=click.Choice(("meter", "service", "subject", "feature")),
              default="meter", show_default=True, help="What readings are summed by.")  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), default=30, show_default=True,
              help="How many rows the table shows; JSON has all.")  # fmt: skip
@options.output("text", "json")
def readings_command(
    *, project_dir: Path, store_dir: Path | None, period: str | None, by: str, top: int, form: str
) -> None:
    """Sum what was measured: signals, quantity in base units, and how sure a sample makes it.

    Quantities of sampled telemetry stand for all of it; beside them is a 90 % interval, or the word
    that too few traces were kept to tell.

    \b
    Examples:
      percapita readings
      percapita readings --period 2025-10-03 --by service --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415
    from percapita.report.usage import usage  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    model = project.model()
    with project.store(create=False) as store:
        found = usage.readings(store, model, _asked(store, model, period), by)
    if form == "json":
        click.echo(json.dumps(usage.record(found), indent=2, ensure_ascii=False))
    else:
        usage.show(Page(), found, top)


@click.command("attribution")
@options.project
@_period
@options.output("text", "json")
def attribution_command(
    *, project_dir: Path, store_dir: Path | None, period: str | None, form: str
) -> None:
    """Show how much usage names its user, and where the id is lost.

    By service and meter: the share of signals with a user, a session only, a tenant only, nobody.
    Operations that lack an id stand with their volume and the money that falls on nobody.

    \b
    Examples:
      percapita attribution --period 2025-10
      percapita attribution --period 2025-10 --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415
    from percapita.report.usage import attribution  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    model = project.model()
    with project.store(create=False) as store:
        found = attribution.attribution(store, model, _asked(store, model, period))
    if form == "json":
        click.echo(json.dumps(attribution.record(found), indent=2, ensure_ascii=False))
    else:
        attribution.show(Page(), found)


@click.command("activity")
@options.project
@_period
@click.option("--by", type=click.Choice(("day", "week", "month")), default="day",
              show_default=True, help="What activity is shown by.")  # fmt: skip
@options.output("text", "json")
def activity_command(
    *, project_dir: Path, store_dir: Path | None, period: str | None, by: str, form: str
) -> None:
    """Show who was active: users by day, week and month, sessions, transactions, bots.

    What makes a user active, ends a session and tells a bot stands in the model.

    \b
    Examples:
      percapita activity --period 2025-10
      percapita activity --period 2025-Q4 --by month --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415
    from percapita.report.usage import activity  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    model = project.model()
    with project.store(create=False) as store:
        asked = _asked(store, model, period)
        found = activity.activity(store, model, asked, by, project.now)
    if form == "json":
        click.echo(json.dumps(activity.record(found), indent=2, ensure_ascii=False))
    else:
        activity.show(Page(), found)


def _asked(store: Store, model: Model, period: str | None) -> Period:
    from percapita.core.periods import parse, zone  # noqa: PLC0415
    from percapita.report.usage import usage  # noqa: PLC0415

    return parse(period or usage.newest(store), zone(model.timezone))
