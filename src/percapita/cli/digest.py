"""``digest``: count what was received."""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.project import Project
    from percapita.telemetry.digest import Digest


@click.command("digest")
@options.project
@click.option(
    "--once", is_flag=True, help="Count all that is there, wait for nothing more, and end."
)
@click.option("--marks", default=10240, show_default=True, type=click.IntRange(1), metavar="MIB",
              help="Disk for what tells a signal that is sent twice.")  # fmt: skip
@click.option("--log", is_flag=True, hidden=True,
              help="Bring the Delta logs up to what is committed, and end.")  # fmt: skip
def digest_command(
    *, project_dir: Path, store_dir: Path | None, once: bool, marks: int, log: bool
) -> None:
    """Turn what was received into hourly readings, each signal once.

    percapita serve runs this beside itself; alone it counts what a server left. After each commit
    it prints a line of JSON: how far it is, what waits, how far back a signal is known again.

    \b
    Examples:
      percapita digest --project acme --once
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    if log:
        from percapita.store.settling import settle  # noqa: PLC0415

        with project.store(threads=1, memory="128MB") as store:
            settle(store)
    else:
        _count(project, once=once, marks=marks)


def _count(project: Project, *, once: bool, marks: int) -> None:
    from percapita.store.live import memory  # noqa: PLC0415

    if not once:
        memory.spare()
    from percapita.store.spool import Spool  # noqa: PLC0415
    from percapita.telemetry.digest import Digest, Marks, Models, loop  # noqa: PLC0415
    from percapita.telemetry.logged import Happened  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    models = Models(project.model_path, project.model)
    with project.store(threads=1, memory="128MB") as store:
        live = store.live(limit=marks << 20, settle=None if once else partial(_settle, project))
        try:
            with Spool(store.root, store.key) as spool:
                happened = Happened(store.door, lambda: models.model.identity.attributes)
                digest = Digest(live, spool, models, Marks(store.key), happened)
                if once:
                    digest.finish(datetime.now(UTC))
                    _say(digest)
                    return
                loop.run(digest, _stopping(), lambda: _say(digest))
        finally:
            live.close()


def _settle(project: Project) -> None:
    """Bring the Delta logs up to date in a process of its own: libraries leave no memory."""
    command = [sys.executable, "-m", "percapita", "digest", "--log"]
    where = ["--project", str(project.root), "--store", str(project.store_root)]
    nothing = subprocess.DEVNULL
    done = subprocess.run([*command, *where], stdin=nothing, stdout=nothing, check=False)  # noqa: S603
    if done.returncode:
        logging.getLogger(__name__).error("the Delta logs are not up to date")


def _say(digest: Digest) -> None:
    told: dict[str, Any] = digest.report()
    click.echo(json.dumps(told))


def _stopping() -> threading.Event:
    """Return what is set when the process is to end: by a signal, or with its parent."""
    stop = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stop.set())
    if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
        threading.Thread(target=_until_end, args=(stop,), daemon=True).start()
    return stop


def _until_end(stop: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    stop.set()
