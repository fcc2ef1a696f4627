"""What turning received spans into readings costs, step by step, beside parsing them.

.venv/bin/python benchmarks/digest.py                       a few million spans
.venv/bin/python benchmarks/digest.py --bodies 20000 --users 1000000
"""

from __future__ import annotations

import argparse
import gc
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_load import SPANS, Bodies, pack

from percapita.core.privacy import Key
from percapita.core.tables import READINGS
from percapita.model.load import loads
from percapita.store import Store
from percapita.store.spool import Spool
from percapita.telemetry.digest import Digest, Marks, Models
from percapita.telemetry.digest.decode.keys import Keys
from percapita.telemetry.digest.decode.resources import Resources
from percapita.telemetry.digest.decode.signals import decode
from percapita.telemetry.digest.decode.words import Lexicon
from percapita.telemetry.digest.meters.plan import Plan

_MODEL: Final = "currency: USD\npools:\n  - {pool: api, match: {ServiceName: x}, by: requests}\n"
_KEY: Final = Key(b"k" * 32)
_SOME: Final = 80
"""Bodies of a turn, about."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bodies", type=int, default=4_000, help="of 512 spans")
    parser.add_argument("--users", type=int, default=100_000)
    given = parser.parse_args()
    made = Bodies(1, given.users)
    some = [made.plain() for _ in range(_SOME)]
    print(f"upb parse: {_cost(lambda: _parsed(some)):.2f} µs a span")
    keys = Plan.of(loads(_MODEL), "spans").keys
    print(f"decode by columns: {_cost(lambda: _decoded(some, keys)):.2f} µs a span")
    folder = Path(tempfile.mkdtemp(prefix="percapita-digest-"))
    try:
        _count(folder, made, given.bodies, given.users)
    finally:
        shutil.rmtree(folder)


def _parsed(bodies: list[bytes]) -> None:
    for body in bodies:
        ExportTraceServiceRequest.FromString(body)


def _decoded(bodies: list[bytes], keys: Keys) -> None:
    decode("spans", bodies, keys, Lexicon(), Resources())


def _cost(work: Callable[[], Any]) -> float:
    """Return CPU microseconds a span, the best of five."""
    found = []
    for _ in range(5):
        gc.collect()
        began = time.process_time()
        work()
        found.append((time.process_time() - began) / (_SOME * SPANS) * 1e6)
    return min(found)


def _count(folder: Path, made: Bodies, bodies: int, users: int) -> None:
    """Count bodies as they would come, a tenth at a time, and say what each tenth cost."""
    model = folder / "model.yaml"
    model.write_text(_MODEL)
    root = folder / ".percapita"
    with Store.open(root, _KEY, threads=1, memory="128MB") as store, Spool(root, _KEY) as spool:
        live = store.live()
        digest = Digest(
            live, spool, Models(model, lambda path: loads(path.read_text())), Marks(_KEY)
        )
        spool.start()
        tenth = max(bodies // 10, 1)
        costs = []
        for part in range(10):
            for _ in range(tenth):
                body = made.plain()
                waiting = spool.append("traces", body, packed=pack(body))
            waiting.result()
            began = time.process_time()
            while digest.turn(datetime.now(UTC)):
                digest.tend(datetime.now(UTC), idle=False)
            costs.append((time.process_time() - began) / (tenth * SPANS) * 1e6)
            held = psutil.Process().memory_info().rss >> 20
            print(f"  {part + 1}0 %: {costs[-1]:.2f} µs a span, {held} MiB", flush=True)
        store.bind(READINGS)
        found = store.engine.rows(
            "SELECT sum(signals)::BIGINT, count(*), count(DISTINCT subject) FROM readings"
            " WHERE meter = 'requests'"
        )[0]
        live.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    spans = 10 * tenth * SPANS
    print(f"counted {found[0]:,} of {spans:,} spans of {found[2]:,} users ({users:,} in the load)")
    print(f"whole turn: {sorted(costs)[4]:.2f} µs a span; peak {peak} MiB, senders' load included")


if __name__ == "__main__":
    main()
