"""Processes that a test lets die: forked from one that has imported percapita already.

A third of what a short command costs is imports, during which nothing can break. What starts
threads when it is imported is left to the processes themselves.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from typing import Any

from percapita.store.crash import ENVIRONMENT

_FORKED = get_context("forkserver")
_FORKED.set_forkserver_preload([
    "ibis.backends.sql.compilers.duckdb",
    "percapita.cli.main",
    "percapita.cli.run",
    "percapita.cli.setup",
    "percapita.pipeline",
    "percapita.project.handing",
    "percapita.store.imports.transaction",
    "percapita.store.runs.transaction",
])  # fmt: skip


def start(
    work: Callable[..., int | None], *arguments: Any,  # noqa: ANN401 the work's
    crash_at: str = "", **environment: str,
) -> ForkServerProcess:  # fmt: skip
    """Let a function of a module do its work in a process of its own; warnings are errors."""
    found = {**os.environ, ENVIRONMENT: crash_at, **environment}
    process = _FORKED.Process(target=_work, args=(found, work, arguments))
    process.start()
    return process


def ended(process: ForkServerProcess) -> int | None:
    """Wait for the end; return the exit code, negative where a signal ended it."""
    process.join()
    code = process.exitcode
    process.close()
    return code


def _work(
    environment: Mapping[str, str], work: Callable[..., int | None], arguments: tuple[Any, ...]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("error")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(work(*arguments))
