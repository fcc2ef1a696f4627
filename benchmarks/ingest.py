"""What receiving and counting a span costs, against a floor, a peer and the bars.

.venv/bin/python benchmarks/ingest.py                       a minute of each
.venv/bin/python benchmarks/ingest.py --minutes 10 --users 1000000    as the bars are meant
.venv/bin/python benchmarks/ingest.py --minutes 10 --users 1000000 --rate 90000    one steady load
.venv/bin/python benchmarks/ingest.py --minutes 10 --rate 90000 --look    somebody looks at it live
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final, NamedTuple

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_load import SPANS, Bodies, Senders, Told
from rotel_peer import peer
from seen import Looker, Moment, ages, billed

_MODEL: Final = """\
version: 1
currency: USD
pools:
  - pool: api
    match: {ServiceName: present}
    by: requests
"""
_FLOOR_BODIES: Final = 400
_MICRO: Final = 1e6


class Measured(NamedTuple):
    """What a load cost a server."""

    spans: int
    rate: float
    """Spans acknowledged a second."""
    server: float
    digest: float
    """Microseconds of CPU a span, of what receives and of what counts, until all is committed."""
    peak: float
    """MiB, of all processes together."""
    held: list[float]
    """MiB at most, in each tenth of the time."""
    fresh: float
    """Seconds from acknowledged to committed that 95 % stay under."""
    seen: float
    """Likewise from acknowledged to seen in the live estimate, if somebody looked at it."""
    drained: float
    """Seconds from the last acknowledgement until all was committed."""
    refused: int

    @property
    def cpu(self) -> float:
        """Microseconds a span, of all processes."""
        return self.server + self.digest


def main() -> None:
    """Measure and print."""
    given = _arguments()
    with tempfile.TemporaryDirectory(prefix="percapita-ingest-") as name:
        folder = Path(name)
        floor = median(_floor(folder / "floor") for _ in range(3))
        print(f"floor: {floor:.3f} µs a span", flush=True)
        if given.rate:
            steady = _load(folder / "steady", given, "http", given.rate, looked_at=given.look)
            _print(f"HTTP, {given.rate:,} spans/s for {given.minutes:g} min", steady)
            bars = [*_freshness(steady), *(_sight(steady) if given.look else ())]
            _judge([*_bars(floor, steady, steady.peak), *bars])
            return
        http = _load(folder / "http", given, "http", 0)
        _print("HTTP, as fast as it goes", http)
        grpc = _load(folder / "grpc", given, "grpc", 0)
        _print("gRPC, as fast as it goes", grpc)
        half = _load(folder / "half", given, "http", http.rate / 2)
        _print("HTTP, at half of that", half)
        live = _load(folder / "live", given, "http", http.rate / 2, looked_at=True)
        _print("likewise, the live estimate looked at", live)
        if given.peer:
            rotel = peer(given.seconds, given.senders, given.users)
            print(f"rotel, receives and forwards: {rotel.cpu:.2f} µs a span,"
                  f" {rotel.rate:,.0f} spans/s, {rotel.peak:.0f} MiB", flush=True)  # fmt: skip
    peak = max(http.peak, grpc.peak, half.peak)
    ratio = ("gRPC / HTTP, CPU a span", grpc.cpu / http.cpu, 1.5, "x")
    _judge([*_bars(floor, http, peak), ratio, *_freshness(half), *_sight(live)])


Bar = tuple[str, float, float, str]
"""What, what was found, the bar and its unit."""


def _bars(floor: float, found: Measured, peak: float) -> list[Bar]:
    return [
        ("ours / floor, CPU a span", found.cpu / floor, 6.0, "x"),
        ("peak memory", peak, 512.0, "MiB"),
    ]


def _freshness(half: Measured) -> list[Bar]:
    return [("fresh, p95 at half of the load", half.fresh, 5.0, "s")]


def _sight(live: Measured) -> list[Bar]:
    return [("seen live, p95 at half of the load", live.seen, 5.0, "s")]


def _judge(bars: Sequence[Bar]) -> None:
    for what, value, bar, unit in bars:
        kept = "kept" if value <= bar else f"missed by {value / bar - 1:.0%}"
        print(f"{what:36} {value:8.2f} {unit:4} ≤ {bar:g} {unit}: {kept}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0, help="of each load")
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--senders", type=int, default=2, help="processes that send")
    parser.add_argument("--rate", type=int, default=0, help="spans/s of one load, instead of all")
    parser.add_argument("--look", action="store_true", help="at the live estimate of that load")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave rotel out")
    parser.add_argument("--command", default="", help="what counts, instead of percapita digest")
    given = parser.parse_args()
    given.seconds = given.minutes * 60
    return given


def _floor(path: Path) -> float:
    """Return the microseconds a span of gunzip, parse and one durable append."""
    made = Bodies(0, 100_000)
    bodies = [made.packed() for _ in range(_FLOOR_BODIES)]
    with path.open("wb", buffering=0) as file:
        started = time.process_time()
        for body in bodies:
            ExportTraceServiceRequest.FromString(zlib.decompress(body, 31))
            file.write(body)
        os.fdatasync(file.fileno())
        spent = time.process_time() - started
    return spent / _FLOOR_BODIES / SPANS * _MICRO


@contextmanager
def _serving(
    folder: Path, command: str, *, with_bill: bool = False
) -> Iterator[tuple[dict[str, Any], psutil.Process]]:
    """Serve a new project; give its ports and process."""
    folder.mkdir()
    (folder / "percapita.yaml").write_text("version: 1\n", encoding="utf-8")
    (folder / "model.yaml").write_text(_MODEL, encoding="utf-8")
    if with_bill:
        billed(folder)
    serve = [sys.executable, "-m", "percapita", "serve", "--project", str(folder)]
    free = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0", "--format", "json"]
    with subprocess.Popen(  # noqa: S603
        _with(command, folder) or [*serve, *free], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101
        ports: dict[str, Any] = json.loads(process.stdout.readline())
        try:
            _wait(lambda: _state(ports)["counting"]["running"])
            yield ports, psutil.Process(process.pid)
        finally:
            process.terminate()


def _with(command: str, folder: Path) -> Sequence[str]:
    """Return the program of the tests, which counts with another command; nothing without."""
    if not command:
        return ()
    program = Path(__file__).parents[1] / "tests" / "serve" / "program.py"
    asked = {"port": 0, "otlp_http_port": 0, "otlp_grpc_port": 0,
             "command": [*command.split(), str(folder)]}  # fmt: skip
    return (sys.executable, str(program), str(folder), json.dumps(asked))


def _load(
    folder: Path, given: argparse.Namespace, protocol: str, rate: float, *, looked_at: bool = False
) -> Measured:
    """Send for as long as asked; wait until all of it is committed."""
    with _serving(folder, given.command, with_bill=looked_at) as (ports, process):
        port = ports["otlp_grpc_port" if protocol == "grpc" else "otlp_http_port"]
        senders = Senders(given.senders, port, users=given.users, rate=rate, protocol=protocol)
        watch = _Watch(ports, process)
        looker = Looker(ports["port"]) if looked_at else None
        if looker:
            looker.start()
            looker.looking.wait(60)
        before = _cpu(process), _cpu_of(process)
        watch.start()
        told: Told = senders.run(given.seconds)
        ended = time.monotonic()
        _wait(lambda: _drained(ports), 600)
        drained = time.monotonic() - ended
        spent, server = _cpu(process) - before[0], _cpu_of(process) - before[1]
        watch.stop()
        if looker:
            looker.stop()
    spans = told.bodies * SPANS
    seen = ages(watch.acknowledged, looker.seen) if looker else []
    each = _MICRO / spans
    return Measured(
        spans, spans / told.seconds, server * each, (spent - server) * each, watch.peak,
        watch.tenths(), _p95(watch.ages), _p95(seen), drained, told.refused,
    )  # fmt: skip


def _p95(found: Sequence[float]) -> float:
    return quantiles(found, n=20)[-1] if len(found) > 1 else float("nan")


class _Watch(threading.Thread):
    """Looks at a server four times a second: memory, and how old what it commits has become."""

    def __init__(self, ports: dict[str, Any], process: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.held: list[float] = []
        self.ages: list[float] = []
        self.acknowledged: list[Moment] = []
        self._ports = ports
        self._process = process
        self._over = threading.Event()

    def run(self) -> None:
        """Look until stopped."""
        waiting: list[tuple[int, float]] = []
        while not self._over.wait(0.25):
            state = _state(self._ports)
            now = time.monotonic()
            head, committed = state["spool"]["position"], state["committed"]["position"]
            if not waiting or waiting[-1][0] < head:
                waiting.append((head, now))
                self.acknowledged.append((now, head * SPANS))
            while waiting and waiting[0][0] <= committed:
                self.ages.append(now - waiting.pop(0)[1])
            self.held.append(sum(_resident(p) for p in _family(self._process)) / 2**20)

    @property
    def peak(self) -> float:
        """Return the most memory that was held."""
        return max(self.held, default=0.0)

    def tenths(self) -> list[float]:
        """Return the most memory in each tenth of the time."""
        size = max(len(self.held) // 10, 1)
        return [max(self.held[at : at + size]) for at in range(0, len(self.held), size)][:10]

    def stop(self) -> None:
        """Stop looking."""
        self._over.set()
        self.join()


def _family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    """Return the CPU seconds of a server and of what it started."""
    ended = process.cpu_times()
    running = sum(_cpu_of(one) for one in _family(process))
    return running + ended.children_user + ended.children_system


def _cpu_of(process: psutil.Process) -> float:
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _state(ports: dict[str, Any]) -> dict[str, Any]:
    url = f"http://127.0.0.1:{ports['port']}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        found = json.load(error)
    return found


def _drained(ports: dict[str, Any]) -> bool:
    state = _state(ports)
    return bool(state["committed"]["position"] >= state["spool"]["position"])


def _wait(reached: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > until:
            raise TimeoutError("it never happened")
        time.sleep(0.05)


def _print(what: str, found: Measured) -> None:
    print(
        f"{what}: {found.cpu:.2f} µs a span ({found.server:.2f} receiving, {found.digest:.2f}"
        f" counting), {found.rate:,.0f} spans/s, {found.spans:,} spans, {found.peak:.0f} MiB"
        f" (by tenths {', '.join(f'{one:.0f}' for one in found.held)}), fresh {found.fresh:.2f} s,"
        f"{f' seen {found.seen:.2f} s,' if found.seen == found.seen else ''}"
        f" drained in {found.drained:.1f} s, {found.refused} refused",
        flush=True,
    )


if __name__ == "__main__":
    main()
