"""Commits, merges and kills: no moment at which the store has half of a turn, or any twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from deltalake import DeltaTable

from digest.counter import Counter
from digest.otlp import NOON, T, span, traces
from percapita.core.tables import READINGS
from percapita.report.sources import deliveries
from percapita.store.catalog.tables import STEPS
from percapita.store.crash import ENVIRONMENT, KILLED, LIVE_POINTS
from percapita.store.lock import HeldError
from percapita.store.read.live import arrival
from store.store_rows import FOUND

SCRIPT = Path(__file__).with_name("count_script.py")
SENT = 60


def call(root: Path, crash_at: str = "") -> int:
    """Count sixty requests, a turn each, in a process of its own; return its exit code."""
    environment = {**FOUND, ENVIRONMENT: crash_at}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", str(SCRIPT), str(root)], env=environment, check=False
    ).returncode


def count(root: Path) -> tuple[int, int]:
    """Return how many requests the store has, and how many files they are in."""
    with Counter(root) as counter:
        found = counter.meters().get("requests", (0, 0))[0]
        counter.store.bind(READINGS)
        assert {p.code for p in counter.store.doctor()} <= {"steps-owed"}
        files = len(list((root / "tables" / "readings").glob("*/*/*.parquet")))
        return found, files


@pytest.mark.slow
@pytest.mark.parametrize("name", LIVE_POINTS)
def test_every_crash_point(name: str, tmp_path: Path) -> None:
    """Killed at this point: whole turns are there, and going on gives each request once."""
    root = tmp_path / "store"
    assert call(root, name) == KILLED
    assert count(root)[0] <= SENT

    assert call(root) == 0
    assert count(root)[0] == SENT


@pytest.mark.slow
def test_random_kills(tmp_path: Path) -> None:
    """Killed at any moment, again and again, nothing is lost and nothing is counted twice."""
    root, luck = tmp_path / "store", random.Random(5)  # noqa: S311
    for _ in range(6):
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, str(SCRIPT), str(root)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=FOUND,
        )  # fmt: skip
        time.sleep(1.0 + 2 * luck.random())
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert count(root)[0] <= SENT
    assert call(root) == 0
    assert count(root)[0] == SENT


def test_small_files_are_merged(counter: Counter) -> None:
    """Twenty turns are few files, every sum is as before, and superseded files go in time."""
    for n in range(1, 21):
        counter.send("traces", traces([span(n, {"user.id": f"u{n % 3}"})]), after=2)
    before = counter.rows("time, meter, subject, service, operation")
    counter.digest.tend(counter.spool.now, idle=False)
    some = len(counter.store.live_imports())
    counter.digest.tend(counter.spool.now, idle=True)

    assert (some, len(counter.store.live_imports())) == (1, 1)
    assert counter.rows("time, meter, subject, service, operation") == before
    assert counter.store.doctor() == []
    assert len(counter.store.logged(READINGS)) == 1

    counter.pass_time(3_600)
    counter.send("traces", traces([span(99, {"user.id": "u0"})]))
    counter.digest.tend(counter.spool.now, idle=True)
    left = list((counter.root / "tables" / "readings").glob("*/*/*.parquet"))
    assert len(left) <= 4
    assert counter.meters()["requests"] == (21, 21)


def test_no_version_of_the_log_has_a_signal_twice(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever version of the Delta log is read: it has files, or what they were merged into.

    So it is with any number of steps that are owed before a merge's own.
    """
    for n in range(1, 10):
        counter.send("traces", traces([span(n, {"user.id": "a"})]), after=2)
        if n == 8:
            monkeypatch.setattr(counter.live, "_settle", lambda: None)
            with counter.store.catalog.write() as connection:
                others = [{"what": "add", "owner": "gone"}] * 58
                connection.execute(sa.insert(STEPS), others)
        counter.digest.tend(counter.spool.now, idle=True)
    counter.store.gc()

    log = DeltaTable(counter.root / "tables" / "readings")
    found = []
    for version in range(1, log.version() + 1):
        log.load_as_version(version)
        paths = [uri.removeprefix("file://") for uri in log.file_uris()]
        counted = "SELECT sum(signals)::BIGINT FROM read_parquet(?) WHERE meter = 'requests'"
        found.append(counter.store.engine.value(counted, [paths]))
    assert found == sorted(found)
    assert found[-1] == 9
    assert len(paths) < 9


def test_merging_brings_nothing(counter: Counter) -> None:
    """However often files are merged, telemetry is as old as the newest signal that came."""
    for n in range(1, 4):
        counter.send("traces", traces([span(n, {"user.id": "a"})]), after=2)
    came = arrival(counter.store.catalog).readings
    counter.pass_time(600)
    counter.digest.tend(counter.spool.now, idle=True)

    assert len(counter.store.live_imports()) == 1
    assert arrival(counter.store.catalog).readings == came


def test_what_was_received_is_one_delivery(counter: Counter) -> None:
    """However many turns there were, the list of sources has one line for them."""
    for n in range(1, 4):
        counter.send("traces", traces([span(n, {"user.id": "a"})]), after=2)

    (found,) = deliveries(counter.store)
    assert (found.source, found.state, found.rows) == ("otlp", "live", 6)


def test_a_run_keeps_what_it_read(counter: Counter) -> None:
    """Files that a run has read stay while the run does, though they were merged since."""
    for n in range(1, 4):
        counter.send("traces", traces([span(n, {"user.id": "a"})]), after=2)
    run = counter.store.begin_run(model_text="m", model_hash="h", bases=["billed"])
    counter.send("traces", traces([span(4, {"user.id": "a"})]), after=2)
    counter.digest.tend(counter.spool.now, idle=True)
    counter.digest.tend(counter.spool.now + timedelta(hours=1), idle=True)

    counter.store.bind(READINGS, run=run.id)
    seen = "SELECT sum(signals) FROM readings WHERE meter = 'requests'"
    assert counter.store.engine.value(seen) == 3
    assert counter.meters()["requests"] == (4, 4)
    counter.store.gc(now=counter.spool.now)
    counter.store.bind(READINGS, run=run.id)
    assert counter.store.engine.value(seen) == 3


def test_broken_rows_outlive_merges(counter: Counter) -> None:
    """What was set apart is still listed after its import was merged into another."""
    late = T + 3 * 3_600 * 10**9
    for n in range(1, 4):
        body = traces([span(n, {"user.id": "a"}), span(100 + n, {"user.id": "a"}, end=late)])
        counter.send("traces", body, after=2)
    counter.digest.tend(counter.spool.now, idle=True)

    assert [q.code for q in counter.store.quarantined()] == ["clock-ahead"] * 3


def test_two_processes_cannot_count(counter: Counter) -> None:
    """Whoever comes second is told who counts already."""
    with pytest.raises(HeldError, match="counting what is received"):
        counter.store.live()


def test_marks_are_held_for_a_day_or_up_to_a_size(tmp_path: Path) -> None:
    """A span sent again within the window is known; the window that is held is said."""
    with Counter(tmp_path / "store") as counter:
        bodies = [traces([span(n, {"user.id": "a"})]) for n in range(1, 31)]
        for body in bodies:
            counter.send("traces", body, after=60)
        held = counter.live.marked.held
        assert (held.marks, held.since) == (30, NOON + timedelta(seconds=60))
        counter.again()
        counter.send("traces", *bodies, after=20 * 3_600)
        assert counter.meters()["requests"] == (30, 30)

        counter.send("traces", traces([span(40, {"user.id": "a"})]), after=4.5 * 3_600)
        held = counter.live.marked.held
        assert held.marks == 1
        files = list((counter.root / "marks").iterdir())
        assert sum(file.stat().st_size for file in files) == held.bytes
