"""``gc`` and ``doctor``: look after the files of a store."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from percapita.cli import options

_FINDINGS = 1


@click.command("gc")
@options.project
@click.option("--keep", multiple=True, metavar="RUN",
              help="A run that stays though it is not published; may be given again.")  # fmt: skip
@options.output("text", "json")
def gc_command(project_dir: Path, store_dir: Path | None, keep: tuple[str, ...], form: str) -> None:
    """Delete files of figures that nothing shows any more: replaced imports, runs not published.

    What is published or closed stays, and all that it was made from. Files are marked first and go
    with a call at least seven days later, so that readers who have them open come to an end. Call
    it daily, or after large imports; it may run beside everything else.

    \b
    Examples:
      percapita gc
      percapita gc --keep r000012
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        for run in keep:
            store.run(run)
        done = store.gc(now=project.now, keep=keep)
    if form == "json":
        click.echo(json.dumps(asdict(done), indent=2))
        return
    click.echo(
        f"Marked {done.marked:,} files that no figure needs any more; they go after seven days.\n"
        f"Deleted {done.deleted:,} files that were marked before: {done.bytes / 1e6:,.1f} MB."
    )


@click.command("doctor")
@options.project
@options.output("text", "json")
def doctor_command(project_dir: Path, store_dir: Path | None, form: str) -> int:
    """See whether the catalog, the files and the Delta logs of a store agree. Nothing is changed.

    Ends with 1 where something is amiss. Reads the footer of every file, not its rows.

    \b
    Examples:
      percapita doctor
      percapita doctor --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415

    with Project.open(project_dir, store_dir).store(create=False) as store:
        found = store.doctor()
    if form == "json":
        click.echo(json.dumps([asdict(problem) for problem in found], indent=2))
    elif not found:
        click.echo("Catalog, files and Delta logs agree.")
    else:
        from percapita.report.table import show  # noqa: PLC0415

        rows = [(one.code, one.where, one.message, one.hint) for one in found]
        show(("problem", "where", "what", "what to do"), rows)
    return _FINDINGS if found else 0
