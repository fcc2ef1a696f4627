"""Who may take which route: every route there is, by every role, and by nobody."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
import pytest
from starlette.routing import Route as Address

from figures.folder import make_project
from figures.w1 import w1
from percapita.cli.main import run
from percapita.core.roles import ROLES
from percapita.project import Project
from percapita.project.access import PageLimits
from percapita.telemetry.receive.access import Access
from percapita.web import app, table
from percapita.web.desk import Desk
from percapita.web.door import Door
from percapita.web.routes import ANYBODY, Route
from web.serving import Site, served

EVERYBODY: Final = ("nobody", "sender", *ROLES)
BOOKS, WATCH, HEALTH = ("finance", "admin"), ("operator", "admin"), ("finance", "operator", "admin")
FORMS: Final = ("/{0}", "/{0}.json", "/{0}.csv", "/{0}.parquet", "/api/v1/{0}")
MAY: Final[Mapping[str, tuple[str, ...]]] = {
    "GET /": EVERYBODY,
    "GET /static/{name}": EVERYBODY,
    "GET /api/v1/openapi.json": ROLES,
    "GET /sign-in": EVERYBODY,
    "GET /sign-in/start": EVERYBODY,
    "GET /sign-in/back": EVERYBODY,
    "POST /sign-in": EVERYBODY,
    "POST /sign-out": ROLES,
    "POST /views": ROLES,
    "POST /views/delete": ROLES,
    "POST /api/v1/views": ROLES,
    "POST /api/v1/views/delete": ROLES,
    "POST /sample": ("admin",),
    **{
        f"POST {start}/decisions{end}": BOOKS
        for start in ("", "/api/v1")
        for end in ("", "/observed", "/withdrawn")
    },
    **{
        f"GET {form.format(page)}": ROLES
        for page in ("overview", "cost", "model", "views")
        for form in FORMS
    },
    **{
        f"GET {form.format(page)}": BOOKS
        for page in (
            "explain",
            "line",
            "reconcile",
            "figures",
            "statements",
            "report",
            "pricing",
            "roles",
            "history",
            "decisions",
        )
        for form in FORMS
    },
    **{
        f"GET /{page}.{form}": BOOKS
        for page in ("statements", "report")
        for form in ("html", "md", "pdf")
    },
    **{
        f"GET {form.format(page)}": HEALTH
        for page in ("data", "debug", "resources", "trace", "traces")
        for form in FORMS
    },
    **{f"GET {form.format('audit')}": ("admin",) for form in FORMS},
    **{f"GET {form.format('oncall')}": WATCH for form in FORMS},
    **{f"GET /api/v1/live{end}": WATCH for end in ("", "/stream")},
}
"""Every route of the pages -> who gets through the door."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server that asks for sign-in, with a token of every kind."""

    site: Site
    tokens: Mapping[str, str]
    routes: tuple[Route, ...]


def listed(folder: Path) -> tuple[Route, ...]:
    """Return the routes of a project's pages."""
    project, desk = Project.open(folder), Desk(folder)
    door = Door(Access("127.0.0.1", lambda _: False), project.store)
    try:
        return tuple(table.routes(project, desk, door))
    finally:
        desk.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Serve CloudMetrics as on an address that other machines reach."""
    folder = make_project(tmp_path_factory.mktemp("roles"), w1())
    project = Project.open(folder)
    with project.store() as store:
        tokens = {
            role: store.tokens.create(role, role, project.now)
            for role in EVERYBODY
            if role != "nobody"
        }
    with served(folder, host="10.0.0.1", limits=PageLimits(attempts=10_000)) as site:
        yield Guarded(site, tokens, listed(folder))


def test_every_route_says_who_may_take_it(guarded: Guarded) -> None:
    """The table of routes and this test name the same routes: a new one needs a line in both."""
    assert {f"{route.method} {route.path}" for route in guarded.routes} == set(MAY)


def test_the_application_has_no_route_beside_the_table(project: Path) -> None:
    """Whatever the application answers stands in the table, and so behind the door."""
    routes = listed(project)
    desk = Desk(project)
    door = Door(Access("127.0.0.1", lambda _: False), Project.open(project).store)
    built = app.create(table.routes(Project.open(project), desk, door), door)
    desk.close()

    found = [(one.path, one.methods) for one in built.routes if isinstance(one, Address)]
    assert len(found) == len(built.routes)
    assert {(path, m) for path, methods in found for m in methods or ()} - {
        (path, "HEAD") for path, _ in found
    } == {(route.path, route.method) for route in routes}


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("route", MAY)
def test_a_role_gets_through_to_its_routes_alone(guarded: Guarded, route: str, who: str) -> None:
    """Off this machine each role takes its routes; others get 403, and the unknown 401."""
    method, _, path = route.partition(" ")
    headers = {"Authorization": f"Bearer {guarded.tokens[who]}"} if who != "nobody" else {}
    path = path.replace("{name}", "page.css")
    # What cannot be answered is refused behind the door, not at it.
    path += "?by=nothing" if "live" in path else ""
    reply = guarded.site.ask(method, path, None, **headers)

    if who in MAY[route]:
        assert reply.status not in {403, 429}
        assert reply.status != 401 or "sign-in" in route
    else:
        people = next(r.people for r in guarded.routes if f"{r.method} {r.path}" == route)
        led = who == "nobody" and people and method == "GET"
        assert reply.status == (303 if led else 401 if who == "nobody" else 403)
        if led:
            assert reply.headers["location"].startswith("/sign-in?next=")


def test_routes_of_anybody_show_nothing_of_anybody(guarded: Guarded) -> None:
    """Without sign-in only the bare address, sign-in itself and the pages' own files answer."""
    assert {route.path for route in guarded.routes if route.roles == ANYBODY} == {
        "/", "/sign-in", "/sign-in/start", "/sign-in/back", "/static/{name}"
    }  # fmt: skip


def test_one_person_at_this_machine_needs_no_sign_in(site: Site) -> None:
    """On loopback every page answers; a proxy's request is from elsewhere, and is not let in."""
    assert site.get("/cost.json?by=tier").status == 200
    passed_on = site.get("/cost.json?by=tier", X_Forwarded_For="203.0.113.9")
    assert passed_on.status == 401
    assert passed_on.headers["www-authenticate"] == "Bearer"
    assert passed_on.headers["content-type"] == "application/problem+json"


def test_a_wrong_token_is_refused_on_this_machine_too(site: Site) -> None:
    """Who names a token is who it says; one that is none is not passed over."""
    wrong = site.get("/cost.json?by=tier", Authorization="Bearer pct_nothing")

    assert wrong.status == 401
    assert "not one of ours" in wrong.json["title"]


VIEWER_ASKS: Final = {
    "/cost.json?by=tier": 200,
    "/cost.json?by=pool": 200,
    "/cost.json?by=pool&by=tier": 200,
    "/cost.json?by=month": 200,
    "/overview.json": 200,
    "/cost.json?by=user": 403,
    "/cost.json?by=session": 403,
    "/cost.json?by=tenant": 403,
    "/cost.json?by=service": 403,
    "/cost.json?by=day": 403,
    "/cost.json?by=tier&where=tier%3DPro": 403,
    "/cost.json?by=tier&period=2025-10-03": 403,
    "/cost.json?by=tier&period=2025-10-01..2025-10-30": 403,
    "/cost.json?by=tier&run=r000001": 403,
    "/overview.json?run=r000001": 403,
}


@pytest.mark.parametrize("path", VIEWER_ASKS)
def test_a_viewer_sees_groups_by_month(guarded: Guarded, path: str) -> None:
    """Cuts that single people out, filters, days and other runs are refused to a viewer."""
    bearer = f"Bearer {guarded.tokens['viewer']}"

    assert guarded.site.get(path, Authorization=bearer).status == VIEWER_ASKS[path]


def test_files_hide_what_pages_hide(guarded: Guarded) -> None:
    """A viewer's Parquet file has the rows of the viewer's page, and is refused as it is."""
    bearer = {"Authorization": f"Bearer {guarded.tokens['viewer']}"}
    shown = guarded.site.get("/cost.json?by=tier", **bearer).json["rows"]
    request = urllib.request.Request(  # noqa: S310 our own server
        f"{guarded.site.url}/cost.parquet?by=tier", headers=bearer
    )
    with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 likewise
        found = pq.read_table(io.BytesIO(reply.read())).to_pylist()

    assert [row["tier"] for row in found if row["line"] == "row"] == [row["tier"] for row in shown]
    assert {row["revenue"] for row in found} == {None}
    assert guarded.site.get("/cost.parquet?by=user", **bearer).status == 403


def test_only_finance_sees_revenue(guarded: Guarded) -> None:
    """Viewers and operators see cost; revenue and margin are not in their answers."""
    seen = {
        role: guarded.site.get(
            "/cost.json?by=tier", Authorization=f"Bearer {guarded.tokens[role]}"
        ).json["totals"]["revenue"]
        for role in ROLES
    }

    assert seen == {"viewer": None, "finance": "121000.00", "operator": None, "admin": "121000.00"}


def test_a_page_offers_what_the_role_may_open(guarded: Guarded) -> None:
    """The navigation leads nowhere that is refused."""
    page = guarded.site.get("/overview", Authorization=f"Bearer {guarded.tokens['viewer']}").text

    assert 'href="/cost"' in page
    assert 'href="/explain' not in page
    assert 'href="/reconcile' not in page
    assert 'href="/data"' not in page


@pytest.mark.parametrize("role", ["viewer", "finance", "operator"])
def test_tokens_of_readers_are_made_on_the_command_line(
    role: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`percapita token create --role ROLE` makes one, and says how it is used."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    assert run(["token", "create", role, "--role", role, "--project", str(tmp_path)]) == 0

    assert "sign in to the pages" in capsys.readouterr().err


BILL: Final = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId
USD,100,100,2025-10-01T00:00:00Z,2025-10-03T00:00:00Z,\
2025-10-01T00:00:00Z,2025-11-01T00:00:00Z,Usage,Web,a
"""
USAGE: Final = """hour,subject,subject_kind,meter,quantity
2025-10-01T08:00Z,ann,user,requests,90
2025-10-01T09:00Z,bob,user,requests,10
"""


def test_a_finding_about_one_person_is_for_who_may_see_people(tmp_path: Path) -> None:
    """How much of a pool one user takes is nobody's to read but that of finance and admin."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    model = "currency: USD\npools:\n  - {pool: web, match: {ServiceName: Web}, by: requests}\n"
    (folder / "model.yaml").write_text(model, encoding="utf-8")
    for name, text in (("bill", BILL), ("usage", USAGE)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        assert run(["import", str(folder / f"{name}.csv"), "--project", str(folder)]) == 0
    assert run(["run", "--project", str(folder)]) == 0
    project = Project.open(folder)
    with project.store() as store:
        tokens = {role: store.tokens.create(role, role, project.now) for role in ROLES}
    told = {}
    with served(folder, host="10.0.0.1") as site:
        for role in ROLES:
            bearer = {"Authorization": f"Bearer {tokens[role]}"}
            forms = product(("overview", "data"), ("", ".json", ".csv"))
            pages = [site.get(f"/{page}{form}", **bearer).text for page, form in forms]
            told[role] = any("takes 90" in page for page in pages)

    assert told == {"viewer": False, "finance": True, "operator": False, "admin": True}
