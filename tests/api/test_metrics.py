"""One list of metrics: each is on the page, in its files, on the command line and in Python."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from percapita.api import Book
from percapita.cli.main import run
from percapita.report.metrics.listed import METRICS
from web.serving import Site

NAMES = [metric.name for metric in METRICS]
Figures = dict[tuple[str, str], str]
"""(metric, of) -> the value, every digit of it; empty where it is not known."""


@pytest.fixture(scope="module")
def forms(site: Site, project: Path) -> dict[str, Figures]:
    """Give every metric in every form."""
    by_json = site.get("/figures.json").json
    return {
        "page": page_of(site.get("/figures").text),
        ".json": document(by_json),
        ".csv": table(site.get("/figures.csv").text),
        "API": document(site.get("/api/v1/figures").json),
        "command": document(json.loads(printed(project, "json"))),
        "command's table": table(printed(project, "csv")),
        "Python": python(project),
    }


def printed(project: Path, form: str) -> str:
    """Return what the command prints."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdout", out)
        assert run(["metrics", "--project", str(project), "--format", form]) == 0
    return out.getvalue()


def document(found: Any) -> Figures:  # noqa: ANN401
    """Read the metrics of a JSON document."""
    return {
        (one["metric"], one["of"] or ""): "" if one["value"] is None else str(one["value"])
        for one in found["metrics"]
    }


def table(text: str) -> Figures:
    """Read the metrics of a table."""
    return {(row["metric"], row["of"]): row["value"] for row in csv.DictReader(io.StringIO(text))}


def python(project: Path) -> Figures:
    """Read the metrics that Python gives, through the table."""
    from percapita.core.money import text  # noqa: PLC0415

    with Book.open(project) as book:
        rows = book.metrics().dicts()
    return {
        (row["metric"], row["of"] or ""): ""
        if row["value"] is None
        else str(row["value"])
        if isinstance(row["value"], int)
        else str(text(row["value"]))
        for row in rows
    }


def page_of(page: str) -> Figures:
    """Read the metrics that a page shows: the exact value stands behind each number."""
    found = {}
    for row in re.findall(r"<tr><th scope=\"row\">(.*?)</tr>", page, re.DOTALL):
        name = re.search(r"<code>(\w+)</code>", row)
        of = re.search(r'<td class="text">(.*?)</td>', row)
        assert name is not None
        assert of is not None
        value = re.search(r'<data value="([^"]*)"', row)
        found[name[1], html.unescape(of[1])] = value[1] if value else ""
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_is_the_same_in_every_form(name: str, forms: dict[str, Figures]) -> None:
    """Page, .json, .csv, API, command and Python give each metric, alike to the last digit."""
    told = {
        form: {of: value for (metric, of), value in figures.items() if metric == name}
        for form, figures in forms.items()
    }

    assert told["Python"]
    assert {form: values for form, values in told.items() if values != told["Python"]} == {}


def test_kpis_of_the_practice_say_what_they_count(site: Site, project: Path) -> None:
    """Percents, days and decisions are told apart on the page, by the command and in files."""
    found = site.get("/api/v1/figures?metric=practice").json["metrics"]
    units = {one["of"]: one["unit"] for one in found}
    rows = csv.DictReader(io.StringIO(site.get("/figures.csv?metric=practice").text))
    page = site.get("/figures").text
    out = printed(project, "text")

    assert (units["allocated"], units["decisions recorded"]) == ("%", "decisions")
    assert {row["of"]: row["unit"] or None for row in rows} == units
    shown = dict(
        re.findall(r'<td class="text">([^<]+)</td><td><data [^>]*>([^<]+)</data>', page)
    )  # fmt: skip
    assert re.fullmatch(r"[\d.]+ %", shown["allocated"])
    assert shown["decisions recorded"] == "0 decisions"
    assert "0 decisions" in out


def test_no_form_has_a_metric_of_its_own(forms: dict[str, Figures]) -> None:
    """What is not in the list is nowhere shown as a metric."""
    for form, figures in forms.items():
        assert {metric for metric, _ in figures} == set(NAMES), form


STRUCTURE = {
    "low", "high", "warn", "stake", "target", "share", "amount", "value", "tolerance", "percent",
    "cumulative_percent", "over_percent", "currency_rate", "price", "floor_price", "spend",
    "wrong", "booked_total", "overlap", "version",
}  # fmt: skip
"""Keys that hold a figure of something that stands beside them, not a metric."""
MONEY = re.compile(r"-?\d+\.\d+")


def figures_in(value: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401
    """Yield the key of every amount in a document."""
    if isinstance(value, dict):
        for name, below in value.items():
            yield from figures_in(below, name)
    elif isinstance(value, list):
        for item in value:
            yield from figures_in(item, key)
    elif isinstance(value, str) and MONEY.fullmatch(value):
        yield key


CLASSES = {"idle", "anonymous", "bots", "erased", "excluded", "unallocated", "rounding", "filtered",
           "outside_scope", "acquisition", "allocated", "difference"}  # fmt: skip


@pytest.mark.parametrize("path", ["/cost?by=tier", "/cost?by=pool", "/reconcile"])
def test_a_figure_of_a_page_is_a_metric(site: Site, path: str) -> None:
    """Whatever column of money a page shows is a metric of the list, or a named line."""
    data = site.get(f"/api/v1{path}").json

    assert set(figures_in(data)) - set(NAMES) - CLASSES - STRUCTURE == set()
