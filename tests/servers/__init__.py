"""Real servers that tests start on loopback, and end."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing(server: str) -> NoReturn:
    """Skip a test for want of a server; where changes are judged, that is a failure."""
    message = f"{server} is not installed: make services"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
