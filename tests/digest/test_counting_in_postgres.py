"""Counting with the catalog in PostgreSQL: a commit may go on after the process that sent it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digest.counter import MODEL
from digest.otlp import span, traces
from percapita.core.subjects import USER
from percapita.core.tables import READINGS
from percapita.project import Project
from percapita.store.catalog import traced
from percapita.store.erasure import erase
from percapita.store.spool import Spool
from servers.postgres import Postgres

pytestmark = pytest.mark.external
NOW = time.time_ns()
_PATIENCE = 30.0
_GATE = 7
_SLOW = f"""
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN PERFORM pg_advisory_xact_lock_shared({_GATE}); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON marked DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION slow();
"""
"""Makes each commit of marks wait at the gate, inside the database."""


@pytest.fixture
def project(
    tmp_path: Path, postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """Give a project whose catalog is a database, with three requests counted and three more."""
    address = f"postgresql://{postgres.user}@{postgres.host}:{postgres.port}/{database}"
    (tmp_path / "percapita.yaml").write_text(f"model: model.yaml\ncatalog: {address}\n")
    (tmp_path / "model.yaml").write_text(MODEL)
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    project = Project.open(tmp_path)
    for first in (1, 4):
        with Spool(project.store_root, project.key()).start() as spool:
            for n in range(first, first + 3):
                spool.append("traces", traces([span(n, {"user.id": f"u{n}"}, end=NOW)])).result()
        if first == 1:
            assert digest(project).wait(_PATIENCE) == 0
    return project


@pytest.fixture
def database(postgres: Postgres) -> str:
    """Give an empty database."""
    return postgres.database()


@pytest.fixture
def asked(postgres: Postgres, database: str) -> Iterator[Any]:
    """Give a cursor of the database."""
    with closing(postgres.connect(database)) as connection:
        yield connection.cursor()


def digest(project: Project) -> subprocess.Popen[bytes]:
    """Count what is there, in a process of its own."""
    command = [sys.executable, "-m", "percapita", "digest", "--once"]
    return subprocess.Popen(  # noqa: S603
        [*command, "--project", str(project.root)], stdout=subprocess.DEVNULL
    )


def waiting(asked: Any) -> int:  # noqa: ANN401 the driver is not typed
    """Return how many of the others wait for a lock."""
    asked.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'"
    )
    return int(asked.fetchone()[0])


def until(asked: Any, count: int) -> None:  # noqa: ANN401
    """Wait until so many wait."""
    end = time.monotonic() + _PATIENCE
    while waiting(asked) < count:
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_a_commit_that_outlives_its_process_counts_once(project: Project, asked: Any) -> None:  # noqa: ANN401
    """Killed while the database commits: who comes next waits for that, and finds it counted."""
    asked.execute(_SLOW)
    asked.execute(f"SELECT pg_advisory_lock({_GATE})")
    killed = digest(project)
    until(asked, 1)
    killed.kill()
    killed.wait()
    after = digest(project)
    until(asked, 2)
    asked.execute(f"SELECT pg_advisory_unlock({_GATE})")

    assert after.wait(_PATIENCE) == 0
    with project.store() as store:
        store.bind(READINGS)
        counted = "SELECT sum(signals), sum(quantity) FROM readings WHERE meter = 'requests'"
        assert store.engine.rows(counted) == [(6, 6)]
        assert {problem.code for problem in store.doctor()} <= {"steps-owed"}


def test_traces_are_kept_and_forgotten_there_too(project: Project) -> None:
    """The sample of traces is in the database: read, thinned out, and erased with its people."""
    assert digest(project).wait(_PATIENCE) == 0
    now = datetime.now(UTC)
    with project.store() as store:
        found = [one.trace for one in traced.begun(store.catalog, now)]
        assert sorted(int(trace, 16) for trace in found) == [1, 2, 3, 4, 5, 6]
        assert len(traced.begun(store.catalog, now, found[0])) == 1
        whose = {one.user for one in traced.spans(store.catalog, found)}
        assert len(traced.roots(store.catalog, whose)) == 6
        erase(store, USER, "u1")
        traced.let_go(store.catalog, now)
        assert len(traced.begun(store.catalog, now)) == 5
        traced.let_go(store.catalog, now + timedelta(days=2))
        assert traced.spans(store.catalog, found) == []
