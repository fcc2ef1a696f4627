"""One server for all tests of a module that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serve.running import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running server with a limit of 1 MiB a request."""
    limits = {"body": 1 << 20, "seconds": 1.0}
    with serving(tmp_path_factory.mktemp("served"), limits=limits) as running:
        yield running
