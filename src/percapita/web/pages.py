"""The pages: each as HTML, JSON, CSV and Parquet, from one answer; and the files they load."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from percapita.core.errors import InputError, PercapitaError
from percapita.report import export
from percapita.report.document.writing import FORMS
from percapita.report.opened import NothingPublishedError
from percapita.store.site import NoStoreError
from percapita.store.trail import LOOKED
from percapita.web import refusals, rendering
from percapita.web.api import contract, openapi
from percapita.web.desk import Desk
from percapita.web.desk.view import Asked, View
from percapita.web.door import Caller, Door
from percapita.web.refusals import PAGE, Refused
from percapita.web.routes import ANYBODY, PAGE_ROLES, Handler, Route
from percapita.web.views import BEGINS, ON_PAPER, PAGES, UNKEPT, Page

_JSON: Final = "application/json"
_TABLE: Final = "text/csv; charset=utf-8"
_PARQUET: Final = "application/vnd.apache.parquet"
_NOT_YET: Final = 409
_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

Write = Callable[[View, Request], tuple[str | bytes, str]]
Start = Callable[[Request, PercapitaError], str]
"""Writes the page that is shown before the first figure."""


def routes(desk: Desk, door: Door, start: Start) -> Iterator[Route]:
    """Yield the addresses of every page: for people, as files, and the API's."""
    for name, page in PAGES.items():
        roles = PAGE_ROLES[name]
        for path, write in (
            (f"/{name}", _html), (f"/{name}.json", _json), (f"/{name}.csv", _csv),
            (f"/{name}.parquet", _parquet), (f"/api/v1/{name}", _json),
        ):  # fmt: skip
            answer = _answered(desk, door, name, page, write, start)
            yield Route(path, answer, roles, people=write is _html)
        for form in FORMS if name in ON_PAPER else ():
            answer = _answered(desk, door, name, page, _paper(form), start)
            yield Route(f"/{name}.{form}", answer, roles)
    yield Route("/static/{name}", static, ANYBODY)


def _answered(desk: Desk, door: Door, name: str, page: Page, write: Write, start: Start) -> Handler:
    async def respond(request: Request) -> Response:
        caller: Caller = request.state.caller
        own = {"who": caller.name, "role": caller.role} if name in UNKEPT else {}
        pairs = tuple(request.query_params.multi_items())
        asked = Asked(pairs, caller.sight, name, **own)
        try:
            if request.url.path.startswith(openapi.START):
                contract.check(name, asked.pairs)
            question = None if name in UNKEPT else (name, asked)
            view = await desk.answer(question, lambda bench: page(bench, asked))
            if name in BEGINS and write is _html:
                request.state.saved = await asyncio.to_thread(
                    door.saved.seen_by, caller.name, caller.role
                )
            content, kind = await asyncio.to_thread(write, view, request)
        except PercapitaError as error:
            return await asyncio.to_thread(_refused, request, error, start, people=write is _html)
        for somebody in view.people if caller.how != "machine" else ():
            await door.note(request, LOOKED, somebody, page=name)
        return sent(request, content, kind, link=_next(request, view))

    return respond


def _next(request: Request, view: View) -> str:
    """Return the address of the page after this one, as RFC 8288 links it."""
    cursor = view.data.get("next")
    if not cursor:
        return ""
    asked = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
    return f'<{request.url.path}?{urlencode([*asked, ("cursor", cursor)])}>; rel="next"'


def _html(view: View, request: Request) -> tuple[str, str]:
    return rendering.page(view.template, request, view=view, data=view.data, **view.shown), PAGE


def _json(view: View, _: Request) -> tuple[str, str]:
    return json.dumps(view.data, ensure_ascii=False, indent=2) + "\n", _JSON


def _csv(view: View, _: Request) -> tuple[str, str]:
    stream = io.StringIO()
    export.write_csv(stream, view.header, view.rows)
    return stream.getvalue(), _TABLE


def _parquet(view: View, _: Request) -> tuple[bytes, str]:
    stream = io.BytesIO()
    export.write_parquet(stream, [str(name) for name in view.header], export.exact(view.rows))
    return stream.getvalue(), _PARQUET


def _paper(form: str) -> Write:
    kind, write = FORMS[form]

    def written(view: View, _: Request) -> tuple[str | bytes, str]:
        if view.document is None:
            raise NoDocumentError(view.title)
        return write(view.document), kind

    return written


class NoDocumentError(InputError):
    """A file to hand on is asked for, and the page is none."""

    def __init__(self, title: str) -> None:
        super().__init__(f"{title} is no document.", hint="Say whose statement: ?for=tier=Pro")


def sent(
    request: Request, content: str | bytes, kind: str, status: int = 200, *, link: str = ""
) -> Response:
    """Send what was written, or that the reader has it already."""
    body = content.encode() if isinstance(content, str) else content
    mark = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    told = {
        "ETag": mark, "Cache-Control": "private, no-cache",
        "Vary": "Accept-Encoding, Authorization, Cookie", **({"Link": link} if link else {}),
    }  # fmt: skip
    known = {one.strip() for one in request.headers.get("if-none-match", "").split(",")}
    if status == 200 and known & {mark, f"W/{mark}", "*"}:  # noqa: PLR2004 HTTP's own
        return Response(status_code=304, headers=told)
    return Response(body, status_code=status, media_type=kind, headers=told)


def _refused(request: Request, error: PercapitaError, start: Start, *, people: bool) -> Response:
    """Say why there is no answer; before the first figure, how to come to it."""
    nothing = isinstance(error, NoStoreError) or (
        isinstance(error, NothingPublishedError) and not error.known
    )
    if nothing and people:
        return sent(request, start(request, error), PAGE)
    return refusals.answer(request, error, _NOT_YET if nothing else 0, people=people)


async def static(request: Request) -> Response:
    """Return a file that pages load; its address changes with its content."""
    name = request.path_params["name"]
    kind = _TYPES.get(name.rpartition(".")[2], "")
    known = {one.name: one for one in files("percapita.web").joinpath("static").iterdir()}
    if not kind or name not in known:
        raise NoFileError(name)
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(known[name].read_bytes(), media_type=kind, headers=kept)


class NoFileError(Refused):
    """No file of that name."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no file {name}.")
