"""PostgreSQL as a source, against a real server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from percapita import telemetry
from percapita.core.errors import InputError
from percapita.core.sources import Source, Taken
from percapita.core.tables import READINGS
from servers.postgres import Postgres
from telemetry.signal_tables import Taker

pytestmark = pytest.mark.external

START = datetime(2025, 10, 3, 12, 30, tzinfo=UTC)


@dataclass
class Looker:
    """Calling it imports what is new."""

    take: Taker
    server: Postgres
    database: str

    def __call__(self, minutes: int, **said: Any) -> Taken:  # noqa: ANN401
        """Look so many minutes after the start."""
        source = Source("db", "", format="postgres", secret="env:SHOP_DB", **said)  # noqa: S106
        now = START + timedelta(minutes=minutes)
        return telemetry.take(self.take.store, source, root=self.take.root, now=now)

    def run(self, *statements: str, times: int = 1) -> None:
        """Run statements in the database."""
        connection = self.server.connect(self.database)
        try:
            cursor = connection.cursor()
            for statement in statements:
                for _ in range(times):
                    cursor.execute(statement)
        finally:
            connection.close()

    def totals(self, *keys: str, meter: str = "db.queries") -> dict[Any, int]:
        """Return a meter's sums in this database by keys."""
        view = self.take.store.bind(READINGS)
        rows = self.take.store.engine.rows(
            f"SELECT {', '.join(keys)}, sum(quantity)::BIGINT FROM {view} WHERE meter = '{meter}'"
            f" AND split_part(namespace, '.', 1) = '{self.database}' GROUP BY ALL ORDER BY ALL"
        )
        return {row[0] if len(keys) == 1 else row[:-1]: row[-1] for row in rows}


@pytest.fixture
def look(take: Taker, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Looker:
    """Give a store and an empty database, whose address is in the environment."""
    database = postgres.database()
    user, password = quote(postgres.user), quote(postgres.password, safe="")
    where = f"127.0.0.1:{postgres.port}/{database}"
    monkeypatch.setenv("SHOP_DB", f"postgresql://{user}:{password}@{where}")
    return Looker(take, postgres, database)


def test_statements_since_the_last_look(look: Looker) -> None:
    """Calls, time and rows count from look to look, by database, role and the comment's tenant."""
    look.run("SELECT now() AS before")
    first = look(0)
    look.run("SELECT generate_series(1, 5) AS n /*tenant='acme%20inc',route='%2Fa'*/", times=7)
    look.run("SELECT 2 + 2 AS plain", times=3)
    second = look(10)

    assert (first.rows, first.format) == (0, "postgres")
    assert "first look" in first.notes[0]
    assert second.rows > 0
    acme = int(look.take.number("tenant", "acme inc"))
    assert look.totals("subject", "level", "service")[acme, "tenant", "percapita"] == 7
    assert look.totals("subject", meter="db.rows")[acme] == 35
    assert look.totals("subject", meter="db.time")[acme] > 0
    assert look.totals("subject")[0] >= 3
    assert look.take.store.meter_bases()["db.time"] == "microsecond"
    look(20)
    assert look.totals("subject")[acme] == 7


def test_one_statement_under_two_comments(look: Looker) -> None:
    """PostgreSQL keeps the first comment of a statement alone: the first look says so."""
    told = look(0).notes
    look.run("SELECT 1 + 1 AS y /*tenant='acme'*/", "SELECT 1 + 1 AS y /*tenant='beta'*/")
    look(10)

    assert look.totals("subject")[int(look.take.number("tenant", "acme"))] == 2
    assert any("under the first comment" in note for note in told)


def test_resets_lose_nothing_that_is_known(look: Looker) -> None:
    """After pg_stat_statements_reset, and that of one statement, counting goes on from 0."""
    tagged = "SELECT 1 AS x /*tenant='acme'*/"
    look.run(tagged, times=4)
    look(0)
    look.run(tagged, times=2)
    look(10)
    look.run("SELECT pg_stat_statements_reset()")
    look.run(tagged, times=3)
    look(20)
    look.run(
        "SELECT pg_stat_statements_reset(0, 0, queryid) FROM pg_stat_statements"
        " WHERE query LIKE 'SELECT $1 AS x%'"
    )
    look.run(tagged)
    look(30)

    assert look.totals("subject")[int(look.take.number("tenant", "acme"))] == 2 + 3 + 1


def test_bytes_and_connections_are_held_for_a_time(look: Looker) -> None:
    """Bytes of a schema become byte-hours, cut at full hours; roles and schemas may be tenants."""
    look.run(
        "CREATE SCHEMA acme", "CREATE TABLE acme.orders (n int)",
        "INSERT INTO acme.orders SELECT generate_series(1, 20000)",
    )  # fmt: skip
    said = {"subject": {"tenant": "schema"}, "values": {"resource": "db-1"}}
    other = look.server.connect(look.database)
    try:
        look(0, **said)
    finally:
        other.close()
    look(60, **said)

    acme = int(look.take.number("tenant", "acme"))
    hours = look.totals("strftime(time, '%H:%M')", "subject", "resource", meter="storage.bytes")
    assert set(hours) == {("12:00", acme, "db-1"), ("13:00", acme, "db-1")}
    assert sum(hours.values()) >= 20_000 * 28
    assert abs(hours["12:00", acme, "db-1"] - hours["13:00", acme, "db-1"]) <= 1
    assert sum(look.totals("service", meter="db.connections").values()) == 3600 * 1_000_000


def test_what_cannot_be_asked(look: Looker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password and a missing extension say what to do, and never show the secret."""
    address = f"127.0.0.1:{look.server.port}"
    monkeypatch.setenv("SHOP_DB", f"postgresql://percapita:hunter2@{address}/{look.database}")
    with pytest.raises(InputError, match="password authentication failed") as caught:
        look(0)
    assert "hunter2" not in str(caught.value)
    look.server.execute('CREATE DATABASE "bare"')
    password = quote(look.server.password, safe="")
    monkeypatch.setenv("SHOP_DB", f"postgresql://percapita:{password}@{address}/bare")
    with pytest.raises(InputError, match="CREATE EXTENSION"):
        look(0)
    monkeypatch.setenv("SHOP_DB", "")
    with pytest.raises(InputError, match="SHOP_DB is not set"):
        look(0)
