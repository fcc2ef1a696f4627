"""The pages as one application: each as HTML, as JSON and as CSV, from one answer."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from percapita import __version__
from percapita.core.errors import InputError, PercapitaError
from percapita.core.money import text
from percapita.report.opened import NothingPublishedError
from percapita.store.site import NoStoreError
from percapita.web import headers, rendering
from percapita.web.desk import Desk
from percapita.web.view import Asked, View
from percapita.web.views import PAGES, Page

_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_TABLE: Final = "text/csv; charset=utf-8"
_PAGE: Final = "text/html; charset=utf-8"

Write = Callable[[View, Request], tuple[str, str]]


def create(desk: Desk) -> FastAPI:
    """Return the application for one project; who opened the desk closes it."""
    app = FastAPI(
        title="percapita", version=__version__, docs_url=None, redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )  # fmt: skip
    app.add_middleware(headers.Headers)
    app.mount("/static", StaticFiles(packages=[("percapita.web", "static")]), name="static")
    for name, page in PAGES.items():
        _add(app, desk, name, page)
    app.add_api_route("/", lambda: RedirectResponse("/overview"), include_in_schema=False)
    app.add_exception_handler(404, _missing)
    return app


def _add(app: FastAPI, desk: Desk, name: str, page: Page) -> None:
    """Add a page's addresses: ``/name`` for people, ``.json``, ``.csv`` and the API else."""

    def route(write: Write) -> Callable[[Request], Any]:
        async def respond(request: Request) -> Response:
            asked = Asked(tuple(request.query_params.multi_items()))
            try:
                view = await desk.answer((name, asked), lambda bench: page(bench, asked))
            except PercapitaError as error:
                return _refused(request, error, people=write is _html)
            return _sent(request, *write(view, request))

        return respond

    for ending, write in (("", _html), (".json", _json), (".csv", _csv)):
        app.add_api_route(f"/{name}{ending}", route(write), include_in_schema=False)
    app.add_api_route(
        f"/api/v1/{name}", route(_json), name=name, response_model=None,
        responses={400: {"description": "What was asked for cannot be answered."}},
    )  # fmt: skip


def _html(view: View, request: Request) -> tuple[str, str]:
    return rendering.page(view.template, request, view=view, data=view.data, **view.shown), _PAGE


def _json(view: View, _: Request) -> tuple[str, str]:
    return json.dumps(view.data, ensure_ascii=False, indent=2) + "\n", _JSON


def _csv(view: View, _: Request) -> tuple[str, str]:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if view.header:
        writer.writerow(view.header)
    writer.writerows([_cell(value) for value in row] for row in view.rows)
    return stream.getvalue(), _TABLE


def _cell(value: object) -> object:
    return text(value) if hasattr(value, "as_tuple") else "" if value is None else value  # type: ignore[arg-type]


def _sent(request: Request, content: str, kind: str, status: int = 200) -> Response:
    """Send what was written, or that the reader has it already."""
    body = content.encode()
    mark = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    told = {"ETag": mark, "Cache-Control": "private, no-cache", "Vary": "Accept-Encoding"}
    if status == 200 and request.headers.get("if-none-match") == mark:  # noqa: PLR2004 HTTP's own
        return Response(status_code=304, headers=told)
    return Response(body, status_code=status, media_type=kind, headers=told)


def _refused(request: Request, error: PercapitaError, *, people: bool) -> Response:
    """Say why there is no answer, and what to do; before the first figure, how to come to it."""
    if isinstance(error, NoStoreError) or (
        isinstance(error, NothingPublishedError) and not error.known
    ):
        return _nothing(request, error, people=people)
    status = 400 if isinstance(error, InputError) else 500
    if people:
        content = rendering.page("refused.html", request, title="No answer", error=error)
        return _sent(request, content, _PAGE, status)
    return _problem(error, status)


def _problem(error: PercapitaError, status: int) -> Response:
    said: Mapping[str, Any] = {
        "type": "about:blank",
        "title": error.message,
        "status": status,
        "detail": error.hint,
        "problems": [str(problem) for problem in error.problems],
    }
    return Response(json.dumps(said, ensure_ascii=False), status, media_type=_PROBLEM)


def _nothing(request: Request, error: PercapitaError, *, people: bool) -> Response:
    """Lead the way to the first figure."""
    if not people:
        return _problem(error, 409)
    return _sent(request, rendering.page("start.html", request, title="Start", error=error), _PAGE)


async def _missing(request: Request, _: Exception) -> Response:
    error = InputError(f"There is no page {request.url.path}.", hint="Go to the overview.")
    content = rendering.page("refused.html", request, title="No such page", error=error)
    return _sent(request, content, _PAGE, 404)
