"""Saved views: who may save, who sees whose, and that nobody in them is a person."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from percapita.cli.main import run
from percapita.core.roles import ROLES
from percapita.project import Project
from percapita.project.access import PageLimits
from percapita.store.saved import MOST
from web.serving import Reply, Site, kept_in, served

HOSTILE: Final = '<img src=x onerror="alert(1)">'


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server that asks for sign-in, with a token of every role."""

    site: Site
    folder: Path
    tokens: Mapping[str, str]

    def save(self, role: str, name: str, query: str, **more: str) -> Reply:
        """Save a view as the holder of a role's token."""
        return self.site.ask(
            "POST", "/views", {"name": name, "query": query, **more},
            Authorization=f"Bearer {self.tokens[role]}",
        )  # fmt: skip

    def seen(self, role: str) -> list[Any]:
        """Return the views that a role sees, as the API lists them."""
        reply = self.site.get("/api/v1/views", Authorization=f"Bearer {self.tokens[role]}")
        assert reply.status == 200
        found: list[Any] = reply.json["views"]
        return found

    def names(self, role: str) -> list[str]:
        """Return their names."""
        return [one["name"] for one in self.seen(role)]

    def delete(self, role: str, name: str, owner: str = "") -> Reply:
        """Delete a view as the holder of a role's token."""
        return self.site.ask(
            "POST", "/views/delete", {"name": name, "owner": owner},
            Authorization=f"Bearer {self.tokens[role]}",
        )  # fmt: skip


@pytest.fixture
def guarded(project: Path, tmp_path: Path) -> Iterator[Guarded]:
    """Serve CloudMetrics as on an address that other machines reach."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-r", str(project), str(folder)], check=True)  # noqa: S603, S607
    opened = Project.open(folder)
    with opened.store() as store:
        tokens = {str(role): store.tokens.create(role, role, opened.now) for role in ROLES}
    with served(folder, host="10.0.0.1", limits=PageLimits(attempts=10_000)) as site:
        yield Guarded(site, folder, tokens)


def test_a_view_is_its_owners_until_it_is_shared(guarded: Guarded) -> None:
    """A private view is nobody else's; a shared one is of those whose role may open it."""
    assert guarded.save("finance", "Mine", "by=pool&where=tier%3DPro").status == 303
    assert guarded.save("finance", "Ours", "by=pool&where=tier%3DPro", shared="yes").status == 303
    assert guarded.save("finance", "Pools", "by=pool&period=2025-10", shared="yes").status == 303

    assert guarded.names("finance") == ["Mine", "Ours", "Pools"]
    assert guarded.names("admin") == ["Ours", "Pools"]
    # Filters are not for viewers and operators, so neither is what the view says.
    assert guarded.names("viewer") == guarded.names("operator") == ["Pools"]
    page = guarded.site.get("/cost", Authorization=f"Bearer {guarded.tokens['viewer']}").text
    assert "Pools" in page
    assert "Ours" not in page
    assert "Mine" not in page


def test_a_view_leads_to_what_was_saved(guarded: Guarded) -> None:
    """Saving leads back to the state; the list and the first pages lead to it."""
    saved = guarded.save("finance", "Pro", "by=pool&period=2025-10&where=tier%3DPro&compare=")
    bearer = {"Authorization": f"Bearer {guarded.tokens['finance']}"}

    assert saved.headers["location"] == "/cost?by=pool&period=2025-10&where=tier%3DPro"
    (view,) = guarded.seen("finance")
    assert view["address"] == saved.headers["location"]
    assert (view["own"], view["owner"], view["shared"]) == (True, "token finance", False)
    for page in ("/overview", "/cost", "/views"):
        assert 'href="/cost?by=pool&amp;period=2025-10&amp;where=tier%3DPro"' in (
            guarded.site.get(page, **bearer).text
        )
    rolling = guarded.save("finance", "Newest", "by=pool&period=2025-10", newest="yes")
    assert rolling.headers["location"] == "/cost?by=pool"


def test_who_may_save_share_and_delete(guarded: Guarded) -> None:
    """Everybody saves what they may see; viewers share nothing; admins delete shared ones only."""
    assert guarded.save("viewer", "Tiers", "by=tier").status == 303
    assert guarded.save("viewer", "Tiers", "by=tier", shared="yes").status == 403
    assert guarded.save("viewer", "People", "by=user").status == 403
    assert guarded.save("operator", "Filtered", "by=pool&where=tier%3DPro").status == 403
    assert guarded.save("operator", "Pools", "by=pool", shared="yes").status == 303
    assert guarded.names("viewer") == ["Tiers", "Pools"]

    assert guarded.delete("viewer", "Pools", "token operator").status == 400
    assert guarded.delete("admin", "Tiers", "token viewer").status == 400
    assert guarded.delete("admin", "Pools", "token operator").status == 303
    assert guarded.delete("viewer", "Tiers").status == 303
    assert guarded.names("viewer") == []


def test_every_write_is_audited(guarded: Guarded) -> None:
    """Saving, replacing and deleting stand in the audit log, by whom and when."""
    guarded.save("finance", "Tiers", "by=tier")
    guarded.save("finance", "Tiers", "by=pool")
    guarded.delete("finance", "Tiers")
    log = guarded.site.get("/api/v1/audit", Authorization=f"Bearer {guarded.tokens['admin']}").json
    told = [(one["who"], one["what"], one["ref"]) for one in log["entries"]]

    assert told[:3] == [
        ("token finance", "view delete", "Tiers"),
        ("token finance", "view save", "Tiers"),
        ("token finance", "view save", "Tiers"),
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("by=pool&where=user%3Dada%40example.com", "A view names nobody"),
        ("by=pool&where=session+%3D+s1", "A view names nobody"),
        ("by=teir", "Did you mean tier"),
        ("by=pool&where=nonsense", "NAME=VALUE"),
        ("by=pool&run=r000001", "keeps no &#39;run&#39;"),
        ("by=pool&period=2025-13", "2025-13"),
        ("by=" + "x" * 5000, "longer than any address"),
    ],
)
def test_what_cannot_be_kept_is_said(guarded: Guarded, query: str, said: str) -> None:
    """A view of people, of another run, or of nothing is refused, and leaves no trace."""
    reply = guarded.save("finance", "Wrong", query)

    assert reply.status == 400
    assert said in reply.text
    assert guarded.names("finance") == []
    assert b"ada@example.com" not in kept_in(guarded.folder)


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\u202eb", "a\x00b"])
def test_a_name_can_be_read(guarded: Guarded, name: str) -> None:
    """Names are short, and have no signs that hide or turn what they say."""
    assert guarded.save("finance", name, "by=tier").status == 400
    assert guarded.names("finance") == []


def test_names_are_text(guarded: Guarded) -> None:
    """Markup in a name is shown as it was written, wherever it is shown."""
    guarded.save("finance", HOSTILE, "by=tier", shared="yes")
    for role in ("finance", "viewer"):
        for page in ("/views", "/cost", "/overview"):
            bearer = {"Authorization": f"Bearer {guarded.tokens[role]}"}
            shown = guarded.site.get(page, **bearer).text
            assert "<img" not in shown
            assert "&lt;img src=x" in shown


def test_nobody_saves_without_end(guarded: Guarded) -> None:
    """An owner has so many views and no more; by a known name one is replaced."""
    from percapita.store.saved import SavedViews  # noqa: PLC0415 of this test alone

    project = Project.open(guarded.folder)
    with project.store() as store:
        views = SavedViews(store.catalog)
        for number in range(MOST):
            views.save("token finance", f"v{number}", "by=tier", roles=ROLES, shared=False,
                       now=project.now)  # fmt: skip
    assert guarded.save("finance", "one more", "by=tier").status == 400
    assert guarded.save("finance", "v7", "by=pool").status == 303
    assert len(guarded.names("finance")) == MOST


def test_programs_save_and_delete(guarded: Guarded) -> None:
    """The API takes a view as JSON, answers with it, and says what is wrong with one."""

    def post(path: str, **sent: object) -> tuple[int, Any]:
        request = urllib.request.Request(  # noqa: S310 our own server
            guarded.site.url + path, json.dumps(sent).encode(),
            {"Authorization": f"Bearer {guarded.tokens['finance']}"},
        )  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 likewise
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    made = post("/api/v1/views", name="Tiers", query="by=tier", shared="yes")
    assert made == (201, guarded.seen("finance")[0])
    assert guarded.names("viewer") == ["Tiers"]
    assert post("/api/v1/views", name="Tiers", query="by=tier", shared="no")[0] == 201
    assert guarded.names("viewer") == []
    assert post("/api/v1/views", name="Half \ud800", query="by=tier")[0] == 400
    assert post("/api/v1/views", query="by=tier")[0] == 400
    assert post("/api/v1/views", name="Wrong", query="by=teir")[0] == 400
    assert post("/api/v1/views/delete", name="Tires")[0] == 400
    assert post("/api/v1/views/delete", name="Tiers") == (201, {"deleted": "Tiers"})
    assert guarded.names("finance") == []


def test_a_form_of_another_site_saves_nothing(guarded: Guarded) -> None:
    """A session's form needs its own secret; another site's page is refused."""
    signed = guarded.site.ask("POST", "/sign-in", {"token": guarded.tokens["finance"]})
    cookie = signed.headers["set-cookie"].split(";")[0]
    page = guarded.site.get("/cost?by=tier", Cookie=cookie).text
    form = page[page.index('action="/views"') :]
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', form)
    assert found is not None
    view = {"name": "Tiers", "query": "by=tier"}

    assert guarded.site.ask("POST", "/views", view, Cookie=cookie).status == 403
    wrong = {**view, "csrf": "0" * 64}
    assert guarded.site.ask("POST", "/views", wrong, Cookie=cookie).status == 403
    right = {**view, "csrf": found[1]}
    foreign = {"Cookie": cookie, "Origin": "https://elsewhere.example"}
    assert guarded.site.ask("POST", "/views", right, **foreign).status == 403
    assert guarded.names("finance") == []
    assert guarded.site.ask("POST", "/views", right, Cookie=cookie).status == 303
    assert guarded.names("finance") == ["Tiers"]


def test_views_are_saved_on_the_command_line(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`percapita view` saves, lists and deletes what the pages of this machine show."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-r", str(project), str(folder)], check=True)  # noqa: S603, S607
    at = ("--project", str(folder))
    asked = ("--by", "pool", "--where", "tier=Pro", "--scope", "fully loaded", "--top", "3")
    assert run(["view", "save", "Pro by pool", *asked, *at]) == 0
    assert "for you alone" in capsys.readouterr().out
    assert run(["view", "save", "Tiers", "--by", "tier", "--shared", *at]) == 0
    assert "for viewer, finance, operator, admin" in capsys.readouterr().out
    assert run(["view", "list", "--format", "json", *at]) == 0
    listed = json.loads(capsys.readouterr().out)
    with served(folder) as site:
        assert site.get("/api/v1/views").json["views"] == listed
        assert site.get(listed[0]["address"]).status == 200
    assert listed[0]["query"] == "by=pool&where=tier%3DPro&scope=fully+loaded&top=3"

    assert run(["view", "delete", "Tires", *at]) == 2
    assert "Did you mean Tiers?" in capsys.readouterr().err
    assert run(["view", "delete", "Tiers", *at]) == 0
    assert run(["view", "list", *at]) == 0
    said = capsys.readouterr().out
    assert "Pro by pool" in said
    assert "Tiers" not in said.split("gone.")[1]


def test_a_store_of_before_gets_its_table(project: Path, tmp_path: Path) -> None:
    """A catalog that was made when there were no views opens, and takes them."""
    folder = tmp_path / "project"
    subprocess.run(["cp", "-r", str(project), str(folder)], check=True)  # noqa: S603, S607
    dropped = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]);"
    dropped += " c.execute('DROP TABLE IF EXISTS saved_views'); c.commit(); c.close()"
    path = folder / ".percapita" / "catalog.sqlite"
    subprocess.run([sys.executable, "-c", dropped, str(path)], check=True)  # noqa: S603

    with served(folder) as site:
        assert site.get("/api/v1/views").json == {"views": []}
        reply = site.ask("POST", "/views", {"name": "Tiers", "query": "by=tier"})
        assert reply.status == 303
        assert [one["name"] for one in site.get("/api/v1/views").json["views"]] == ["Tiers"]
