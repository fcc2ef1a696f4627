"""The start page: what leads to the first figure, and the sample company at one click."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from percapita.cli.main import run
from percapita.project import Project
from percapita.sample import loading
from web.serving import Site, served

BILL = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId
USD,100,100,2025-10-01T00:00:00Z,2025-10-03T00:00:00Z,\
2025-10-01T00:00:00Z,2025-11-01T00:00:00Z,Usage,Web,a
"""


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Return a project that was only started."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    return folder


def until(site: Site, said: str) -> str:
    """Ask for the first page until it says something."""
    for _ in range(3000):
        page = site.get("/overview").text
        if said in page or "failed" in page:
            return page
        time.sleep(0.2)
    raise AssertionError(page)


def ended(project: Project) -> None:
    """Wait until nobody loads any more."""
    while (found := loading.standing(project)) is not None and found.running:
        time.sleep(0.1)


@pytest.mark.slow
def test_one_click_leads_to_figures(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The button loads and runs the company; killed in between, it goes on; no file is lost."""
    monkeypatch.setattr(loading, "SIZES", (200,))
    ours = (empty / "model.yaml").read_text(encoding="utf-8")
    with served(empty) as site:
        assert "Load the sample company" in site.get("/overview").text
        reply = site.ask("POST", "/sample", {"users": "200"})
        assert (reply.status, reply.headers["location"]) == (303, "/overview")
        page = until(site, 'http-equiv="refresh"')
        assert "Write its bills, usage and revenue" in page
        holder = json.loads((empty / ".percapita" / "sample.lock").read_text(encoding="utf-8"))
        os.killpg(holder["process"], signal.SIGKILL)
        assert "Something ended it" in until(site, "Something ended it")
        assert site.ask("POST", "/sample").status == 303
        assert "What does one active user cost?" in until(site, "What does one")
        assert site.get("/cost.json?by=tier&period=2025-10").json["rows"]
        audited = site.get("/audit.json?what=load+sample").json["entries"]
        again = site.ask("POST", "/sample")

    ended(Project.open(empty))
    assert [one["detail"] for one in audited] == [{"users": 200}, {"users": 200}]
    assert (empty / loading.KEPT / "model.yaml").read_text(encoding="utf-8") == ours
    assert again.status == 400


def test_a_restarted_server_goes_on(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was under way when everything stopped is begun again; what failed waits for somebody."""
    begun = []
    monkeypatch.setattr(loading, "begin", lambda _, users: begun.append(users))
    project = Project.open(empty)
    loading.resume(project)
    loading.tell(project, "import", 2000)
    loading.resume(project)
    loading.tell(project, "import", 2000, "no space left")
    loading.resume(project)
    loading.tell(project, None, 2000)
    loading.resume(project)

    assert begun == [2000]


def test_a_failed_step_says_why(empty: Path) -> None:
    """The page shows what the command said, escaped, and offers to go on."""
    loading.tell(Project.open(empty), "import", 2000, "<b>no</b> space left")
    with served(empty) as site:
        page = site.get("/overview").text

    assert "&lt;b&gt;no&lt;/b&gt; space left" in page
    assert "Go on" in page
    assert 'http-equiv="refresh"' not in page


def test_a_project_with_bills_is_left_alone(empty: Path) -> None:
    """Where bills are in, or percapita.yaml was edited, nothing is loaded and no button shown."""
    (empty / "bill.csv").write_text(BILL, encoding="utf-8")
    assert run(["import", str(empty / "bill.csv"), "--project", str(empty)]) == 0
    with served(empty) as site:
        reply = site.ask("POST", "/sample")
        page = site.get("/overview").text

    assert reply.status == 400
    assert "it has bills" in reply.text
    assert "Load the sample company</button>" not in page
    assert "percapita run" in page


def test_an_edited_project_is_left_alone(empty: Path) -> None:
    """Settings of somebody's own are not overwritten."""
    file = empty / "percapita.yaml"
    file.write_text(file.read_text(encoding="utf-8") + "viewers: {fewest: 7}\n", encoding="utf-8")
    with served(empty) as site:
        assert "its percapita.yaml was edited" in site.ask("POST", "/sample").text
    assert not (empty / ".percapita" / "sample.json").exists()


def test_only_an_admin_loads_it(empty: Path) -> None:
    """A viewer sees the commands and no button; another site's form is refused."""
    project = Project.open(empty)
    with project.store() as store:
        viewer = store.tokens.create("viewer", "viewer", project.now)
    bearer = {"Authorization": f"Bearer {viewer}"}
    with served(empty) as site:
        page = site.get("/overview", **bearer).text
        refused = [
            site.ask("POST", "/sample", None, **bearer).status,
            site.ask("POST", "/sample", None, Origin="https://elsewhere.example").status,
        ]

    assert "python -m percapita.sample company" in page
    assert "Load the sample company</button>" not in page
    assert refused == [403, 403]
    assert loading.standing(project) is None
