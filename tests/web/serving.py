"""The pages of a project on a free port of this machine, and a client that asks for them."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn

from percapita.project import Project
from percapita.store import Store
from percapita.telemetry.receive.access import Access
from percapita.web import app, table
from percapita.web.desk import Desk
from percapita.web.door import Door


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    text: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        """The body, read as JSON."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Site:
    """Where the pages are."""

    url: str

    def get(self, path: str, **headers: str) -> Reply:
        """Ask for a page; redirects are followed, refusals are replies too."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, headers=named)  # noqa: S310 our own server
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310 likewise
                return _read(reply.status, reply.headers, reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return _read(error.code, error.headers, error.read())

    def ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, **headers: str
    ) -> Reply:
        """Ask by any method; redirects are replies."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = urllib.parse.urlencode(form or {}).encode() if method != "GET" else None
        if body is not None:
            named.setdefault("Content-Type", "application/x-www-form-urlencoded")
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        with closing(connection):
            connection.request(method, path, body, named)
            reply = connection.getresponse()
            streamed = reply.headers.get_content_type() == "text/event-stream"
            return _read(reply.status, reply.headers, b"" if streamed else reply.read())

    def fetch(self, path: str) -> bytes:
        """Return the bytes of a file."""
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:  # noqa: S310 our own server
            found: bytes = reply.read()
            return found


def _read(status: int, headers: Any, body: bytes) -> Reply:  # noqa: ANN401
    named = {name.lower(): ", ".join(headers.get_all(name)) for name in headers}
    return Reply(status, named, body.decode(errors="replace"))


@contextmanager
def served(
    project: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    **how: Any,  # noqa: ANN401 the door's
) -> Iterator[Site]:
    """Serve a project as long as the block runs, as if the server had the address ``host``.

    ``port`` is of this machine; any that is free unless said.
    """
    opened = Project.open(project)
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", port)))
        desk = Desk(project)
        stack.callback(desk.close)

        @cache
        def store() -> Store:
            return stack.enter_context(opened.store())

        said = opened.settings
        how = {"viewers": said.viewers, "limits": said.limits, **how}
        door = Door(Access(host, lambda _: False), store, **how)
        pages = app.create(table.routes(opened, desk, door), door)
        server = uvicorn.Server(uvicorn.Config(pages, log_level="critical"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()


def kept_in(folder: Path) -> bytes:
    """Return the bytes of a project's catalog.

    Another process reads them: one that closes a file which its own SQLite has open loses the
    locks on it.
    """
    files = sorted((folder / ".percapita").glob("catalog*"))
    return subprocess.run(["cat", *files], capture_output=True, check=True).stdout  # noqa: S603, S607
