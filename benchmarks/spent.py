"""Wall time, CPU seconds and peak memory, of this process or of a program."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_KIB_IN_GIB = 2**20


class Clock:
    """Started when it is made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._cpu = time.process_time()

    def spent(self) -> dict[str, float]:
        """Return the seconds since, on the wall and of all threads of this process."""
        return {
            "wall": time.perf_counter() - self._wall,
            "cpu": time.process_time() - self._cpu,
        }


class Spent(NamedTuple):
    """What a program took."""

    wall: float
    cpu: float
    peak: float
    """GiB, of the largest process."""
    output: str


def program(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Spent:
    """Run a program to its end; its output is kept.

    Raises:
        RuntimeError: it failed.
    """
    started = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    assert process.stdout is not None  # noqa: S101
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{output}")
    cpu = usage.ru_utime + usage.ru_stime
    return Spent(wall, cpu, usage.ru_maxrss / _KIB_IN_GIB, output)
