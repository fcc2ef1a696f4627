"""How soon pages come: viewers on a large store, beside Datasette on the same roll-up.

.venv/bin/python benchmarks/pages.py                       10 M readings
.venv/bin/python benchmarks/pages.py --rows 100000000      as the bars are meant
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Final

import company
import psutil
from browser import repaints, weight
from peer_pages import ASKED, datasette, naive
from spent import program
from viewers import Times, look

PERCAPITA: Final = Path(sys.executable).with_name("percapita")
_MODEL: Final = "pages.yaml"
_SAME: Final = (
    "/overview", "/cost?by=plan", "/cost?by=pool", "/cost?by=day", "/cost?by=cohort",
    "/reconcile", "/statements?by=plan", "/report", "/pricing?margin=70", "/model",
)  # fmt: skip
"""Pages that all viewers look at."""
_OWN: Final = (
    "/cost?by=plan&where=cohort%3D{0}", "/cost?by=day&where=cohort%3D{0}",
    "/cost?by=pool&where=cohort%3D{0}", "/explain?segment=cohort%3D{0}",
)  # fmt: skip
"""Pages that each viewer looks at for cohorts of its own."""


def main() -> None:
    """Make the data, look at it, print."""
    given = _arguments()
    project = company.project(given.cache, given.rows)
    if not list(project.glob(".percapita/tables/presence/period=*/run=*")):
        _run(project)
    own = [[_cohort(viewer, at) for at in range(3)] for viewer in range(given.viewers)]
    ours = [[page.format(c) for c in cohorts for page in _OWN] for cohorts in own]
    for viewer, pages in enumerate(ours):
        pages += [_SAME[(viewer + at) % len(_SAME)] for at in range(len(_SAME))]
    with _serving(project) as (url, process):
        cold, warm = look(url, ours, given.pause), look(url, ours, given.pause)
        peak = process.memory_info().rss / 2**20
        heavy = max((weight(url + page), page) for page in _SAME)
        painted = repaints(url + "/cost?by=plan", given.repaints)
    with tempfile.TemporaryDirectory() as folder, datasette(project, Path(folder)) as url:
        theirs = [[page.format(c) for c in cohorts for page in ASKED] for cohorts in own]
        their_cold, their_warm = (look(url, theirs, given.pause) for _ in range(2))
    print(f"{given.rows:,} readings, {given.viewers} viewers, a page every {given.pause:g} s each;")
    print(f"server {peak:.0f} MiB; naive query over the ledger {naive(project):.2f} s\n")
    _print((("ours, cold", cold), ("ours, warm", warm),
            ("Datasette, cold", their_cold), ("Datasette, warm", their_warm)))  # fmt: skip
    slowest = sorted(cold.items(), key=lambda one: -max(one[1]))[:3]
    print("\nslowest when cold: " + ", ".join(f"{page} {max(t):.2f} s" for page, t in slowest))
    print(f"heaviest page {heavy[0] / 1000:.0f} kB ({heavy[1]});"
          f" filter to repaint p95 {_p95(painted) * 1000:.0f} ms of {len(painted)}")  # fmt: skip


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="readings, about")
    cache = Path(tempfile.gettempdir()) / "percapita-bench"
    parser.add_argument("--cache", type=Path, default=cache, help="where the data is kept")
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--pause", type=float, default=2.0, help="seconds from page to page")
    parser.add_argument("--repaints", type=int, default=40)
    return parser.parse_args()


def _cohort(viewer: int, at: int) -> str:
    return f"cohort-{(viewer * 7 + at * 149) % 500:03}"


def _run(project: Path) -> None:
    program([
        str(PERCAPITA), "run", "--project", str(project), "--no-import", "--threads", "2",
        "--memory", "1GB", "--model", str(project / _MODEL),
    ])  # fmt: skip


@contextmanager
def _serving(project: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Serve the project with nothing answered before."""
    shutil.rmtree(project / ".percapita" / "answers", ignore_errors=True)
    command = [
        str(PERCAPITA), "serve", "--project", str(project), "--port", "0", "--otlp-http-port", "0",
        "--otlp-grpc-port", "0", "--format", "json",
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101
        ports = json.loads(process.stdout.readline())
        url = f"http://127.0.0.1:{ports['port']}"
        _wait(url + "/model")
        try:
            yield url, psutil.Process(process.pid)
        finally:
            process.terminate()


def _wait(url: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=10).close()  # noqa: S310 our own server
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit(f"{url} does not answer")


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]


def _print(rows: Sequence[tuple[str, Times]]) -> None:
    print("| | pages | p50 ms | p95 ms | slowest ms |\n|---|---|---|---|---|")
    for name, times in rows:
        every = sorted(t * 1000 for one in times.values() for t in one)
        middle = every[len(every) // 2]
        print(f"| {name} | {len(every)} | {middle:.0f} | {_p95(every):.0f} | {every[-1]:.0f} |")


if __name__ == "__main__":
    main()
