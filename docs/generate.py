"""Writes every page, screen and picture of the documentation that a program can write.

    python docs/generate.py             references and the tutorial (seconds)
    python docs/generate.py tour        README's screens and the picture (a minute)

The tests compare the committed pages with what this makes. Screens stand in blocks marked
``console``: a line that starts with ``$`` is a command, what follows is what it printed. A block
marked ``yaml FILE`` or ``diff FILE`` is what the reader writes into that file at that point.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import click

DOCS: Final = Path(__file__).parent
ROOT: Final = DOCS.parent
TUTORIAL: Final = DOCS / "tutorial.md"
README: Final = ROOT / "README.md"
PICTURE: Final = DOCS / "images" / "cost-by-tier.svg"

WIDTH: Final = 96
"""Characters in a line of every screen."""
CLOCK: Final = "2025-11-03T09:00:00Z"
"""The time on every screen."""
KEY: Final = "00" * 32
"""Secret of the pseudonyms on every screen, so that they are the same each time."""

_BLOCK: Final = re.compile(r"^```(console|yaml|diff)( \S+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PASSING: Final = re.compile(r"\b\d+\.\d s\b")


def settled(page: str) -> str:
    """Return a page without what differs from one run to the next: seconds."""
    return _PASSING.sub("… s", page)


# ---- references ----


def tables_page() -> str:
    """Return the reference of all stored tables."""
    from percapita.core.tables import INPUTS, OUTPUTS, Table  # noqa: PLC0415

    def section(table: Table) -> Iterator[str]:
        listed = ", ".join(f"`{name}`" for name in table.key)
        parts = ", ".join(f"`{name}`" for name in table.partition)
        yield f"### {table.name}\n"
        yield f"One row is {table.row}. Written by `{table.writer}`, partitioned by {parts}."
        yield f"Key: {listed}.\n"
        yield "| column | type | meaning |\n|---|---|---|"
        for column in table.columns:
            yield f"| `{column.name}` | `{column.type}` | {column.meaning} |"
        yield ""

    lines = [_TABLES_HEAD, "## Written by import\n"]
    for table in INPUTS:
        lines += section(table)
    lines.append("## Written by run\n")
    for table in OUTPUTS:
        lines += section(table)
    return "\n".join(lines).rstrip() + "\n"


_TABLES_HEAD: Final = """\
# Tables

Every stored table, column by column. `python docs/generate.py` makes this page from
`src/percapita/core/tables`; stages meet in these tables and nowhere else.

Each table is a Delta Lake table below `.percapita/tables/`. Partition columns lead the path of its
files (`period=2025-10/import=i000001/`). Which imports count and which run is published stands in
the catalog, so read figures through `percapita`, or ask
[`lines`, `groups`, `weights` and `ledger`](json.md#lines-groups-weights-ledger) for the rows.

A key of `Extra` is a column `Extra.KEY` of the Parquet files of `lines`, so that one costs no more
than a column. Engines that read the Delta table see the map empty: they find the columns in the
files, or the whole map in what `percapita lines --format parquet` writes.

`period` of bills and of everything a run writes is the billing month. `period` of readings, counts
and revenue is the calendar month of their date.

| type | is |
|---|---|
| `decimal(36,18)` | money, signed; read as text by [JSON](json.md#numbers) |
| `decimal(38,0)` | a whole number that may pass 64 bits |
| `timestamp` | an instant, UTC |
| `date` | a day of the model's time zone |
| `map<string,string>` | keys and values, as written |
"""


def cli_page() -> str:
    """Return the reference of all verbs: their own help."""
    from percapita.cli.main import VERBS, cli  # noqa: PLC0415

    context = click.Context(cli, info_name="percapita")
    lines = [_CLI_HEAD, "| verb | what it does |\n|---|---|"]
    lines += [f"| [`{name}`](#{name}) | {said} |" for name, (_, said) in VERBS.items()]
    lines.append("")
    for name in VERBS:
        command = cli.get_command(context, name)
        assert command is not None  # noqa: S101
        lines += _verb(command, name, 2)
    return "\n".join(lines).rstrip() + "\n"


def _verb(command: click.Command, path: str, level: int) -> Iterator[str]:
    context = click.Context(
        command, info_name=f"percapita {path}", terminal_width=88,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
    yield f"{'#' * level} {path}\n"
    yield f"```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None  # noqa: S101
            yield from _verb(below, f"{path} {name}", level + 1)


_CLI_HEAD: Final = """\
# Command line

`percapita VERB --help` says all of this too; `python docs/generate.py` makes this page from it.

Every verb that reads takes `--project DIR` (the folder with `percapita.yaml`, this folder unless
said) and `--format`. Results go to standard output; progress, notes and errors go to standard
error. With `--format json` nothing but JSON is on standard output.

| exit code | means |
|---:|---|
| 0 | fine, also where rows were set aside: those are counted and listed |
| 1 | something you asked to fail on: `check --fail-on`, `model check --strict`, `reconcile` |
| 2 | a file, option or model that cannot be worked with; the message says where and what to do |
| 3 | an error in percapita itself, or figures that do not close; nothing was published |

| variable | does |
|---|---|
| `PERCAPITA_NOW` | fixes the clock: `2025-11-01T00:00:00Z` |
| `COLUMNS` | width of tables in the terminal; columns that matter least leave first |
| `NO_COLOR` | no colours |
"""


def model_page() -> str:
    """Return the reference of the cost model's keys."""
    from percapita.model.reference import reference  # noqa: PLC0415

    return reference()


def metrics_page() -> str:
    """Return the list of all metrics."""
    from percapita.report.metrics.listed import METRICS  # noqa: PLC0415

    lines = [_METRICS_HEAD, "| metric | kind | one for each | is |\n|---|---|---|---|"]
    lines += [f"| `{one.name}` | {one.kind} | {one.of} | {one.meaning} |" for one in METRICS]
    return "\n".join(lines) + "\n"


_METRICS_HEAD: Final = """\
# Metrics

Every figure that has a name. `python docs/generate.py` makes this page from
`src/percapita/report/metrics/listed.py`; the page `/figures`, its `.json` and `.csv`,
[`percapita metrics`](cli.md#metrics) and [`book.metrics()`](../how-to/python.md) show this list and
nothing else, alike to the last digit.

Cost is allocated cost in the basis asked for. "Unit" is the model's primary unit unless a metric
has one value for each. What is undefined, or not known, has no value: never zero.
"""


REFERENCES: Final[dict[str, Callable[[], str]]] = {
    "tables.md": tables_page,
    "cli.md": cli_page,
    "metrics.md": metrics_page,
    "model.md": model_page,
}
"""Page below ``docs/reference`` -> what it must be."""


# ---- screens ----


def replay(page: str, folder: Path) -> str:
    """Return a page with every screen as it is when its commands are run in a folder."""
    parts, at = [], 0
    for match in _BLOCK.finditer(page):
        kind, name, body = match[1], (match[2] or "").strip(), match[3]
        parts.append(page[at : match.start()])
        if kind == "console":
            body = "".join(_screen(body, folder))
        elif name:
            _written(kind, folder / name, body)
        parts.append(f"```{kind}{match[2] or ''}\n{body}```")
        at = match.end()
    return "".join([*parts, page[at:]])


def _screen(body: str, folder: Path) -> Iterator[str]:
    commands = [line[2:] for line in body.splitlines() if line.startswith("$ ")]
    for number, command in enumerate(commands):
        if number:
            yield "\n"
        yield f"$ {command}\n{shown(command, folder)}"


def shown(command: str, folder: Path, **more: str) -> str:
    """Return what a command prints in a folder."""
    here = str(Path(sys.executable).parent)
    environment = {
        **os.environ, "PATH": f"{here}{os.pathsep}{os.environ['PATH']}", "COLUMNS": str(WIDTH),
        "PERCAPITA_NOW": CLOCK, "NO_COLOR": "1", "TERM": "dumb", **more,
    }  # fmt: skip
    done = subprocess.run(  # noqa: S602 the commands are our own pages'
        command, shell=True, cwd=folder, env=environment, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    told = done.stdout.replace(f"{folder}/", "")
    return "".join(f"{line.rstrip()}\n" for line in told.splitlines())


def _written(kind: str, path: Path, body: str) -> None:
    """Put a block into its file: a whole file, or lines that leave (-) and come (+)."""
    if kind == "yaml":
        path.write_text(body, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    for hunk in body.split("\n\n"):
        lines = hunk.strip("\n").splitlines()
        before = "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", "-"))
        after = "".join(f"{line[1:]}\n" for line in lines if line[:1] in (" ", "+"))
        if text.count(before) != 1:
            raise ValueError(f"{path.name} does not have these lines once:\n{before}")
        text = text.replace(before, after)
    path.write_text(text, encoding="utf-8")


def tutorial(page: str) -> str:
    """Return the tutorial with every screen run again."""
    with tempfile.TemporaryDirectory(prefix="percapita-") as name:
        shutil.copytree(DOCS / "tutorial" / "acme", Path(name) / "acme")
        Path(name, "acme", "percapita.key").write_text(f"{KEY}\n", encoding="ascii")
        return replay(page, Path(name))


def tour(page: str) -> tuple[str, str]:
    """Return README with every screen run again on the sample company, and the picture."""
    with tempfile.TemporaryDirectory(prefix="percapita-") as name:
        folder = Path(name)
        company = folder / "demo" / "company"
        made = shown(f"{sys.executable} -m percapita.sample {company} --seed 1", folder)
        (company / "percapita.key").write_text(f"{KEY}\n", encoding="ascii")
        ran = shown("percapita run --project demo/company", folder)
        if "Every sum closes" not in ran:
            raise RuntimeError(made + ran)
        return replay(page, folder), picture(folder)


def picture(folder: Path) -> str:
    """Return the table of cost per user as an SVG that names no outside font or file."""
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    command = "percapita cost --by tier --period 2025-10 --project demo/company"
    told = shown(
        command, folder, FORCE_COLOR="1", NO_COLOR="", TERM="xterm-256color", COLUMNS="120"
    )
    lines = told.rstrip("\n").splitlines()
    width = max(len(Text.from_ansi(line).plain) for line in lines) + 1
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(Text(f"$ {command.partition(' --project')[0]}\n", style="bold"))
    console.print(Text.from_ansi("\n".join(lines)), soft_wrap=True)
    drawn = console.export_svg(title="percapita", code_format=_SVG, unique_id="table")
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


_SVG: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" \
role="img" aria-label="percapita cost --by tier: what a user of each tier costs">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; \
font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def main(argv: list[str]) -> None:
    """Write the pages."""
    if argv == ["tour"]:
        page, drawn = tour(README.read_text(encoding="utf-8"))
        README.write_text(page, encoding="utf-8")
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_text(drawn, encoding="utf-8")
        return
    for name, made in REFERENCES.items():
        (DOCS / "reference" / name).write_text(made(), encoding="utf-8")
    TUTORIAL.write_text(tutorial(TUTORIAL.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
