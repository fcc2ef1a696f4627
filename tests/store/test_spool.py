"""The spool: what is acknowledged is on the disk, sealed, and comes back once and in order."""

from __future__ import annotations

import gzip
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from percapita.core.privacy import Key
from percapita.store.lock import HeldError
from percapita.store.spool import Entry, Spool, SpoolFullError

pytest.importorskip("cryptography")

KEY = Key(bytes(range(32)))
SECONDS = 30


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Return an open spool with small segments."""
    with Spool(tmp_path, KEY, segment_bytes=2000) as opened:
        yield opened


def fill(spool: Spool, *bodies: bytes) -> list[int]:
    """Append bodies and wait until they are durable."""
    return [f.result(SECONDS) for f in [spool.append("traces", body) for body in bodies]]


def every(spool: Spool, after: int = 0) -> list[Entry]:
    """Read on to the end, a few at a time."""
    found: list[Entry] = []
    while more := spool.read(found[-1].position if found else after, 300):
        found += more
    return found


def test_what_was_appended_comes_back_in_order(spool: Spool) -> None:
    """Entries of several segments are read whole, in order, with signal and position."""
    bodies = [os.urandom(n % 400) for n in range(200)]
    # What is appended at once may lie in one segment, however large.
    positions = [p for at in range(0, 200, 20) for p in fill(spool, *bodies[at : at + 20])]
    spool.append("logs", b"last").result(SECONDS)

    found = every(spool)

    assert len(list(spool.folder.glob("*.spool"))) > 4
    assert positions == list(range(1, 201))
    assert [entry.body for entry in found] == [*bodies, b"last"]
    assert [entry.position for entry in found] == list(range(1, 202))
    assert found[-1].signal == "logs"


def test_reading_goes_on_from_any_position(spool: Spool) -> None:
    """A reader that starts anew behind a committed position gets exactly the rest."""
    fill(spool, *(b"%d" % n * 50 for n in range(90)))

    for after in (0, 1, 44, 89, 90):
        fresh = Spool(spool.folder.parent, KEY)
        assert [entry.position for entry in every(fresh, after)] == list(range(after + 1, 91))
        fresh.close()


def test_a_read_keeps_to_its_limit(spool: Spool) -> None:
    """A read ends with the entry that reaches its limit."""
    fill(spool, b"x" * 700, b"y" * 200, b"z" * 200, b"w" * 200)

    assert [len(entry.body) for entry in spool.read(0, 100)] == [700]
    assert [len(entry.body) for entry in spool.read(1, 400)] == [200, 200]


def test_what_came_packed_is_kept_packed(spool: Spool) -> None:
    """A body handed in with its gzip takes the gzip's room, and is read as it was."""
    body = b"again and again " * 5000
    spool.append("metrics", body, packed=gzip.compress(body)).result(SECONDS)
    (entry,) = every(spool)

    assert (entry.signal, entry.body) == ("metrics", body)
    assert spool.size < len(body) / 20


def test_nothing_lies_in_clear(spool: Spool) -> None:
    """A body cannot be found in the files, and another key does not open it."""
    fill(spool, b"mailto:ada@example.com" * 10)
    raw = b"".join(path.read_bytes() for path in spool.folder.iterdir())
    other = Spool(spool.folder.parent, Key(bytes(32)))

    assert b"ada@example" not in raw
    assert other.read(0, 1000) == []
    other.close()


def test_the_same_body_is_sealed_differently_each_time(spool: Spool) -> None:
    """Equal bodies leave no equal bytes on the disk."""
    fill(spool, *[b"same" * 30] * 60)
    raw = b"".join(p.read_bytes() for p in sorted(spool.folder.glob("*.spool")))
    blocks = [raw[at : at + 16] for at in range(0, len(raw) - 16, 16)]

    assert len(set(blocks)) > 0.95 * len(blocks)


def test_committed_segments_are_forgotten(spool: Spool) -> None:
    """Whole segments up to a position go; later entries stay, and positions go on."""
    fill(spool, *(b"x" * 500 for _ in range(40)))
    before = spool.size
    spool.forget(20)

    assert spool.size < before * 0.65
    assert [entry.position for entry in every(spool, 20)] == list(range(21, 41))

    spool.forget(40)
    assert fill(spool, b"next") == [41]
    assert [entry.body for entry in every(spool, 40)] == [b"next"]


def test_positions_go_on_after_a_restart(tmp_path: Path) -> None:
    """A new writer gives the next position, also where everything was forgotten."""
    for start in (1, 4, 7):
        with Spool(tmp_path, KEY) as spool:
            assert fill(spool, b"a", b"b", b"c") == [start, start + 1, start + 2]
            spool.forget(start + 2)


def test_a_second_writer_is_refused(spool: Spool) -> None:
    """While one process appends another cannot; the error names it."""
    fill(spool, b"x")

    with pytest.raises(HeldError, match=f"Process {os.getpid()}"):
        Spool(spool.folder.parent, KEY).start()


def test_a_torn_tail_is_cut(tmp_path: Path) -> None:
    """Whatever number of bytes of the last entry reached the disk, the whole ones before stay."""
    with Spool(tmp_path, KEY) as spool:
        fill(spool, b"one" * 20, b"two" * 20, b"three" * 20)
        path = next(iter(sorted(spool.folder.glob("*.spool"))))
    whole = path.read_bytes()

    for lost in (1, 30, 75, 100):
        path.write_bytes(whole[:-lost])
        with Spool(tmp_path, KEY) as spool:
            spool.start()
            assert [entry.body[:3] for entry in every(spool)] == [b"one", b"two"]
            (next_one,) = fill(spool, b"new")
            assert next_one == 3
            assert every(spool)[-1].body == b"new"
        for other in spool.folder.glob("*.spool"):
            other.unlink()


def test_damage_loses_one_segment_and_is_said(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped byte costs the rest of its segment, which is logged; later ones are read."""
    fill(spool, *(b"%02d" % n * 250 for n in range(12)))
    path = sorted(spool.folder.glob("*.spool"))[1]
    raw = bytearray(path.read_bytes())
    raw[700] ^= 1
    path.write_bytes(raw)

    found = [entry.position for entry in every(spool)]

    assert 12 in found
    assert 0 < 12 - len(found) <= 4
    assert "damaged" in caplog.text


def test_a_full_spool_refuses_and_recovers(tmp_path: Path) -> None:
    """At its limit the spool refuses; once entries are forgotten it takes again."""
    with Spool(tmp_path, KEY, limit=20_000) as spool:
        waiting = [spool.append("traces", b"x" * 900) for _ in range(60)]
        refused = [future.exception(SECONDS) for future in waiting]
        with pytest.raises(SpoolFullError, match="wait to be counted"):
            fill(spool, b"x" * 20_000)
        assert refused[0] is None
        assert "wait to be counted" in spool.trouble
        last = every(spool)[-1].position
        spool.forget(last)
        time.sleep(0.15)

        assert fill(spool, b"again") == [spool.head]
        assert every(spool, last)[-1].body == b"again"


def test_a_disk_that_takes_no_more_refuses_and_recovers(tmp_path: Path) -> None:
    """Where the system refuses a write, all who wait are refused, and nothing half stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with Spool(tmp_path, KEY) as spool:
        fill(spool, b"before")
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        try:
            with pytest.raises(SpoolFullError, match="File too large"):
                fill(spool, b"x" * 20_000)
            assert fill(spool, b"small") == [2]
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)
        fill(spool, b"y" * 20_000)

        assert [entry.body[:6] for entry in every(spool)] == [b"before", b"small", b"yyyyyy"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    """On a disk of 2 MB the spool refuses before the last byte is gone, and takes again after."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:  # noqa: S603
        pytest.skip("this machine lets nobody mount")
    try:
        with Spool(disk, KEY) as spool:
            fill(spool, b"kept")
            ballast = disk / "ballast"
            ballast.write_bytes(bytes(1_900_000))
            with pytest.raises(SpoolFullError, match="the disk is full"):
                fill(spool, b"x" * 150_000)
            ballast.unlink()
            fill(spool, b"y" * 150_000)

            assert [entry.body[:4] for entry in every(spool)] == [b"kept", b"yyyy"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: S603, S607


WRITER = """\
import sys
from pathlib import Path
from percapita.core.privacy import Key
from percapita.store.spool import Spool
spool = Spool(Path(sys.argv[1]), Key(bytes(range(32))), segment_bytes=20000).start()
number = int(sys.argv[2])
while True:
    waiting = [spool.append("traces", b"%d " % (number + i) * (1 + i * 7)) for i in range(40)]
    for future in waiting:
        print(future.result(), number, flush=True)
        number += 1
"""


def test_nothing_acknowledged_is_lost_to_kill_9(tmp_path: Path) -> None:
    """Killed at random moments, the spool holds every entry that was acknowledged, once."""
    chance, number, told = random.Random(4), 0, dict[int, int]()  # noqa: S311
    for _ in range(6):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
            assert process.stdout is not None
            first = process.stdout.readline()
            time.sleep(chance.random() / 10)
            process.kill()
            lines = [first, *process.stdout.read().splitlines(keepends=True)]
        for line in lines:
            if line.endswith(b"\n"):
                position, number = map(int, line.split())
                told[position] = number
        number += 1000
    spool = Spool(tmp_path, KEY).start()
    held = {entry.position: int(entry.body.split()[0]) for entry in every(spool)}
    spool.close()

    assert len(told) > 100
    assert {position: held.get(position) for position in told} == told
