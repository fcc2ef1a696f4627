"""A throw-away OpenID provider on a free loopback port: the package oidc-provider, under Node."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import requests

from servers import missing
from servers.ports import free_ports

HERE: Final = Path(__file__).parent
MODULES: Final = HERE.parents[1] / "build" / "oidc" / "node_modules"
"""Where ``install.sh`` puts the package."""
_SECONDS: Final = 30


@contextmanager
def started(client: str, pages: str) -> Iterator[str]:
    """Start a provider with one public client, whose pages have this address; give its URL."""
    node = shutil.which("node")
    if node is None or not (MODULES / "oidc-provider").is_dir():
        missing("oidc-provider")
    with ExitStack() as stack:
        (port,) = free_ports(1)
        log = stack.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(  # noqa: S603
            [node, str(HERE / "oidc.mjs"), str(MODULES), str(port), client,
             f"{pages}/sign-in/back", f"{pages}/sign-in"],
            stdout=subprocess.PIPE, stderr=log,
        )  # fmt: skip
        stack.callback(process.wait, _SECONDS)
        stack.callback(process.kill)
        assert process.stdout is not None
        stack.callback(process.stdout.close)
        if process.stdout.readline() != b"ready\n":
            log.seek(0)
            raise AssertionError(log.read().decode(errors="replace"))
        yield f"http://localhost:{port}"


def twist(provider: str, claims: Mapping[str, object]) -> None:
    """Let the next ID token say something else, signed by the provider's own key."""
    reply = requests.post(f"{provider}/twist", json=dict(claims), timeout=_SECONDS)
    assert reply.status_code == 204
