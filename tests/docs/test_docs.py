"""The documentation cannot lie: pages are what programs make, names and links are there."""

from __future__ import annotations

import ast
import importlib.util
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from percapita import bills
from percapita.cli import main
from percapita.testing import cases, prove

ROOT = Path(__file__).parents[2]
DOCS, SRC = ROOT / "docs", ROOT / "src" / "percapita"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def shown(path: Path) -> str:
    """Return a path as messages name it."""
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> str:
    """Return a page's text."""
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """Return ``docs/generate.py``, which lies outside of every package."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---- made by programs ----


@pytest.mark.parametrize("name", ["cli.md", "model.md", "tables.md"])
def test_reference_is_current(name: str, generate: ModuleType) -> None:
    """References are what ``python docs/generate.py`` makes of the code."""
    assert read(DOCS / "reference" / name) == generate.REFERENCES[name]()


def test_tutorial_is_what_its_commands_print(generate: ModuleType) -> None:
    """Every command of the tutorial, run in order on its files, prints what stands below it."""
    page = read(generate.TUTORIAL)

    assert generate.settled(generate.tutorial(page)) == generate.settled(page)


@pytest.mark.slow
def test_tour_is_what_its_commands_print(generate: ModuleType) -> None:
    """README's screens and picture are what the sample company gives: generate.py tour."""
    page = read(generate.README)
    made, drawn = generate.tour(page)

    assert generate.settled(made) == generate.settled(page)
    assert drawn == read(generate.PICTURE)


def test_figures_on_the_way_of_a_dollar_are_computed() -> None:
    """Every Python line of the page gives what is printed under it."""
    import doctest  # noqa: PLC0415

    page = DOCS / "concepts" / "one-dollar.md"
    failed, tried = doctest.testfile(str(page), module_relative=False, encoding="utf-8")

    assert tried > 3
    assert failed == 0


def test_picture_needs_nothing_from_outside(generate: ModuleType) -> None:
    """README's picture loads no font, style or image from anywhere."""
    drawn = read(generate.PICTURE).replace("http://www.w3.org/2000/svg", "")

    assert "http" not in drawn
    assert "url(#" in drawn


# ---- links and names ----

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def anchor(heading: str) -> str:
    """Return the anchor that a heading gets."""
    kept = re.sub(r"[^\w\s-]", "", heading.replace("`", "").strip().lower())
    return re.sub(r"\s", "-", kept)


def anchors(page: Path) -> set[str]:
    """Return every anchor of a page."""
    return {anchor(heading) for heading in HEADING.findall(FENCE.sub("", read(page)))}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link inside the repository leads to a file, and to a heading where it names one."""
    broken = []
    for pair in LINK.findall(FENCE.sub("", read(page))):
        link = pair[0] or pair[1]
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        file, _, heading = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_page_can_be_found() -> None:
    """The index names every page of the documentation."""
    index = DOCS / "README.md"
    links = {(DOCS / (one or other).partition("#")[0]).resolve()
             for one, other in LINK.findall(read(index))}  # fmt: skip
    pages = {page.resolve() for page in DOCS.rglob("*.md")} - {index.resolve()}

    assert {shown(page) for page in pages - links} == set()


def commands(page: Path) -> Iterator[list[str]]:
    """Yield every command line of a page that calls percapita or make, as words."""
    for block in FENCE.findall(read(page)):
        kind, *lines = block.removeprefix("```").splitlines()
        for line in lines if kind in ("", "sh", "console") else ():
            for part in re.split(r"\$\(|\||;|&&", line.removeprefix("$ ")):
                if part.strip().startswith(("percapita ", "make ")):
                    words = shlex.split(part.strip().rstrip(")"), comments=True)
                    yield words


def verb(words: list[str]) -> click.Command:
    """Return the command that words call."""
    context = click.Context(main.cli)
    command = main.cli.get_command(context, words[1])
    assert command is not None, f"{words[1]} is no verb"
    if isinstance(command, click.Group) and len(words) > 2 and not words[2].startswith("-"):
        below = command.get_command(context, words[2])
        assert below is not None, f"{words[1]} {words[2]} is no verb"
        return below
    return command


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_commands_exist(page: Path) -> None:
    """Every verb, option and make target that a page shows is there."""
    targets = set(re.findall(r"^([\w-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    for words in commands(page):
        if words[0] == "make":
            assert {word for word in words[1:] if "=" not in word} <= targets, words
            continue
        options = {name for option in verb(words).params for name in option.opts} | {"--help"}
        assert {word for word in words if word.startswith("--")} <= options, words


def test_readme_says_how_to_start() -> None:
    """README shows a picture and the commands that take a stranger to a figure."""
    told = [" ".join(words[:2]) for words in commands(ROOT / "README.md")]

    assert "![" in read(ROOT / "README.md")
    assert told[:2] == ["make setup", "make demo"]
    assert {"percapita init", "percapita import", "percapita run", "percapita cost"} <= set(told)


# ---- codes and keys ----

FINDINGS = DOCS / "reference" / "findings.md"


def called(folder: Path, name: str) -> Iterator[str]:
    """Yield the first argument of every call of a name, where it is a plain text."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == name and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value


def test_findings_have_headings() -> None:
    """Each code of a finding has one heading, and each heading is a code."""
    headings = re.findall(r"^### `([^`]+)`$", read(FINDINGS), re.MULTILINE)

    assert sorted(headings) == sorted(set(called(SRC, "Finding")))


def refusals() -> set[str]:
    """Return every code of a row that is set aside, as bills and telemetry write them."""
    found = set(called(SRC / "bills", "Check"))
    for path in sorted([*(SRC / "bills").glob("*.py"), *(SRC / "telemetry").glob("*.py")]):
        for node in ast.walk(ast.parse(read(path))):
            if isinstance(node, ast.Tuple) and len(node.elts) >= 2:
                texts = [e.value for e in node.elts if isinstance(e, ast.Constant)]
                found |= {
                    text
                    for text in texts[:2]
                    if isinstance(text, str) and re.fullmatch(r"[a-z]+(-[a-z]+)+", text)
                }
    return found


def test_reasons_of_quarantine_are_listed() -> None:
    """Each code of a row that was set aside stands in a table of the findings page."""
    listed = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", read(FINDINGS)))

    assert refusals() - listed == set()
    assert {"not-a-number", "end-before-start", "not-a-time", "broken-row"} <= refusals()


QUESTIONS = (
    "run --no-publish",
    "runs",
    "sources",
    "quarantine",
    "check",
    "model check",
    "cost --by segment",
    "cost --by segment --where segment=SMB --scope infrastructure --top 1 --distribution",
    "metrics",
    "statement --for segment=SMB",
    "report",
    "pricing --margin 70",
    "reconcile",
    "reconcile --against {table}",
    "explain --segment segment=SMB --lines 1",
    "explain --line {line}",
    "readings --period 2025-10 --by service",
    "attribution --period 2025-10",
    "activity --period 2025-10 --by month",
    "model meters",
)


def keys(value: Any) -> Iterator[str]:  # noqa: ANN401
    """Yield every key of a document that stands below it as a name, not as data."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield key
            if key not in ("sums", "published", "attributes"):
                yield from keys(below)
    elif isinstance(value, list):
        for item in value:
            yield from keys(item)


def asked(question: str, project: Path) -> Any:  # noqa: ANN401
    """Return the JSON answer to a command line."""
    with redirect_stdout(io.StringIO()) as out:
        main.run([*shlex.split(question), "--project", str(project), "--format", "json"])
    return json.loads(out.getvalue())


def test_every_json_key_is_documented(example: Path, tmp_path: Path) -> None:
    """Whatever key a verb prints as JSON stands on the page of the machine interface."""
    page = read(DOCS / "reference" / "json.md")
    known = set(re.findall(r"`([^`]+)`", FENCE.sub("", page))) | {"segment"}
    known |= set(re.findall(r'"(\w+)":', page))
    table = tmp_path / "table.csv"
    table.write_text("segment,total\nSMB,1\nEnterprise,2\n", encoding="utf-8")
    line = asked("lines --period 2025-10 --limit 1", example)[0]["LineId"]
    for question in QUESTIONS:
        answer = asked(question.format(table=table, line=line), example)
        unknown = {
            key
            for key in keys(answer)
            if key not in known and not re.fullmatch(r"p\d+|top_\d+|[A-Z]\w+", key)
        }

        assert unknown == set(), question


# ---- examples in the text ----


def test_format_of_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bill format of the how-to, installed beside percapita, reads a bill and is proven."""
    page = read(DOCS / "how-to" / "add-a-bill-source.md")
    code = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[0]
    (tmp_path / "acme_percapita.py").write_text(code, encoding="utf-8")
    info = tmp_path / "acme_percapita-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-percapita\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[percapita.bills]\nacme = acme_percapita:SOURCE\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    case = tmp_path / "cases" / "one"
    case.mkdir(parents=True)
    (case / "bill.csv").write_text(
        "server_no,month,net_amount,product,team\ns1,2025-10,12.50,Root server,core\n"
    )
    (case / "expected.json").write_text('{"source": {"path": "bill.csv"}}')
    (found,) = cases(tmp_path / "cases")
    taken = bills.preview(found.source, root=found.folder)
    sys.modules.pop("acme_percapita", None)

    assert taken.format == "acme"
    assert taken.sums == {"EUR": {"billed": "12.50", "effective": "12.50"}}
    assert taken.lines[0]["Tags"] == {"team": "core"}
    with pytest.raises(AssertionError, match=r"net_amount|12\.50"):
        prove(found, taken.lines, taken.quarantined, taken.sums, taken.notes)


def test_example_of_the_project_file_is_read() -> None:
    """The percapita.yaml of the page on sources is read without a problem, every source of it."""
    from percapita.project.grammar import read as settings_of  # noqa: PLC0415

    block = read(DOCS / "reference" / "sources.md").split("```yaml\n")[1].split("```")[0]
    settings, problems = settings_of(block, "percapita.yaml")

    assert problems == []
    assert settings is not None
    assert len(settings.sources) == 7


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_prose_does_not_belittle(page: Path) -> None:
    """No page calls anything simple, easy or obvious."""
    words = re.findall(r"\b(simply|just|easily|obviously|of course)\b", FENCE.sub("", read(page)))

    assert words == []
