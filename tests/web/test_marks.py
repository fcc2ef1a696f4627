"""What happened and what was decided, as marks on the overview's chart and in words beside it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from percapita.core.roles import sight
from percapita.project import Project
from percapita.report.glance.overview import overview
from percapita.report.opened import open_figures
from web.serving import Site, served

EVENTS = [
    {"at": "2025-10-03T14:05:00Z", "kind": "deploy", "name": "v1.4.2"},
    {"at": "2025-10-03T18:00:00Z", "kind": "deploy", "name": "v1.4.3"},
    {"at": "2025-10-09T03:00:00Z", "kind": "incident", "name": "disk <b>full</b>"},
    {"at": "2025-10-09T04:00:00Z", "kind": "business", "name": "sign up"},
    {"at": "2025-09-30T23:59:59.9Z", "kind": "incident", "name": "of September"},
]


@pytest.fixture(scope="module")
def marked(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return CloudMetrics with a few events of October and a decision of the 20th."""
    folder = shutil.copytree(project, tmp_path_factory.mktemp("marks") / "project")
    events = folder / "events.json"
    events.write_text(json.dumps(EVENTS), encoding="utf-8")
    ours = ["--project", str(folder)]
    assert run(["import", str(events), "--kind", "events", *ours]) == 0
    decided = ["decision", "record", "Raise Starter", "--figure", "margin_percent"]
    assert run([*decided, "--period", "2025-10", "--decided-on", "2025-10-20", *ours]) == 0
    return folder


@pytest.fixture(scope="module")
def pages(marked: Path) -> Iterator[Site]:
    """Serve it."""
    with served(marked) as site:
        yield site


def test_marks_are_of_the_months_shown(pages: Site) -> None:
    """A mark stands for a day and kind; other months and events of the business are not there."""
    found = pages.get("/overview.json").json

    assert [(one["on"], one["kind"], one["name"], one["count"]) for one in found["marks"]] == [
        ("2025-10-03", "deploy", "v1.4.2", 2),
        ("2025-10-09", "incident", "disk <b>full</b>", 1),
        ("2025-10-20", "decision", "Raise Starter", 1),
    ]
    assert found["marks_left"] == 0


def test_each_mark_is_on_the_chart_and_in_words(pages: Site) -> None:
    """The chart has a line a mark with its text, the list beside it says the same, escaped."""
    page = pages.get("/overview").text
    chart = page[page.index("<svg") : page.index("</svg>")]
    listed = page[page.index('class="marks"') : page.index("</details>", page.index("marks"))]

    assert chart.count('class="mark ') == 3
    assert "<title>2025-10-03 deploy: v1.4.2 and 1 more</title>" in chart
    assert "disk &lt;b&gt;full&lt;/b&gt;" in chart
    assert 'href="/decisions#d1"' in chart
    assert 'href="/decisions#d1"' in listed
    assert listed.count("<li>") == 3
    places = [float(x) for x in re.findall(r'd="M([\d.]+) [\d.]+V', chart)]
    dots = [float(x) for x in re.findall(r'cx="([\d.]+)"[^>]*class="dot c1"', chart)]
    assert places == sorted(places)
    assert places[1] < dots[0] < places[2]


def seen(marked: Path, role: Any) -> set[str]:  # noqa: ANN401 a role
    """Return the kinds of marks that a role sees."""
    project = Project.open(marked)
    with project.store(create=False) as store:
        opened = open_figures(store, now=project.now)
        found = overview(opened, "2025-10", sight=sight(role))
    return {one["kind"] for one in found["marks"]}


def test_marks_are_for_who_may_see_what_they_name(marked: Path) -> None:
    """A viewer sees none, an operator what happened, finance what was decided besides."""
    assert seen(marked, "viewer") == set()
    assert seen(marked, "operator") == {"deploy", "incident"}
    assert seen(marked, "finance") == {"deploy", "incident", "decision"}


def test_too_many_marks_are_counted(marked: Path, tmp_path: Path) -> None:
    """Of more days than can be drawn incidents stay, and the page says how many are not drawn."""
    folder = shutil.copytree(marked, tmp_path / "busy")
    many = [
        {"at": f"2025-10-{day:02}T12:00:00Z", "kind": kind, "name": f"{kind} {day}"}
        for kind in ("scale", "deploy", "incident")
        for day in range(1, 32)
    ]
    (folder / "many.json").write_text(json.dumps(many), encoding="utf-8")
    named = ["--kind", "events", "--project", str(folder)]
    assert run(["import", str(folder / "many.json"), *named]) == 0
    with served(folder) as site:
        found = site.get("/overview.json").json
        page = site.get("/overview").text

    kinds = [one["kind"] for one in found["marks"]]
    assert (kinds.count("incident"), kinds.count("deploy"), kinds.count("scale")) == (31, 29, 0)
    assert found["marks_left"] == 33
    assert "Not drawn: 33 more days" in page
