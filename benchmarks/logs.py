"""Access logs: percapita's import of a combined log against a plain loop with compiled patterns.

    .venv/bin/python benchmarks/logs.py [--lines 1000000]

Both read the same file in the same run, one after the other, and come to the same sums: requests,
bytes and errors by hour, client and route, crawlers told apart. The loop keeps them in a
dictionary; the import also hashes the file, gives every client its number, and writes readings.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from percapita import telemetry
from percapita.core.privacy import Key
from percapita.core.sources import Source
from percapita.core.tables import READINGS
from percapita.store import Store

LINE = re.compile(r'^(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"')
ID = re.compile(r"(?<=/)(\d+|[0-9a-f]{16,})(?=/|$)")
BOT = re.compile(r"bot\b|crawl|spider|slurp|feedfetcher|headlesschrome|uptimerobot", re.IGNORECASE)
AGENTS = (
    *(f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0"
      " Safari/537.36" for v in range(110, 140)),
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "okhttp/4.12.0", "curl/8.5.0",
)  # fmt: skip


ASSETS = 8
VISIT = 25
"""Requests of a visit: pages, their assets, and calls with ids."""


def write(path: Path, lines: int) -> None:
    """Write a seeded combined log: visits of 50,000 clients, skewed, over 30 days; one line cut."""
    pick = random.Random(1)  # noqa: S311
    clients = [f"10.{a}.{b}.{c}" for a in range(8) for b in range(64) for c in range(98)]
    start = datetime(2025, 10, 1, tzinfo=UTC)
    client = agent = ""
    with path.open("w", encoding="utf-8") as file:
        for at in range(lines):
            if at % VISIT == 0:
                client = clients[int(len(clients) * pick.random() ** 3)]
                agent = AGENTS[pick.randrange(len(AGENTS))]
            moment = start + timedelta(seconds=at * 2_592_000 // lines)
            kind = pick.randrange(12)
            target = (
                f"/static/app-{kind}.js" if kind < ASSETS else f"/shop/{pick.randrange(40)}-x.html"
            )
            if kind > ASSETS + 1:
                target = f"/api/v1/orders/{pick.randrange(10**6)}?page={at % 7}"
            status = 500 if at % 997 == 0 else 200
            file.write(
                f'{client} - - [{moment:%d/%b/%Y:%H:%M:%S} +0000] "GET {target} HTTP/1.1" {status}'
                f' {pick.randrange(90_000)} "https://shop.example/" "{agent}"\n'
            )
        file.write('10.0.0.1 - - [30/Oct/2025:23:59:59 +0000] "GET / HTTP/1.1" 200 1 "-" "Moz')


def match_only(path: Path) -> int:
    """Match every line, and nothing else."""
    found = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            found += LINE.match(line) is not None
    return found


def loop(path: Path) -> int:
    """Sum a log as one would write it down."""
    sums: dict[tuple[str, str, str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
    found = 0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if (match := LINE.match(line)) is None:
                continue
            client, _, _, moment, request, status, size, _, agent = match.groups()
            route = ID.sub("{id}", request.split(" ")[1].partition("?")[0])
            entry = sums[moment[:14], client, route, BOT.search(agent) is not None]
            entry[0] += 1
            entry[1] += 0 if size == "-" else int(size)
            entry[2] += status >= "500"
            found += 1
    return found


def take(path: Path) -> int:
    """Import the log into a new store."""
    now = datetime(2025, 12, 1, tzinfo=UTC)
    with (
        tempfile.TemporaryDirectory() as folder,
        Store.open(Path(folder) / "store", Key(b"k" * 32), threads=2, now=now) as store,
    ):
        taken = telemetry.take(store, Source("log", str(path)), root=Path(folder))
        view = store.bind(READINGS)
        summed = store.engine.value(f"SELECT sum(quantity) FROM {view} WHERE meter = 'requests'")
        assert summed == taken.rows  # noqa: S101
        return taken.rows


def timed(work: Callable[[Path], int], path: Path, repeats: int) -> tuple[int, float, float]:
    """Return what it found, and the median wall and CPU seconds."""
    walls, cpus, found = [], [], 0
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        found = work(path)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return found, median(walls), median(cpus)


def main() -> None:
    """Write the log, time all three, print seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--file", type=Path, help="a combined log of your own")
    said = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = said.file or Path(folder) / "access.log"
        if not said.file:
            write(path, said.lines)
        rows = {
            "match only": timed(match_only, path, said.repeats),
            "loop": timed(loop, path, said.repeats),
            "import": timed(take, path, said.repeats),
        }
    print(f"{'':12} {'lines':>10} {'wall s':>8} {'CPU s':>8}")
    for name, (found, wall, cpu) in rows.items():
        print(f"{name:12} {found:>10,} {wall:>8.2f} {cpu:>8.2f}")
    for name in ("match only", "loop"):
        wall, cpu = (rows[name][at] / rows["import"][at] for at in (1, 2))
        print(f"{name} / import: wall {wall:.1f} x, CPU {cpu:.1f} x")


if __name__ == "__main__":
    main()
