"""Every answer is exactly what the API describes: no part missing, none that is not described."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest

from figures.folder import make_project
from figures.w1 import w1
from invariants.folder import ask, call
from live.company import NOW, made
from live.sent import checkout, send
from percapita.cli.main import run
from percapita.core.roles import ROLES
from percapita.sample.__main__ import main as write_sample
from percapita.web.api.openapi import SCHEMAS
from percapita.web.shapes import COMPONENTS, books, cost, decisions, health, live
from percapita.web.views import PAGES
from web.described import misfit, parts, records
from web.serving import Reply, Site, served

ASKED: Final = {
    "cost": ("?by=tier", "?by=pool&by=tier", "?by=month", "?by=user&top=3", "?by=tenant",
             "?by=tier&limit=1", "?by=pool&facet=tier&facet=user&facet=month",
             "?by=tier&scope=infrastructure"),
    "explain": ("",),
    "overview": ("", "?basis=effective", "?by=pool"),
    "statements": ("", "?by=owner"),
    "pricing": ("", "?margin=20&margin=60.5"),
    "audit": ("", "?limit=1"),
    "decisions": ("", "?metric=total"),
}  # fmt: skip
"""Page -> questions that any project can be asked; without one, the bare address."""


def questions(site: Site) -> Iterator[tuple[str, str]]:
    """Yield each page with questions that have answers."""
    for name in PAGES:
        if name not in ("line", "trace"):
            yield from ((name, query) for query in ASKED.get(name, ("",)))
    for cut in ("tier", "tenant"):
        for row in site.get(f"/api/v1/cost?by={cut}").json["rows"][:3]:
            of = quote(f"{cut}={row[cut]}")
            if row[cut] is not None:
                yield "statements", f"?for={of}"
                yield "cost", f"?by=pool&where={of}"
                if cut == "tier":
                    yield "explain", f"?segment={of}"
    users = [row["user"] for row in site.get("/api/v1/cost?by=user&top=3").json["rows"]]
    known = [f"?subject={quote(user)}" for user in users if user]
    whose = next(iter(known), "?segment=tier%3DStarter")
    yield "explain", whose
    for line in site.get(f"/api/v1/explain{whose}").json["lines"][:3]:
        yield "line", f"?id={quote(line['LineId'])}"
    months = [row["month"] for row in site.get("/api/v1/cost?by=month").json["rows"]]
    for month in months:
        yield from ((name, f"?period={month}") for name in ("history", "debug", "data", "roles"))
        yield "cost", f"?by=tier&period={months[-1]}&compare={month}"


def _check(name: str, reply: Reply, asked: str = "") -> None:
    assert not misfit(name.capitalize(), reply), asked or name


def _check_all(site: Site) -> set[str]:
    """Check what every question is answered with; return the pages that were asked."""
    asked = set()
    for name, query in questions(site):
        reply = site.get(f"/api/v1/{name}{query}")
        assert reply.status == 200, (name, query, reply.text)
        _check(name, reply, name + query)
        asked.add(name)
    return asked


def test_components_are_closed_and_used() -> None:
    """Every part is referred to, exists, has one name, and says what else it may hold."""
    modules = (cost, books, decisions, health, live)
    used = parts(list(SCHEMAS.values()))

    assert sum(len(module.COMPONENTS) for module in modules) == len(COMPONENTS)
    assert used == set(COMPONENTS)
    for schema in SCHEMAS.values():
        for one in records(schema):
            assert "additionalProperties" in one


def test_nothing_is_open_but_what_a_project_names() -> None:
    """Records that may hold more are those of cuts, tags and details of the audit log."""
    free = {
        name for name, schema in SCHEMAS.items()
        if schema.get("type") == "object" and schema.get("properties")
        and schema["additionalProperties"] is not False
    }  # fmt: skip

    assert free == {"Changed", "Figure", "FigureMonth", "LiveRow", "Tier"}


def test_answers_have_the_shape_that_is_described(site: Site) -> None:
    """What every page answers fits its schema."""
    assert _check_all(site) == {*PAGES} - {"trace"}


def test_a_part_that_is_not_described_is_a_misfit(site: Site) -> None:
    """The description can fail: a further key, a number as money, a word that is none."""
    good = site.get("/api/v1/debug").json
    for wrong in (
        {**good, "more": 1}, {**good, "meta": {**good["meta"], "basis": "cash"}},
        {**good, "third_party": [{"pool": "x", "months": [{"month": "2025-10", "total": 1.5}],
                                  "meter": None, "calls": None}]},
    ):  # fmt: skip
        assert misfit("Debug", Reply(200, {}, json.dumps(wrong)))


def test_what_is_live_has_the_shape_that_is_described(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate, by every cut, and what stands on call, with deploys and latency."""
    monkeypatch.setenv("PERCAPITA_NOW", NOW)
    company = made(tmp_path / "company")
    file = company / "happened.yaml"
    file.write_text("- {at: 2025-11-03T04:05:00Z, kind: deploy, name: v1, service: db}\n")
    assert call("import", file, "--kind", "events", "--project", company).code == 0
    send(company, checkout(1))
    for by in ("pool", "service", "operation", "tier"):
        _check("live", Reply(200, {}, json.dumps(ask(company, f"live --by {by}"))), by)
    with served(company) as site:
        reply = site.get("/api/v1/oncall")
        assert reply.json["events"]
        _check("oncall", reply, "oncall")
        for name in ("data", "debug", "resources", "audit", "traces", f"trace?id={1:032x}"):
            _check(name.partition("?")[0], site.get(f"/api/v1/{name}"), name)


@pytest.mark.parametrize("role", ROLES)
def test_each_role_is_answered_in_the_same_shape(
    tmp_path: Path, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who sees less gets the same parts, or a refusal."""
    folder = make_project(tmp_path / "roles", w1())
    capsys.readouterr()
    assert run(["token", "create", "reader", "--role", role, "--project", str(folder)]) == 0
    token = capsys.readouterr().out.strip()
    answered = 0
    with served(folder, demands=True) as site:
        for name in PAGES:
            reply = site.get(f"/api/v1/{name}", Authorization=f"Bearer {token}")
            assert reply.status in {200, 400, 403}, (name, reply.text)
            _check(name, reply, role)
            answered += reply.status == 200
    assert answered


def test_a_project_without_figures_says_so_in_shape(tmp_path: Path) -> None:
    """Nothing imported, then nothing run: a problem document, or an answer that fits."""
    folder = tmp_path / "empty"
    assert call("init", folder).code == 0
    with served(folder) as site:
        for name in PAGES:
            reply = site.get(f"/api/v1/{name}")
            assert reply.status in {400, 409} or name == "model", (name, reply.text)
            _check(name, reply)
    bill = Path(__file__).parents[2] / "examples" / "cloudmetrics" / "bill-2025-10.csv"
    assert call("import", bill, "--project", folder).code == 0
    with served(folder) as site:
        replies = {name: site.get(f"/api/v1/{name}") for name in PAGES}
        for name, reply in replies.items():
            _check(name, reply)
    assert {"data", "model", "audit"} <= {n for n, reply in replies.items() if reply.status == 200}


def test_the_estimate_says_that_nothing_was_taken_in(tmp_path: Path) -> None:
    """The process that estimates for pages answers before there is a store, too."""
    assert call("init", tmp_path / "empty").code == 0
    command = [sys.executable, "-m", "percapita", "live", "--on-stdin", "--project"]
    said = subprocess.run(  # noqa: S603 our own
        [*command, str(tmp_path / "empty")], input='{"by": "pool"}\n', capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip

    assert json.loads(said)["error"]["status"] == 503
    assert "percapita import" in said


@pytest.mark.slow
def test_the_sample_company_is_answered_in_shape(tmp_path: Path) -> None:
    """Broken rows, tags, findings, commitments, three months: all of it fits."""
    folder = tmp_path / "company"
    write_sample([str(folder), "--users", "200"])
    assert call("run", "--project", folder).code == 0
    with served(folder) as site:
        assert _check_all(site) == {*PAGES} - {"trace"}
    _check("live", Reply(200, {}, json.dumps(ask(folder, "live"))))
