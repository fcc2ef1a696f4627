"""``init``, ``import``, ``sources``, ``quarantine``: start a project and take data in."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options
from percapita.core.sources import KINDS
from percapita.core.tables import COSTS

if TYPE_CHECKING:
    from percapita.core.sources import Taken
    from percapita.project import Project
    from percapita.project.handing import Said
    from percapita.project.starting import Started
    from percapita.store import Store

_NAMED = 12
"""Files that are called by name; --format json has them all."""


@click.command("init")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--bill", "bills", multiple=True,
              type=click.Path(path_type=Path), metavar="PATH",
              help="A bill to propose the files from; may be repeated.")  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite the files of an earlier init.")
@options.output("text", "json")
def init_command(folder: Path, bills: tuple[Path, ...], form: str, *, force: bool) -> None:
    """Start a project in DIR: where things are, cost model, tag taxonomy, resource map.

    With --bill the files are proposed from what the bill shows: its currency, services, tag keys
    and resource types. Without, they hold the defaults and examples to edit.

    \b
    Examples:
      percapita init acme
      percapita init acme --bill bill-2025-10.csv.gz
      percapita init acme --bill aws/ --bill vendors.csv --force
    """  # noqa: D301
    from percapita.cli.progress import steps  # noqa: PLC0415
    from percapita.project.starting import start  # noqa: PLC0415

    with steps() as progress:
        progress("reading bills" if bills else "writing files")
        started = start(folder, bills=bills, force=force)
    if form == "json":
        click.echo(json.dumps(_started(started), indent=2, ensure_ascii=False))
        return
    for path in started.files:
        click.echo(f"wrote {path}")
    if started.survey:
        found = started.survey
        click.echo(
            f"Read {found.lines:,} lines, {found.total:,.2f} {found.currency or 'of money'} gross,"
            f" {len(found.spend)} services, {len(found.tags)} tag keys."
        )
        for note in found.notes:
            click.echo(f"Note: {note}")
    bill = "" if bills else " BILL"
    click.echo(
        f"Next: edit {folder}/model.yaml; percapita import{bill} --project {folder};"
        f" percapita run --project {folder}"
    )


def _started(started: Started) -> dict[str, Any]:
    found = started.survey
    return {
        "project": str(started.folder),
        "files": [str(path) for path in started.files],
        "bill": found and {
            "lines": found.lines,
            "currencies": found.currencies,
            "periods": found.periods,
            "services": len(found.spend),
            "tags": [tag.key for tag in found.tags],
            "notes": found.notes,
        },
    }  # fmt: skip


@click.command("import")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@options.project
@click.option("--source", "name", default="", help="What to call it; the path unless said.")
@click.option("--kind", type=click.Choice(KINDS), help="What it holds; found out unless said.")
@click.option("--input-format", default="", metavar="FORMAT",
              help="focus, mapped …; csv, jsonl, parquet … for signals.")  # fmt: skip
@click.option("--unit", default="", help="Unit of the quantities where no column names it.")
@click.option("--map", "maps", multiple=True, metavar="OURS=THEIRS",
              help="Our name of a column and the file's; may be repeated.")  # fmt: skip
@click.option("--again", is_flag=True, help="Take it in even if the same content is in already.")
@options.output("text", "json")
def import_command(
    paths: tuple[str, ...],
    project_dir: Path,
    store_dir: Path | None,
    name: str,
    kind: str | None,
    input_format: str,
    unit: str,
    maps: tuple[str, ...],
    form: str,
    *,
    again: bool,
) -> None:
    """Take in bills, usage, users, head counts, revenue and events.

    PATH is a file, folder, glob in quotes, or the name of a source; without one, every source of
    percapita.yaml is taken in, whole or not at all; the same content twice changes nothing. Rows
    that cannot be read are set aside: see percapita quarantine.

    \b
    Examples:
      percapita import bill.csv.gz --project acme
      percapita import 'usage/*.jsonl' --source usage --map time=ts --map user=account_id
      percapita import deploys.yaml --kind events
    """  # noqa: D301
    if name and len(paths) != 1:
        raise click.UsageError(
            "--source names one PATH; give a folder or a glob for several files."
        )
    from percapita.project import Project, handing  # noqa: PLC0415

    said = handing.Said(name, kind, input_format, unit, handing.mapping(maps))  # type: ignore[arg-type]
    project = Project.open(project_dir, store_dir)
    taken, changed = _take_in(project, paths, said, again=again)
    if form == "json":
        click.echo(json.dumps([_taken(one) for one in taken], indent=2, ensure_ascii=False))
        return
    _print_taken(taken)
    if changed:
        click.echo(f"The default model's currency is now {changed}, as the bill's.")


def _take_in(
    project: Project, paths: Sequence[str], said: Said, *, again: bool
) -> tuple[list[Taken], str | None]:
    """Return what was taken in, and the currency that the default model took over."""
    from percapita.cli.progress import steps  # noqa: PLC0415
    from percapita.project import handing, starting  # noqa: PLC0415

    taken: list[Taken] = []
    with project.store() as store, steps() as progress:
        sources = handing.sources(project, store, paths, said)
        if not sources:
            raise click.UsageError("Name a PATH: percapita.yaml names no sources yet.")
        for source in handing.in_order(sources):
            taken += handing.take_in(project, store, [source], again=again, progress=progress)
            handing.remember(project, store, source, taken[-1])
        return taken, starting.adopt_currency(project, _currencies(store))


def _currencies(store: Store) -> set[str]:
    return {c for one in store.imports() if one.live and one.kind == "bill" for c in one.sums}


def _taken(one: Taken) -> dict[str, Any]:
    return {
        "source": one.source, "import": one.import_id, "kind": one.kind, "format": one.format,
        "files": one.files, "files_read": list(one.read), "files_unchanged": list(one.kept),
        "rows": one.rows, "quarantined": one.quarantined,
        "unchanged": one.unchanged, "sums": one.sums, "notes": list(one.notes),
    }  # fmt: skip


def _news(one: Taken) -> str:
    """Say how much of a delivery was new."""
    if one.unchanged:
        return "was in already"
    return f"{len(one.read)} read, {len(one.kept)} unchanged" if one.kept else ""


def _print_taken(taken: Sequence[Taken]) -> None:
    from percapita.report.table import show  # noqa: PLC0415

    titles = ("source", "kind", "format", "files", "rows", "quarantined", "")
    show(
        titles,
        [
            (one.source, one.kind, one.format, one.files, one.rows, one.quarantined,
             _news(one))
            for one in taken
        ],
    )  # fmt: skip
    _print_sums([(one.source, one.sums) for one in taken if one.kind == "bill"])
    for one in taken:
        if one.read and one.kept:
            named = [*one.read[:_NAMED], *(["…"] if len(one.read) > _NAMED else [])]
            click.echo(f"{one.source}: read {', '.join(named)}")
        for note in one.notes:
            click.echo(f"{one.source}: {note}")
    broken = sum(one.quarantined for one in taken)
    if broken:
        were = "row was" if broken == 1 else "rows were"
        click.echo(f"{broken:,} {were} set aside: see percapita quarantine.")


def _print_sums(sums: Sequence[tuple[str, Any]]) -> None:
    from percapita.report.table import Column, Page  # noqa: PLC0415

    rows = [
        (source, currency or "none", basis, by_basis[basis])
        for source, by_currency in sums
        for currency, by_basis in by_currency.items()
        for basis in COSTS
        if basis in by_basis
    ]
    if not rows:
        return
    # A name is said once.
    before = [("", ""), *(row[:2] for row in rows)]
    said = [
        ("", "", *row[2:]) if row[:2] == last else row
        for row, last in zip(rows, before, strict=False)
    ]
    page = Page()
    page.line()
    titles = ("source", "currency", "basis", "sum")
    page.table(
        [
            Column(title, cells, number=title == "sum")
            for title, cells in zip(titles, zip(*said, strict=True), strict=True)
        ]
    )


@click.command("sources")
@options.project
@options.output("text", "json", "csv")
def sources_command(project_dir: Path, store_dir: Path | None, form: str) -> None:
    """Show what was imported: files, rows, sums per currency and basis, rows set aside.

    Sums are of what counts now: what a later delivery replaced is left out of them.

    \b
    Examples:
      percapita sources --project acme
      percapita sources --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.sources import deliveries, flat  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        found = deliveries(store)
    if form == "json":
        click.echo(json.dumps([one.json() for one in found], indent=2, ensure_ascii=False))
    elif form == "csv":
        from percapita.report.export import write_csv  # noqa: PLC0415

        write_csv(sys.stdout, *flat(found))
    else:
        from percapita.report.table import show  # noqa: PLC0415

        titles = ("source", "kind", "files", "rows", "quarantined", "imported", "state")
        show(titles, [one.shown() for one in found], empty="Nothing was imported yet.")
        _print_sums([(one.source, one.sums) for one in found if one.state != "replaced"])


@click.command("quarantine")
@options.project
@click.option("--source", "name", default="", help="Only rows of this source.")
@click.option("--rows", "with_rows", is_flag=True,
              help="Read the rows again from their files, as they stand there.")  # fmt: skip
@options.output("text", "json", "csv")
def quarantine_command(
    project_dir: Path, store_dir: Path | None, name: str, form: str, *, with_rows: bool
) -> None:
    """List the rows that could not be read: where, what, why, and how to mend them.

    Ids of people are shown as pseudonyms. Mend the file and import it again: rows that are fine
    then leave this list.

    \b
    Examples:
      percapita quarantine --project acme
      percapita quarantine --source usage --rows
      percapita quarantine --format csv > broken.csv
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.sources import COLUMNS, broken_rows  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        if name:
            project.known_source(name, store)
        found = broken_rows(store, name, project.root if with_rows else None)
    header = [*COLUMNS, *(["text"] if with_rows else [])]
    if form == "json":
        rows = [dict(zip(header, row, strict=True)) for row in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif form == "csv":
        from percapita.report.export import write_csv  # noqa: PLC0415

        write_csv(sys.stdout, header, found)
    else:
        _print_broken(found, with_rows=with_rows)


def _print_broken(found: Sequence[Sequence[Any]], *, with_rows: bool) -> None:
    if not found:
        click.echo("Every row could be read.")
        return
    click.echo(f"{len(found):,} {'row is' if len(found) == 1 else 'rows are'} set aside.")
    for source, file, row, column, value, _, reason, fix, *text in found:
        place = f"{source}: {file}, row {row}" + (f", column {column}" if column else "")
        # Some reasons go on after the value, some are sentences.
        colon = ":" if value and reason[:1].isupper() else ""
        shown = f" {value!r}{colon}" if value else ""
        click.echo(f"{place}:{shown} {reason.rstrip('.')}. {fix}".rstrip())
        if with_rows:
            click.echo(f"    {text[0]}")
