"""Files of a busy store's turns are merged step by step; no kill in between changes a sum."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digest.counter import Counter
from digest.large_script import TURNS, USERS, body
from percapita.core.tables import READINGS
from percapita.store.crash import ENVIRONMENT, KILLED, LARGE_POINTS
from store.store_rows import FOUND

SCRIPT = Path(__file__).with_name("large_script.py")


def merged(counter: Counter) -> int:
    """Merge what is large to the end; return how many steps it took."""
    steps = 0
    while counter.digest.merge(counter.spool.now, idle=True):
        steps += 1
    return steps


@pytest.mark.parametrize("state", ["", "ot=th:8"])
def test_large_files_are_merged(counter: Counter, state: str) -> None:
    """Two files of every user's readings become one, by steps; every sum stays, squares too."""
    for turn in range(TURNS):
        counter.send("traces", body(turn, state), after=2)
    columns = "time, meter, level, threshold, sum(trace_squares), count(DISTINCT subject)"
    before = counter.rows(columns)
    one = counter.rows("subject, meter", "subject % 5000 = 0")
    counter.digest.tend(counter.spool.now, idle=True)
    assert len(counter.store.live_imports()) == TURNS

    assert merged(counter) > TURNS
    assert len(counter.store.live_imports()) == 1
    assert counter.rows(columns) == before
    assert counter.rows("subject, meter", "subject % 5000 = 0") == one
    counter.store.bind(READINGS)
    assert counter.store.engine.value("SELECT count(*) FROM readings") == 2 * USERS
    assert counter.store.doctor() == []
    assert len(counter.store.logged(READINGS)) == 1
    assert not (counter.root / "temp" / "merging").exists()


def test_a_merge_given_up_changes_nothing(counter: Counter) -> None:
    """Counting that ends in the middle of a merge leaves what was there, and no trace of it."""
    for turn in range(TURNS):
        counter.send("traces", body(turn), after=2)
    assert counter.digest.merge(counter.spool.now, idle=True)
    counter.send("traces", body(TURNS), after=2)
    counter.digest.close()

    assert not (counter.root / "temp" / "merging").exists()
    assert len(counter.store.live_imports()) == TURNS + 1
    assert counter.meters()["requests"][0] == (TURNS + 1) * USERS
    assert counter.store.doctor() == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [*LARGE_POINTS, "a step"])
def test_killed_while_merging(name: str, tmp_path: Path) -> None:
    """Killed anywhere in a merge, nothing is lost or doubled, and the next one gets through."""
    root = tmp_path / "store"
    told = {**FOUND, ENVIRONMENT: name}
    with subprocess.Popen(  # noqa: S603
        [sys.executable, str(SCRIPT), str(root)], env=told, stdout=subprocess.PIPE
    ) as process:
        if name == "a step":
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        process.communicate()
    assert process.returncode == (-signal.SIGKILL if name == "a step" else KILLED)
    with Counter(root) as counter:
        assert counter.meters()["requests"][0] == TURNS * USERS
        merged(counter)
        assert counter.meters()["requests"][0] == TURNS * USERS
        assert len(counter.store.live_imports()) == 1
        # A kill right after the commit leaves the Delta log to the next who writes.
        assert {p.code for p in counter.store.doctor()} <= {"steps-owed"}
        assert not (root / "temp" / "merging").exists()
        live = list((root / "tables" / "readings").glob("*/*/*.parquet"))
        assert len(live) <= TURNS + 1
