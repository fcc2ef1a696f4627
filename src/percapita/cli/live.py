"""``live``: what everything costs right now, before the bill is there."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.core.errors import PercapitaError
    from percapita.live.beside import Document
    from percapita.project import Project
    from percapita.store import Store

_EVERY = 5.0
_MEMORY = "512MB"


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

    Where percapita serve runs on the same store, it is asked and this command works nothing out.

    \b
    Examples:
      percapita live
      percapita live --by tier --watch
      percapita live --by feature --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    if on_stdin:
        _answer(project)
        return
    for data in _estimates(project, by, basis):
        _write(data, form, clear=watch)
        if not watch:
            return
        time.sleep(_EVERY)


def _estimates(project: Project, by: str, basis: str) -> Iterator[Document]:
    """Yield what it costs whenever the next one is asked for.

    A server of the same store is asked for it, as long as it answers. It knows no basis but the
    model's, and no clock but its own.
    """
    from percapita.live.beside import server  # noqa: PLC0415
    from percapita.project.opening import CLOCK  # noqa: PLC0415

    beside = None if basis or CLOCK in os.environ else server(project.store_root)
    if beside is not None:
        with closing(beside):
            while answer := beside.ask(by):
                yield answer
    yield from _worked_out(project, by, basis)


def _worked_out(project: Project, by: str, basis: str) -> Iterator[Document]:
    from percapita.live.desks import desk_of  # noqa: PLC0415
    from percapita.live.standing import look  # noqa: PLC0415
    from percapita.project.opening import now  # noqa: PLC0415
    from percapita.report.live.as_json import statement  # noqa: PLC0415

    with project.store(create=False) as store:
        desk = desk_of(store, basis)
        while True:
            yield statement(look(desk, now(), by))
            desk.tend()


def _answer(project: Project) -> None:
    """Answer questions until there are no more: how ``percapita serve`` asks."""
    from percapita.store.site import NoStoreError  # noqa: PLC0415

    try:
        # Beside a server its memory is bounded: what does not fit goes to the disk.
        store = project.store(create=False, memory=_MEMORY)
    except NoStoreError as error:
        # Once: with the next question there may be one.
        sys.stdin.readline()
        click.echo(_refusal(error, 503))
        return
    with store:
        _answer_from(store)


def _answer_from(store: Store) -> None:
    from percapita.core.errors import PercapitaError  # noqa: PLC0415
    from percapita.live.desk import ByError  # noqa: PLC0415
    from percapita.live.desks import desk_of  # noqa: PLC0415
    from percapita.live.standing import look  # noqa: PLC0415
    from percapita.project.opening import now  # noqa: PLC0415
    from percapita.report.live.as_json import statement  # noqa: PLC0415

    desk = desk_of(store)
    for line in sys.stdin:
        try:
            answer = statement(look(desk, now(), str(json.loads(line)["by"])))
        except PercapitaError as error:
            click.echo(_refusal(error, 400 if isinstance(error, ByError) else 503))
        else:
            click.echo(json.dumps(answer, ensure_ascii=False))
            desk.tend()


def _refusal(error: PercapitaError, status: int) -> str:
    said = {"status": status, "message": error.message, "hint": error.hint}
    return json.dumps({"error": said}, ensure_ascii=False)


def _write(data: Document, form: str, *, clear: bool) -> None:
    if form == "json":
        click.echo(json.dumps(data, indent=None if clear else 2, ensure_ascii=False))
        return
    from percapita.report.live.as_text import show  # noqa: PLC0415
    from percapita.report.table import Page  # noqa: PLC0415

    if clear:
        click.clear()
    show(Page(), data)
