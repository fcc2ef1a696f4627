"""``lines``, ``groups``, ``weights``, ``ledger``: the stored rows, so that anyone can recompute."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.report.opened import Opened
    from percapita.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])


def _asked(command: Command) -> Command:
    """Add the options that all four share."""
    for option in (
        click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
                     help="Write to this file instead of the terminal."),
        click.option("--limit", type=click.IntRange(min=1), help="No more rows than this."),
        options.output("json", "csv", "parquet"),
        click.option("--basis", type=click.Choice(["billed", "effective", "contracted", "list"]),
                     help="The model's basis unless said."),
        click.option("--run", "run_id", default="", metavar="RUN",
                     help="A run; the published ones unless said."),
        click.option("--pool", default="", metavar="POOL", help="This pool alone."),
        click.option("--period", required=True, metavar="PERIOD",
                     help="Billing months: 2025-10, 2025-Q4, 2025 …"),
    ):  # fmt: skip
        command = option(command)
    return options.project(command)


@click.command("lines")
@_asked
def lines_command(project_dir: Path, store_dir: Path | None, **asked: Any) -> None:  # noqa: ANN401
    """Print the bill lines of a period, under FOCUS column names.

    Needs no run, but for --pool and --run.

    \b
    Examples:
      percapita lines --period 2025-10 --format csv --out lines.csv
      percapita lines --period 2025-10 --pool postgres
    """  # noqa: D301
    from percapita.report.dump import bind_run, of_lines  # noqa: PLC0415

    def query(store: Store, months: list[str], opened: Opened | None) -> str:
        if opened and asked["pool"]:
            bind_run(opened, months, asked["period"])
        return of_lines(store, months, opened, asked["pool"])

    _dump(project_dir, store_dir, asked, query, needs_run=bool(asked["pool"] or asked["run_id"]))


@click.command("groups")
@_asked
def groups_command(project_dir: Path, store_dir: Path | None, **asked: Any) -> None:  # noqa: ANN401
    """Print the acts of splitting of a run: amount, total weight, holder of the residual.

    \b
    Examples:
      percapita groups --period 2025-10 --pool postgres
    """  # noqa: D301
    _dump_run("groups", project_dir, store_dir, asked)


@click.command("weights")
@_asked
def weights_command(project_dir: Path, store_dir: Path | None, **asked: Any) -> None:  # noqa: ANN401
    """Print every receiver's weight in every group.

    \b
    Examples:
      percapita weights --period 2025-10 --pool postgres --format csv
    """  # noqa: D301
    _dump_run("weights", project_dir, store_dir, asked)


@click.command("ledger")
@_asked
def ledger_command(project_dir: Path, store_dir: Path | None, **asked: Any) -> None:  # noqa: ANN401
    """Print the amounts of every receiver.

    \b
    Examples:
      percapita ledger --period 2025-10 --format parquet --out ledger.parquet
      percapita ledger --period 2025-10 --pool postgres --limit 20
    """  # noqa: D301
    _dump_run("ledger", project_dir, store_dir, asked)


def _dump_run(what: str, project_dir: Path, store_dir: Path | None, asked: dict[str, Any]) -> None:
    from percapita.report.dump import bind_run, of_run  # noqa: PLC0415

    def query(_: Store, months: list[str], opened: Opened | None) -> str:
        assert opened is not None  # noqa: S101
        bind_run(opened, months, asked["period"])
        return of_run(what, opened, asked["pool"], months)

    _dump(project_dir, store_dir, asked, query, needs_run=True)


def _dump(
    project_dir: Path,
    store_dir: Path | None,
    asked: dict[str, Any],
    query: Callable[[Store, list[str], Opened | None], str],
    *,
    needs_run: bool,
) -> None:
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.dump import write  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        opened = None
        if needs_run:
            opened = open_figures(
                store, now=project.now, basis=asked["basis"] or "", run=asked["run_id"]
            )
        sql = query(store, _months(asked["period"], opened), opened)
        if asked["limit"]:
            sql = f"{sql} LIMIT {asked['limit']}"
        write(store.engine, sql, asked["form"], asked["out"])


def _months(period: str, opened: Opened | None) -> list[str]:
    from percapita.core import periods  # noqa: PLC0415

    zone = opened.zone if opened else periods.zone("UTC")
    return [name for name, _ in periods.months(periods.parse(period, zone).span, zone)]
