"""What rotating the key of the pseudonyms takes in a store of many users, and how long others wait.

.venv/bin/python benchmarks/rotation.py                       a hundred thousand users
.venv/bin/python benchmarks/rotation.py --users 1000000       as the bars are meant
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from percapita.project import Project
from percapita.store.door import KeyRotatedError

_MODEL: Final = "currency: USD\npools:\n  - {pool: api, match: {ServiceName: x}, by: requests}\n"
_TURN: Final = 80_000
"""Users of one turn of counting under load."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--come", help=argparse.SUPPRESS, type=Path)
    given = parser.parse_args()
    if given.come:
        _come(given.come, given.users)
        return
    with tempfile.TemporaryDirectory(prefix="percapita-rotation-") as name:
        root = Path(name)
        (root / "percapita.yaml").write_text("version: 1\n", encoding="utf-8")
        (root / "model.yaml").write_text(_MODEL, encoding="utf-8")
        again = [sys.executable, __file__, "--come", name, "--users", str(given.users)]
        _measured("users come first", again)
        with _Writer(root) as writer:
            for what in ("rotate", "list"):
                writer.watch(f"key {what}", what)
            _measured("users come again", again)
            for what in ("list", "retire"):
                writer.watch(f"key {what}", what)
            writer.watch("key rotate", "rotate")
            _measured("users come again", again)
            writer.watch("key retire --leaked", "retire", "--leaked")


def _come(root: Path, users: int) -> None:
    """Hand names to the door as turns of counting do."""
    with Project.open(root).store() as store:
        for start in range(0, users, _TURN):
            store.door.numbers("user", [f"u{n}" for n in range(start, min(start + _TURN, users))])


def _measured(what: str, command: list[str]) -> None:
    """Run a process; say what it took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        peaks = list(_held(process))
    wall = time.monotonic() - began
    if process.returncode:
        raise SystemExit(f"{what} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{what}: {wall:.2f} s, CPU {spent:.2f} s, {max(peaks, default=0) >> 20} MiB", flush=True)


def _held(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """Yield the memory of a process as long as it runs."""
    import psutil  # noqa: PLC0415

    held = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            yield held.memory_info().rss
        except psutil.NoSuchProcess:
            return
        time.sleep(0.02)


class _Writer(threading.Thread):
    """Writes to the catalog ten times a second, as counting commits; knows how long it waited."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._over = threading.Event()
        self._longest = 0.0

    def run(self) -> None:
        """Write until told to stop."""
        with Project.open(self._root).store() as store:
            at = 0
            while not self._over.wait(0.1):
                began = time.monotonic()
                # Who writes at the very moment of a rotation is told to try again.
                with suppress(KeyRotatedError):
                    store.door.numbers("user", [f"writer {at}"])
                self._longest = max(self._longest, time.monotonic() - began)
                at += 1

    def watch(self, what: str, *arguments: str) -> None:
        """Run a command of the key; say what it took, and how long the writer waited at most."""
        self._longest = 0.0
        lose = ["--lose"] if arguments[0] == "retire" else []
        command = [sys.executable, "-m", "percapita", "key", *arguments, *lose]
        _measured(what, [*command, "--project", str(self._root)])
        time.sleep(0.5)
        print(f"  another writer waited {self._longest:.2f} s at most", flush=True)

    def __enter__(self) -> Self:
        """Begin to write."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._over.set()
        self.join()


if __name__ == "__main__":
    main()
