"""The API keeps its contract: what it takes, what it gives, what it refuses, and how it pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import jsonschema
import pytest

from figures.folder import make_project
from figures.w1 import w1
from percapita.web.api.contract import PARAMETERS, RESULTS
from percapita.web.api.openapi import SCHEMAS
from percapita.web.views import PAGES
from web.serving import Site, served


@pytest.fixture(scope="module")
def described(site: Site) -> Any:  # noqa: ANN401
    """Return the API's own description."""
    return site.get("/api/v1/openapi.json").json


def test_every_page_has_a_contract() -> None:
    """Each page says what it takes and what it gives: a new one needs both."""
    assert set(PARAMETERS) == set(PAGES) == set(RESULTS)


def test_the_description_is_openapi(site: Site, described: Any) -> None:  # noqa: ANN401
    """Every route of the API is described, with every status that it may answer by."""
    assert described["openapi"] == "3.1.0"
    assert set(described["paths"]) == {
        *(f"/api/v1/{name}" for name in PAGES),
        "/api/v1/live", "/api/v1/live/stream", "/api/v1/openapi.json",
        "/api/v1/decisions/observed", "/api/v1/decisions/withdrawn",
        "/api/v1/views/delete",
        *(f"/{name}.{form}" for name in PAGES for form in ("csv", "parquet")),
    }  # fmt: skip
    wanted = {"get": {"200", "304"}, "post": {"201", "413"}}
    for path in described["paths"].values():
        for method, operation in path.items():
            known = {"400", "401", "403", "429", *wanted[method]}
            assert known <= set(operation["responses"])
    assert described["components"]["schemas"] == SCHEMAS
    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    reply = site.get("/api/v1/openapi.json")
    assert site.get("/api/v1/openapi.json", If_None_Match=reply.headers["etag"]).status == 304


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/v1/cost?perid=2025-10", "Did you mean period?"),
        ("/api/v1/model?by=tier", "It takes none."),
        ("/api/v1/cost?by=tier&limit=0", "is no whole number, 1 to 10000"),
        ("/api/v1/cost?by=tier&top=-1", "is no whole number, 1 or more"),
        ("/api/v1/cost?by=tier&limit=2&cursor=x", "That is no cursor"),
        ("/api/v1/audit?cursor=x", "That is no cursor"),
    ],
)
def test_what_a_program_mistypes_is_said(site: Site, path: str, said: str) -> None:
    """A wrong name, number or cursor is a problem document that says what is right."""
    reply = site.get(path)

    assert reply.status == 400
    assert reply.headers["content-type"] == "application/problem+json"
    assert said in f"{reply.json['title']} {reply.json['detail']}"


def test_errors_of_every_kind_are_problem_documents(site: Site) -> None:
    """No such address, no such method, a foreign host: programs get the same shape."""
    replies = [
        site.get("/api/v1/nothing"), site.ask("POST", "/api/v1/cost"),
        site.get("/api/v1/cost", Host="elsewhere.example"),
        site.get("/api/v1/cost", Authorization="Bearer x"), site.get("/static/nothing.json"),
    ]  # fmt: skip

    assert [reply.status for reply in replies] == [404, 405, 421, 401, 404]
    for reply in replies:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["status"] == reply.status
    assert replies[1].headers["allow"]


HOSTILE: Final = (
    "../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "/etc/passwd", "file:///etc/passwd",
    "' OR '1'='1", "'; DROP TABLE runs; --", '" UNION SELECT * FROM tokens --',
    "x') UNION ALL SELECT hash FROM sessions --", "<script>alert(1)</script>",
    "{{ 7 * 7 }}", "${jndi:ldap://x}", "\x00", "\r\nSet-Cookie: a=b", "=cmd|' /C calc'!A0",
    "9" * 400, "-1", "NaN", "é\u202e\ud7ff", "%", "a" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_no_parameter_leads_elsewhere(site: Site, page: str) -> None:
    """Paths, SQL, markup and nonsense in every parameter are refused or shown as text."""
    for one in PARAMETERS[page]:
        for written in HOSTILE:
            query = f"{one.name}={quote(written)}"
            reply = site.get(f"/api/v1/{page}?{query}")
            assert reply.status in {200, 400}, (page, query, reply.text)
            assert "root:" not in reply.text
            html = site.get(f"/{page}?{query}")
            assert html.status in {200, 400}, (page, query)
            assert "<script>alert" not in html.text
            assert "root:" not in html.text
            assert "set-cookie" not in html.headers


def test_names_of_tenants_are_text(tmp_path: Path) -> None:
    """A segment called like markup is escaped on every page that shows it."""
    evil = '<img src=x onerror="alert(1)">'
    world = w1()
    for number, (kind, attributes) in list(world.slices.items()):
        renamed = {n: evil if v == "Starter" else v for n, v in attributes.items()}
        world.slices[number] = (kind, renamed)
    folder = make_project(tmp_path / "evil", world)
    with served(folder) as site:
        shown = [site.get(path).text for path in ("/overview", "/cost?by=tier", "/statements",
                                               "/cost?by=pool&facet=tier")]  # fmt: skip
        raw = site.get("/api/v1/cost?by=tier").json

    assert evil in {row["tier"] for row in raw["rows"]}
    for page in shown:
        assert "<img" not in page
        assert "&lt;img" in page


@pytest.mark.slow
def test_schemathesis_finds_no_breach(site: Site, described: Mapping[str, Any]) -> None:
    """Whatever questions it makes up, no answer is an error of ours or unlike its description."""
    import schemathesis  # noqa: PLC0415 it is slow to import
    from hypothesis import HealthCheck, given, settings  # noqa: PLC0415
    from schemathesis.checks import not_a_server_error  # noqa: PLC0415
    from schemathesis.core.result import Ok  # noqa: PLC0415
    from schemathesis.specs.openapi import checks  # noqa: PLC0415

    known = {
        path: operations for path, operations in described["paths"].items()
        if path.startswith("/api/") and not path.startswith("/api/v1/live")
    }  # fmt: skip
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps({**described, "paths": known})))
    wanted = [
        not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
        checks.response_schema_conformance, checks.response_headers_conformance,
    ]  # fmt: skip
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()

        @settings(
            max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy())
        def holds(case: Any) -> None:  # noqa: ANN401 it ships without these types
            case.call_and_validate(base_url=site.url, checks=wanted)

        holds()
        asked += 1
    assert asked == sum(len(methods) for methods in known.values())
