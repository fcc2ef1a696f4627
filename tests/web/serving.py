"""The pages of a project on a free port of this machine, and a client that asks for them."""

from __future__ import annotations

import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from percapita.web.desk import Desk
from percapita.web.site import create


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


def _read(status: int, headers: Any, body: bytes) -> Reply:  # noqa: ANN401
    return Reply(status, {name.lower(): value for name, value in headers.items()}, body.decode())


@contextmanager
def served(project: Path) -> Iterator[Site]:
    """Serve a project as long as the block runs."""
    listening = socket.create_server(("127.0.0.1", 0))
    desk = Desk(project)
    server = uvicorn.Server(uvicorn.Config(create(desk), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Site(f"http://127.0.0.1:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()
        desk.close()
        listening.close()
