"""Stands for what counts: reads the spool, keeps the ids of spans in a file, and tells how far.

A file ``stop`` in the project makes it read nothing; a file ``crash`` makes it end at once.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from percapita.project import Project
from percapita.store.lock import Lock
from percapita.store.spool import Entry, Spool


def ids(entry: Entry) -> list[str]:
    """Return the ids of an entry's spans; of other signals, its size."""
    if entry.signal != "traces":
        return [f"{entry.signal} {len(entry.body)}"]
    request = ExportTraceServiceRequest.FromString(entry.body)
    return [
        span.span_id.hex()
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def main() -> None:
    """Count until standard input ends."""
    folder = Path(sys.argv[1])
    project = Project.open(folder)
    spool = Spool(project.store_root, project.key())
    with Lock(spool.folder / "counter.lock", "counting").take(wait=30):
        counted = folder / "counted"
        found = counted.read_text().splitlines() if counted.exists() else []
        position = int(found[-1].split()[0]) if found else 0
        while True:
            print(json.dumps({"position": position}), flush=True)  # noqa: T201
            while (folder / "stop").exists() or not (entries := spool.read(position, 4 << 20)):
                if select.select([0], [], [], 0.02)[0]:
                    return
                if (folder / "crash").exists():
                    sys.exit(9)
            with counted.open("a") as file:
                for entry in entries:
                    file.write(f"{entry.position} {' '.join(ids(entry))}\n")
            position = entries[-1].position
            spool.forget(position)


if __name__ == "__main__":
    main()
