"""How fast pages are: server time cold and warm under viewers, weight, and the naive ways beside.

    python benchmarks/pages.py PROJECT                    20 viewers, a page every 2 s, 30 s
    python benchmarks/pages.py PROJECT --viewers 5 --seconds 10 --datasette ''

PROJECT has figures; the larger, the more this tells. Cold is the first request for each page after
the server started and kept answers were removed. Beside it, in the same run: the naive query over
the ledger, and Datasette serving the roll-up by tier as a table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

PAGES = (
    "/overview", "/cost?by={by}", "/cost?by=pool", "/cost?by=pool&by={by}", "/reconcile",
    "/statements?by={by}", "/report", "/pricing?margin=70", "/model",
)  # fmt: skip
EVERY = 2.0
"""Seconds between two pages of a viewer."""


@contextmanager
def serving(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a server as long as the block runs."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 our own
        try:
            yield server
        finally:
            server.terminate()


def asked(url: str) -> tuple[float, int]:
    """Return seconds and bytes of one request."""
    began = time.perf_counter()
    with urllib.request.urlopen(url, timeout=120) as reply:  # noqa: S310 our own server
        body = reply.read()
    return time.perf_counter() - began, len(body)


def p95(times: list[float]) -> float:
    """Return the 95th percentile, in milliseconds."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))] * 1000


def watched(site: str, pages: list[str], viewers: int, seconds: float) -> dict[str, list[float]]:
    """Let viewers ask for pages at random; return the seconds of each page."""
    found: dict[str, list[float]] = defaultdict(list)
    end = time.monotonic() + seconds

    def view(number: int) -> None:
        random = Random(number)  # noqa: S311 who looks at what
        time.sleep(random.random() * EVERY)
        while time.monotonic() < end:
            page = random.choice(pages)
            took, _ = asked(site + page)
            found[page].append(took)
            time.sleep(max(0.0, EVERY - took))

    threads = [threading.Thread(target=view, args=(n,)) for n in range(viewers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def ours(project: Path, by: str, viewers: int, seconds: float) -> None:
    """Measure percapita's pages."""
    shutil.rmtree(project / ".percapita" / "answers", ignore_errors=True)
    ports = ("--port=0", "--otlp-http-port=0", "--otlp-grpc-port=0", "--format=json")
    command = [sys.executable, "-m", "percapita", "serve", "--project", str(project), *ports]
    pages = [page.format(by=by) for page in PAGES]
    with serving(command) as server:
        assert server.stdout is not None  # noqa: S101 it is a pipe
        site = f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}"
        asked(f"{site}/healthz")
        cold = {page: asked(site + page) for page in pages}
        warm = watched(site, pages, viewers, seconds)
    print("| page | cold ms | warm p95 ms | warm median ms | KB | asked |")
    print("|---|---|---|---|---|---|")
    for page in pages:
        took, size = cold[page]
        times = warm[page] or [took]
        median = statistics.median(times) * 1000
        weight = size / 1000
        print(f"| `{page}` | {took * 1000:.0f} | {p95(times):.1f} | {median:.1f} | {weight:.1f} |"
              f" {len(warm[page])} |")  # fmt: skip
    every = [took for times in warm.values() for took in times]
    print(f"| all | {max(t for t, _ in cold.values()) * 1000:.0f} (max) | {p95(every):.1f} |"
          f" {statistics.median(every) * 1000:.1f} | | {len(every)} |")  # fmt: skip


def naive(project: Path, by: str) -> None:
    """Measure the sum over the whole ledger, by a segment, without any roll-up."""
    from percapita.core.tables import LEDGER, SLICES  # noqa: PLC0415
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    opened_project = Project.open(project)
    with opened_project.store(create=False) as store:
        opened = open_figures(store, now=opened_project.now)
        opened.bind(LEDGER, SLICES)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            store.engine.rows(
                f"SELECT s.attributes['{by}'], sum(l.amount) FROM ledger l JOIN slices s"
                " ON s.period = l.period AND s.slice = l.slice GROUP BY 1"
            )
            times.append(time.perf_counter() - began)
        rows = store.engine.value("SELECT count(*) FROM ledger")
    print(f"\nnaive query over {rows:,} ledger rows: {statistics.median(times) * 1000:.0f} ms")


def datasette(program: str, project: Path, by: str, viewers: int, seconds: float) -> None:
    """Measure Datasette on the same roll-up, as a table that it groups itself."""
    import percapita  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rollup.db")
        with percapita.open(project) as book:
            rows = book.cost("month", "pool", by).dicts()
        with sqlite3.connect(file) as base:
            base.execute("CREATE TABLE rollup (month TEXT, pool TEXT, cut TEXT, total REAL)")
            base.executemany(
                "INSERT INTO rollup VALUES (?, ?, ?, ?)",
                [(r["month"], r["pool"], r[by], float(r["total"] or 0)) for r in rows],
            )
        port = "18077"
        command = [program, "serve", str(file), "-p", port]
        pages = [
            "/rollup/rollup", "/rollup/rollup?_facet=cut",
            "/rollup?sql=select+cut,sum(total)+from+rollup+group+by+cut",
        ]  # fmt: skip
        with serving(command):
            site = f"http://127.0.0.1:{port}"
            for _ in range(100):
                try:
                    asked(f"{site}/-/versions.json")
                    break
                except OSError:
                    time.sleep(0.1)
            warm = watched(site, pages, viewers, seconds)
    every = [took for times in warm.values() for took in times]
    print(f"Datasette on {len(rows):,} rows of the roll-up: p95 {p95(every):.1f} ms, median"
          f" {statistics.median(every) * 1000:.1f} ms, {len(every)} asked")  # fmt: skip


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--by", default="tier", help="a segment of the model")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--datasette", default="datasette", help="the program; '' for without")
    said = parser.parse_args()
    ours(said.project, said.by, said.viewers, said.seconds)
    naive(said.project, said.by)
    if shutil.which(said.datasette):
        datasette(said.datasette, said.project, said.by, said.viewers, said.seconds)


if __name__ == "__main__":
    main()
