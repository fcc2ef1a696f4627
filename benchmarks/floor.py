"""The floor: DuckDB scans the columns that allocation scans and groups by (day, pool, user).

Run as a program on the readings' files; prints the time of one query and of a day loop as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta

import duckdb
import readings
from spent import Clock

_QUERY = """
    SELECT count(*), sum(w) FROM (
        SELECT {day} AS day, meter, subject, sum(quantity) AS w FROM read_parquet($files)
        WHERE grain = 'hour' AND quantity > 0 AND level IS DISTINCT FROM ''
          AND time >= $first AND time < $last
        GROUP BY {keys})
"""


def _one(connection: duckdb.DuckDBPyConnection, files: list[str]) -> int:
    query = _QUERY.format(day="date_trunc('day', time)", keys="ALL")
    last = readings.FIRST + timedelta(days=readings.DAYS)
    given = {"files": files, "first": readings.FIRST, "last": last}
    return int(connection.execute(query, given).fetchall()[0][0])


def _loop(connection: duckdb.DuckDBPyConnection, files: list[str]) -> int:
    groups = 0
    for at in range(readings.DAYS):
        first = readings.FIRST + timedelta(days=at)
        query = _QUERY.format(day=f"DATE '{first:%Y-%m-%d}'", keys="meter, subject")
        given = {"files": files, "first": first, "last": first + timedelta(days=1)}
        groups += int(connection.execute(query, given).fetchall()[0][0])
    return groups


def main(files: list[str]) -> None:
    """Measure both ways, each on a connection of its own."""
    ways: dict[str, Callable[[duckdb.DuckDBPyConnection, list[str]], int]] = {
        "one query": _one,
        "day loop": _loop,
    }
    found = {}
    for name, way in ways.items():
        connection = duckdb.connect(config={"threads": 2})
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET parquet_metadata_cache = true")
        clock = Clock()
        groups = way(connection, files)
        found[name] = {**clock.spent(), "groups": groups}
        connection.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
