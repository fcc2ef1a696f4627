"""The API as OpenAPI describes it, written from the table of routes and the contract of pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from percapita.core.version import VERSION
from percapita.web.api.bodies import BODIES
from percapita.web.api.contract import PARAMETERS, RESULTS
from percapita.web.api.lists import LISTS, WHOLE
from percapita.web.routes import Route
from percapita.web.shapes import COMPONENTS
from percapita.web.shapes.kinds import COUNT, TEXT, listed, record, ref
from percapita.web.shapes.live import LIVE

START: Final = "/api/v1/"
PATH: Final = f"{START}openapi.json"
_PROBLEM: Final = record(
    type=TEXT, title=TEXT, status=COUNT, detail=TEXT, problems=listed(TEXT)
)  # fmt: skip
_REFUSED: Final = {
    400: "What was asked for cannot be answered.",
    401: "Nobody says who asks, or who says so is not known.",
    403: "Whoever asks may not.",
    409: "There are no figures yet.",
    429: "Too many requests; Retry-After says when to come back.",
}
SCHEMAS: Final[Mapping[str, Any]] = {
    **COMPONENTS, "Problem": _PROBLEM, "Live": LIVE,
    **{name.capitalize(): schema for name, schema in RESULTS.items()},
}  # fmt: skip
"""Every part of the API that has a name of its own."""
_WRITTEN: Final = {"views": ref("SavedView"), "views/delete": record(deleted=TEXT)}
"""What addresses that are written to answer with; the others with a decision."""
_SAME: Final = {"description": "The reader has it already: see ETag and If-None-Match."}
FILES: Final[Mapping[str, tuple[str, str]]] = {
    "csv": ("text/csv", "The rows of the page as CSV, one line of names first."),
    "parquet": ("application/vnd.apache.parquet", "The rows of the page as Parquet."),
}
"""Ending of an address -> media type, and what is there: the same names are taken as by the API."""
_BY: Final = {"name": "by", "in": "query", "description": "What rows are cut by.", "schema": TEXT}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """Describe every route of the API."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        page, _, form = route.path.strip("/").partition(".")
        if route.path.startswith(START):
            paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
        elif form in FILES and page in PARAMETERS:
            paths[route.path] = {"get": _file(route, page, form)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "percapita", "version": VERSION,
            "description": "What every user costs. Amounts are exact, as strings. Answers hold what"
            " is described here and nothing else; a later version may add keys within v1: read by"
            " name.",
        },
        "paths": paths,
        "components": {
            "schemas": dict(sorted(SCHEMAS.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-percapita"},
            },
        },
        "security": [{"token": []}, {"session": []}, {}],
    }  # fmt: skip


def _operation(route: Route) -> dict[str, Any]:
    name = route.path.removeprefix(START)
    if route.method == "POST":
        return _writing(route, name)
    return {
        "operationId": name.replace("/", "_").replace(".", "_"),
        "description": f"For {', '.join(sorted(route.roles))}.{_bounds(name)}",
        "parameters": _parameters(name),
        "responses": {
            "200": _success(name),
            "304": _SAME,
            **{str(status): _problem(said) for status, said in _REFUSED.items()},
            **({"503": _problem("The estimate is not ready.")} if "live" in name else {}),
        },
    }


def _bounds(page: str) -> str:
    """Say which lists of an answer come in pages, and why the others need not."""
    pages = [f"`{name}` comes in pages" for name in LISTS.get(page, ())]
    return "".join(
        f" {told}."
        for told in (*pages, *(f"`{n}`: {why}" for n, why in WHOLE.get(page, {}).items()))
    )


def _file(route: Route, page: str, form: str) -> dict[str, Any]:
    """Describe a page as a file."""
    kind, said = FILES[form]
    return {
        "operationId": f"{page}_{form}",
        "description": f"{said} For {', '.join(sorted(route.roles))}.",
        "parameters": _parameters(page),
        "responses": {
            "200": {
                "description": "The file.", "content": {kind: {}}, "headers": _headers(page),
            },
            "304": _SAME,
            **{str(status): _problem(told) for status, told in _REFUSED.items()},
        },
    }  # fmt: skip


def _writing(route: Route, name: str) -> dict[str, Any]:
    """Describe an address that is written to."""
    too_large = {413: "More was sent than anybody has to say."}
    return {
        "operationId": f"{name.replace('/', '_')}_write",
        "description": f"For {', '.join(sorted(route.roles))}. It stands in the audit log.",
        "requestBody": {
            "required": True, "content": {"application/json": {"schema": BODIES[name]}},
        },
        "responses": {
            "201": {
                "description": "What was written down.",
                "content": {"application/json": {"schema": _WRITTEN.get(name, ref("Decided"))}},
            },
            **{str(code): _problem(said) for code, said in (_REFUSED | too_large).items()},
        },
    }  # fmt: skip


def _parameters(name: str) -> list[Mapping[str, Any]]:
    if name.startswith("live"):
        return [_BY]
    return [
        {
            "name": one.name, "in": "query", "description": one.meaning, "required": one.required,
            "schema": listed(one.schema) if one.many else one.schema,
        }
        for one in PARAMETERS.get(name, ())
    ]  # fmt: skip


def _success(name: str) -> dict[str, Any]:
    if name == "live/stream":
        said = "Estimates, as server-sent events, as they change."
        return {"description": said, "content": {"text/event-stream": {}}}
    known: Mapping[str, Any] = {"openapi.json": {"type": "object"}}
    schema = known.get(name) or ref(name.capitalize())
    told: dict[str, Any] = {
        "description": "The figures.", "content": {"application/json": {"schema": schema}}
    }  # fmt: skip
    return told if name == "live" else {**told, "headers": _headers(name)}


def _headers(page: str) -> dict[str, Any]:
    link = {"description": 'Where the next page is, `rel="next"` (RFC 8288).', "schema": TEXT}
    return {
        "ETag": {"description": "Of this answer.", "schema": TEXT},
        **({"Link": link} if page in LISTS else {}),
    }


def _problem(said: str) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": ref("Problem")}}
    return {"description": said, "content": content}
