"""The audit log: what is in it, how it is paged, and who may read it."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from percapita.cli.main import run
from percapita.project import Project
from percapita.store.journal import decided
from percapita.store.trail import Trail
from servers.postgres import Postgres
from web.serving import kept_in, served


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    """Return a copy of CloudMetrics' project."""
    return shutil.copytree(project, tmp_path / "copy")


def token_of(folder: Path, role: str) -> str:
    """Make a token."""
    project = Project.open(folder)
    with project.store() as store:
        return store.tokens.create(role, role, project.now)


def printed(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> Any:  # noqa: ANN401
    """Return what `percapita audit` prints as JSON."""
    capsys.readouterr()
    assert run(["audit", *words, "--format", "json", "--project", str(folder)]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_readers_do_is_written_down(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Refusals, looks at people, and tokens are in the log, under the reader's name."""
    finance, viewer = token_of(folder, "finance"), token_of(folder, "viewer")
    with served(folder, host="10.0.0.1") as site:
        line = site.get(
            "/explain.json?segment=tier%3DStarter", Authorization=f"Bearer {finance}"
        ).json["lines"][0]["LineId"]
        site.get(f"/line.json?id={line}", Authorization=f"Bearer {finance}")
        site.get("/reconcile.json", Authorization=f"Bearer {viewer}")
        site.get("/cost.json?by=tier", Authorization="Bearer pct_wrong")
        assert site.get("/audit.json", Authorization=f"Bearer {finance}").status == 403
    found = [(e["who"], e["what"], e["ref"]) for e in printed(capsys, folder)["entries"]]

    assert found[:4] == [
        ("token finance", "refused", "GET /audit.json"),
        ("127.0.0.1", "refused", "GET /cost.json"),
        ("token viewer", "refused", "GET /reconcile.json"),
        ("token finance", "look at", f"who got line {line}"),
    ]
    assert {"token create", "import", "run"} <= {what for _, what, _ in found}


def test_questions_are_not_in_the_log(folder: Path) -> None:
    """What a refused address asked for may name a person, so it is not kept."""
    viewer = token_of(folder, "viewer")
    with served(folder, host="10.0.0.1") as site:
        site.get("/explain.json?subject=ada%40shop.example", Authorization=f"Bearer {viewer}")
    stored = kept_in(folder)

    assert b"ada@shop.example" not in stored


def test_page_command_and_api_show_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/audit`, its .json and .csv, the API and `percapita audit` show the same entries."""
    with served(folder) as site:
        data = site.get("/audit.json?limit=2").json
        rows = list(csv.reader(io.StringIO(site.get("/audit.csv?limit=2").text)))
        assert site.get("/api/v1/audit?limit=2").json == data
        assert "Who did what" in site.get("/audit").text

    # The command names the entry to go on after; the API seals it in a cursor.
    shown = printed(capsys, folder, "--limit", "2")
    assert shown["entries"] == data["entries"]
    assert shown["next"] == str(data["entries"][-1]["id"])
    assert rows[0] == ["id", "at", "who", "what", "ref", "detail"]
    assert [row[0] for row in rows[1:]] == [str(e["id"]) for e in data["entries"]]
    assert run(["audit", "--project", str(folder)]) == 0
    assert "import" in capsys.readouterr().out


def test_pages_of_the_log_hold_still(folder: Path) -> None:
    """Entries that are added while somebody pages are in no later page, and none is lost."""
    with Project.open(folder).store() as store:
        trail = Trail(store.catalog)
        for number in range(7):
            trail.add("tester", "mark", str(number))
        with served(folder) as site:
            refs, cursor = list[str](), ""
            for _ in range(3):
                page = site.get(f"/api/v1/audit?who=tester&limit=3&cursor={cursor}").json
                refs += [entry["ref"] for entry in page["entries"]]
                cursor = page["next"]
                trail.add("tester", "mark", "later")

    assert refs == ["6", "5", "4", "3", "2", "1", "0"]


@pytest.mark.parametrize("cursor", ["x", "-1", "1 OR 1=1", "9" * 40, "²"])
def test_a_wrong_cursor_is_refused(
    folder: Path, cursor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A place that no page gave is an error, not the first page: for pages and for the command."""
    with served(folder) as site:
        reply = site.ask("GET", f"/audit.json?cursor={quote(cursor)}")
    asked = ["audit", f"--after={cursor}", "--project", str(folder)]

    assert reply.status == 400
    assert reply.json["title"] == "That is no cursor of this list."
    assert run(asked) == 2
    assert "is no place in the audit log." in capsys.readouterr().err


def test_names_in_the_log_are_escaped(folder: Path) -> None:
    """What the log holds is shown as text."""
    with Project.open(folder).store() as store:
        Trail(store.catalog).add("<script>alert(1)</script>", "mark", "<b>x</b>", why="<i>y</i>")
    with served(folder) as site:
        page = site.get("/audit").text

    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert "&lt;b&gt;x&lt;/b&gt;" in page


def test_looking_changes_no_figure(folder: Path) -> None:
    """Signing in and looking does not make the server work figures out anew."""
    with Project.open(folder).store() as store:
        before = decided(store.catalog)
        Trail(store.catalog).add("tester", "look at", "somebody")
        assert decided(store.catalog) == before


@pytest.mark.external
def test_a_new_run_is_seen_at_once_with_a_catalog_elsewhere(
    example: Path, tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the catalog is a PostgreSQL database a new run shows at once too."""
    folder = shutil.copytree(
        example, tmp_path / "elsewhere", ignore=shutil.ignore_patterns(".percapita")
    )
    monkeypatch.setenv("PERCAPITA_CATALOG", postgres.url(postgres.database()))
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-05T00:00:00Z")
    assert run(["run", "--project", str(folder)]) == 0
    with served(folder) as site:
        before = site.get("/cost.json?by=pool").json["meta"]["run"]
        assert run(["run", "--project", str(folder)]) == 0
        assert site.get("/cost.json?by=pool").json["meta"]["run"] != before


def test_a_person_is_looked_at_by_pseudonym(
    example: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever is named in an address is in the log by pseudonym alone."""
    folder = shutil.copytree(example, tmp_path / "segments")
    finance = token_of(folder, "finance")
    with served(folder, host="10.0.0.1") as site:
        for path in ("/cost.json?by=pool&where=user%3Dada%40shop.example", "/cost.json?by=user"):
            site.get(path, Authorization=f"Bearer {finance}")
    looked = [e["ref"] for e in printed(capsys, folder, "--what", "look at")["entries"]]

    assert "every user" in looked
    assert not [ref for ref in looked if "ada" in ref]
