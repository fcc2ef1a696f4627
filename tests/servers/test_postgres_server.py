"""The throw-away PostgreSQL that tests start."""

from __future__ import annotations

import pytest

from servers.postgres import Postgres

pytestmark = pytest.mark.external


def test_statements_of_a_database_are_counted(postgres: Postgres) -> None:
    """pg_stat_statements counts what a test's own database was asked."""
    database = postgres.database()
    connection = postgres.connect(database)
    try:
        cursor = connection.cursor()
        for _ in range(3):
            cursor.execute("SELECT 1 AS asked")
        # The view counts what all databases were asked, those of other tests too.
        cursor.execute(
            "SELECT calls FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid"
            " WHERE datname = current_database() AND query = 'SELECT $1 AS asked'"
        )
        counted = cursor.fetchall()
    finally:
        connection.close()

    assert sum(calls for (calls,) in counted) == 3
