"""``serve``: receive telemetry, count it, and answer."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from percapita.cli import options
from percapita.core.errors import InputError

if TYPE_CHECKING:
    from percapita.web.server import Opened

_MIB = 1 << 20


class MissingExtraError(InputError):
    """Packages that only the server needs are not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"percapita serve needs {package}, which is not installed.",
            hint="Install the server's packages: pip install 'percapita[serve]'",
        )


@click.command("serve")
@options.project
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
              help="Address of all ports. Other machines need tokens.")  # fmt: skip
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535),
              help="Of pages and health; 0 takes any that is free.")  # fmt: skip
@click.option("--otlp-http-port", default=4318, show_default=True, type=click.IntRange(0, 65535),
              help="Of OTLP/HTTP.")  # fmt: skip
@click.option("--otlp-grpc-port", default=4317, show_default=True, type=click.IntRange(0, 65535),
              help="Of OTLP/gRPC.")  # fmt: skip
@click.option(
    "--no-web", is_flag=True, help="The receivers alone; health is on the OTLP/HTTP port."
)
@click.option("--tls", nargs=2, metavar="CERT KEY", type=click.Path(path_type=Path),
              help="Speak TLS with this certificate and key (PEM).")  # fmt: skip
@click.option("--allow-host", multiple=True, metavar="NAME",
              help="A name by which this machine is called too; may be given again.")  # fmt: skip
@click.option("--sign-in", is_flag=True,
              help="Ask for sign-in on this machine too, as behind a proxy.")  # fmt: skip
@click.option("--max-body", default=16, show_default=True, type=click.IntRange(1, 256),
              metavar="MIB", help="Largest request, unpacked.")  # fmt: skip
@click.option("--spool-limit", default=2048, show_default=True, type=click.IntRange(1),
              metavar="MIB", help="Disk for what is received and not counted yet.")  # fmt: skip
@options.output("text", "json")
def serve_command(
    project_dir: Path,
    store_dir: Path | None,
    host: str,
    port: int,
    otlp_http_port: int,
    otlp_grpc_port: int,
    no_web: bool,  # noqa: FBT001 click's way
    tls: tuple[Path, Path] | None,
    allow_host: tuple[str, ...],
    sign_in: bool,  # noqa: FBT001 likewise
    max_body: int,
    spool_limit: int,
    form: str,
) -> None:
    """Show the pages, and receive telemetry from OpenTelemetry exporters, until stopped.

    What is acknowledged is on the disk, sealed, and is counted within seconds. A request that
    cannot be kept is refused in a way that makes the exporter send it again.

    \b
    Examples:
      percapita serve --project acme
      percapita serve --project acme --host 0.0.0.0      # after: percapita token create shop
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415

    with _extra():
        from percapita.telemetry.receive.intake import Limits  # noqa: PLC0415
        from percapita.web.server import Serving, serve  # noqa: PLC0415

        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
        project = Project.open(project_dir, store_dir)
        serving = Serving(
            host, None if no_web else port, otlp_http_port, otlp_grpc_port, tls, sign_in,
            allow_host, Limits(body=max_body * _MIB), spool_limit * _MIB,
        )  # fmt: skip
        serve(
            project, serving, lambda opened: _say(project.root, opened, form, tls=tls is not None)
        )


@contextmanager
def _extra() -> Iterator[None]:
    """Say of which package there is none; those of the pages are imported as pages are served."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "a package") from error


def _say(project: Path, opened: Opened, form: str, *, tls: bool) -> None:
    """Print where the ports are, in one line."""
    if form == "json":
        click.echo(json.dumps({"process": os.getpid(), **opened._asdict()}))
        return
    host = f"[{opened.host}]" if ":" in opened.host else opened.host
    web = "https" if tls else "http"
    places = [] if opened.port is None else [f"{web}://{host}:{opened.port}"]
    places.append(f"OTLP {web}://{host}:{opened.otlp_http_port}")
    places.append(f"gRPC {host}:{opened.otlp_grpc_port}")
    click.echo(f"Serving {project.name}: {', '.join(places)}. Ctrl-C stops.")
    if opened.closed:
        click.echo(
            "No token is in force: whatever is sent is refused. "
            "Make one with: percapita token create NAME", err=True,
        )  # fmt: skip
