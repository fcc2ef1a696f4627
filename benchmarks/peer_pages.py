"""The same roll-up as a SQLite table that Datasette serves, and the naive query over the ledger."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

ASKED: Final = (
    "/rollup?sql=select+plan,+sum(micros)/1e6+from+rollup+where+cohort%3D'{0}'+group+by+plan",
    "/rollup?sql=select+day,+sum(micros)/1e6+from+rollup+where+cohort%3D'{0}'+group+by+day",
    "/rollup?sql=select+pool,+sum(micros)/1e6+from+rollup+where+cohort%3D'{0}'+group+by+pool",
    "/rollup/rollup?cohort={0}&_facet=plan&_facet=pool",
    "/rollup?sql=select+cohort,+sum(micros)/1e6+from+rollup+group+by+cohort+order+by+2+desc",
)
"""What a user of Datasette would ask of it; amounts are in millionths, since SQLite has no
decimals."""


def _tables(project: Path) -> dict[str, str]:
    """Return SQL of the newest run's tables."""
    found = {}
    for name in ("ledger", "rollup", "groups", "slices"):
        runs = sorted((project / ".percapita" / "tables" / name).glob("period=*/run=*"))
        found[name] = f"read_parquet('{runs[-1]}/*.parquet')"
    return found


def naive(project: Path) -> float:
    """Return the seconds of cost by cohort as summed from the ledger itself, with one thread."""
    of = _tables(project)
    engine = duckdb.connect(config={"threads": 1})
    began = time.perf_counter()
    engine.execute(
        "SELECT s.attributes['cohort'], sum(l.amount), count(DISTINCT l.subject)"
        f" FROM {of['ledger']} l JOIN {of['slices']} s ON s.slice = l.slice GROUP BY 1"
    ).fetchall()
    return time.perf_counter() - began


@contextmanager
def datasette(project: Path, folder: Path) -> Iterator[str]:
    """Serve the roll-up by day, pool, plan and cohort, with the indexes that its questions want."""
    file = folder / "rollup.db"
    _write(project, file)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [
        sys.executable, "-m", "datasette", "serve", str(file), "--port", str(port),
        "--setting", "sql_time_limit_ms", "60000", "--setting", "facet_time_limit_ms", "60000",
    ]  # fmt: skip
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
    ) as process:
        url = f"http://127.0.0.1:{port}"
        _wait(url)
        try:
            yield url
        finally:
            process.terminate()


def _write(project: Path, file: Path) -> None:
    of = _tables(project)
    rows = duckdb.connect().execute(
        "SELECT strftime(g.start, '%Y-%m-%d'), g.pool, s.attributes['plan'],"
        " s.attributes['cohort'], CAST(sum(r.amount) * 1000000 AS BIGINT)"
        f' FROM {of["rollup"]} r JOIN {of["groups"]} g ON g."group" = r."group"'
        f" JOIN {of['slices']} s ON s.slice = r.slice GROUP BY ALL"
    )
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE rollup (day, pool, plan, cohort, micros INTEGER)")
        while found := rows.fetchmany(50_000):
            connection.executemany("INSERT INTO rollup VALUES (?, ?, ?, ?, ?)", found)
        connection.execute("CREATE INDEX by_cohort ON rollup (cohort)")
    connection.close()


def _wait(url: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(url, timeout=10).close()  # noqa: S310 loopback
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("Datasette does not answer")
