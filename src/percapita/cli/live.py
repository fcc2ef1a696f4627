"""``live``: what everything costs right now, before the bill is there."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.live.desk import Desk
    from percapita.reconcile.estimate.snapshot import Live

_EVERY = 5.0


@click.command("live")
@options.project
@click.option("--by", default="pool", metavar="NAME", show_default=True,
              help="A segment of the model, or pool, service, feature, operation, region.",
)  # fmt: skip
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@click.option("--watch", is_flag=True, help="Look again every few seconds until stopped.")
@click.option("--on-stdin", is_flag=True, hidden=True,
              help="Answer each JSON line of standard input by a JSON line.")  # fmt: skip
@options.output("text", "json")
def live_command(
    *,
    project_dir: Path,
    store_dir: Path | None,
    by: str,
    basis: str,
    watch: bool,
    on_stdin: bool,
    form: str,
) -> None:
    """Estimate what everything costs right now, with 90 % intervals.

    Capacity and billable meters are priced first, at their last known price; then the money is
    split over who uses it. Nothing here changes published figures; the bill replaces it.

    \b
    Examples:
      percapita live
      percapita live --by tier --watch
      percapita live --by feature --format json
    """  # noqa: D301
    from percapita.live.desk import Desk  # noqa: PLC0415
    from percapita.live.standing import look  # noqa: PLC0415
    from percapita.project import Project  # noqa: PLC0415
    from percapita.project.opening import now  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        desk = Desk(store, basis)
        if on_stdin:
            _answer(desk)
            return
        _write(look(desk, project.now, by), form, clear=watch)
        while watch:
            time.sleep(_EVERY)
            _write(look(desk, now(), by), form, clear=True)


def _answer(desk: Desk) -> None:
    """Answer questions until there are no more: how ``percapita serve`` asks."""
    from percapita.core.errors import PercapitaError  # noqa: PLC0415
    from percapita.live.desk import ByError  # noqa: PLC0415
    from percapita.live.standing import look  # noqa: PLC0415
    from percapita.project.opening import now  # noqa: PLC0415
    from percapita.report.live.as_json import statement  # noqa: PLC0415

    for line in sys.stdin:
        answer: dict[str, Any]
        try:
            answer = statement(look(desk, now(), str(json.loads(line)["by"])))
        except PercapitaError as error:
            status = 400 if isinstance(error, ByError) else 503
            answer = {"error": {"status": status, "message": error.message, "hint": error.hint}}
        click.echo(json.dumps(answer, ensure_ascii=False))


def _write(live: Live, form: str, *, clear: bool) -> None:
    if form == "json":
        from percapita.report.live.as_json import statement  # noqa: PLC0415

        indent = None if clear else 2
        click.echo(json.dumps(statement(live), indent=indent, ensure_ascii=False))
        return
    from percapita.report.live.as_text import show  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415

    if clear:
        click.clear()
    show(Page(), live)
