"""Saved views and decisions where the catalog is a PostgreSQL database: the same as in a file."""

from __future__ import annotations

import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from servers.postgres import Postgres
from web.serving import Site, served

pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def elsewhere(
    example: Path, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[tuple[Path, Site]]:
    """Serve a project whose catalog is in PostgreSQL."""
    folder = tmp_path_factory.mktemp("elsewhere") / "project"
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".percapita"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERCAPITA_CATALOG", postgres.url(postgres.database()))
        patch.setenv("PERCAPITA_NOW", "2025-11-05T00:00:00Z")
        assert run(["run", "--project", str(folder)]) == 0
        with served(folder) as site:
            yield folder, site


def _sent(site: Site, path: str, **said: Any) -> tuple[int, Any]:  # noqa: ANN401 any JSON
    headers = {"Content-Type": "application/json"}
    body = json.dumps(said).encode()
    asked = urllib.request.Request(f"{site.url}/api/v1/{path}", body, headers)  # noqa: S310 our own
    try:
        with urllib.request.urlopen(asked, timeout=60) as reply:  # noqa: S310 likewise
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_views_are_saved_listed_and_deleted(
    elsewhere: tuple[Path, Site], capsys: pytest.CaptureFixture[str]
) -> None:
    """By program and command alike; names are in one order whatever the database sorts by."""
    folder, site = elsewhere
    for name in ("b", "B", "Ä", "_a"):
        assert _sent(site, "views", name=name, query="by=pool")[0] == 201
    assert _sent(site, "views", name="b", query="by=service")[1]["query"].startswith("by=service")
    assert run(["view", "save", "a", "--by", "pool", "--project", str(folder)]) == 0
    names = [one["name"] for one in site.get("/api/v1/views").json["views"]]
    first = site.get("/api/v1/views?limit=2").json
    rest = site.get(f"/api/v1/views?cursor={first['next']}").json
    capsys.readouterr()
    assert run(["view", "list", "--format", "json", "--project", str(folder)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert _sent(site, "views/delete", name="Ä")[0] == 201
    assert _sent(site, "views/delete", name="Ä")[0] == 400
    left = [one["name"] for one in site.get("/api/v1/views").json["views"]]

    assert names == ["B", "_a", "a", "b", "Ä"]
    assert [one["name"] for one in (*first["views"], *rest["views"])] == names
    assert [one["name"] for one in printed] == names
    assert left == ["B", "_a", "a", "b"]


def test_decisions_are_written_down_and_withdrawn(
    elsewhere: tuple[Path, Site], capsys: pytest.CaptureFixture[str]
) -> None:
    """Decided by program and command, withdrawn once, paged, and all of it in the audit log."""
    folder, site = elsewhere
    (period,) = {row["month"] for row in site.get("/api/v1/cost?by=month").json["rows"]}
    said = {"decision": "Rightsize", "metric": "total", "period": period}
    assert _sent(site, "decisions", **said)[1]["id"] == "d1"
    words = ["decision", "record", "Buy less", "--figure", "total", "--period", period]
    assert run([*words, "--project", str(folder)]) == 0
    status, withdrawn = _sent(site, "decisions/withdrawn", decision="d1", reason="too small")
    again, problem = _sent(site, "decisions/withdrawn", decision="d1", reason="too small")
    first = site.get("/api/v1/decisions?limit=1").json
    rest = site.get(f"/api/v1/decisions?limit=1&cursor={first['next']}").json
    entries = site.get("/api/v1/audit?what=withdraw").json["entries"]
    capsys.readouterr()
    assert run(["decision", "show", "d1", "--format", "json", "--project", str(folder)]) == 0

    assert (status, withdrawn["status"]) == (201, "withdrawn")
    assert (again, problem["title"].startswith("d1 was withdrawn by")) == (400, True)
    assert [one["id"] for one in (*first["decisions"], *rest["decisions"])] == ["d2", "d1"]
    assert rest["next"] is None
    assert [(one["ref"], one["detail"]) for one in entries] == [("d1", {"reason": "too small"})]
    assert json.loads(capsys.readouterr().out) == rest["decisions"][0]
