"""Spans that a company's services sent this morning, counted as ``percapita digest`` counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from digest.counter import Entries
from digest.otlp import SECOND, span, traces
from live.company import NOW
from percapita.project import Project
from percapita.store import Store
from percapita.store.spool import Spool
from percapita.telemetry.digest import Digest, Marks, Models

AT = int(datetime.fromisoformat("2025-11-03T10:20:00+00:00").timestamp()) * SECOND
"""When they end: in the hour that is going on."""
METERS = """
meters:
  queries: {from: spans, where: {kind: client, db.system.name: present}}
  mails: {from: spans, where: {kind: producer}}
"""
CLIENT, PRODUCER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER


def below(number: int, parent: int, **more: Any) -> Span:  # noqa: ANN401
    """Return a span below another of its trace."""
    made = span(number, more.pop("attributes", None), end=more.pop("end", AT), **more)
    made.parent_span_id = parent.to_bytes(8, "big")
    return made


def checkout(trace: int, user: str = "ann", **more: Any) -> list[Span]:  # noqa: ANN401
    """Return a request with a query, a mail, and a step that nobody counts."""
    ids = [trace * 10 + n for n in range(4)]
    took = more.pop("took", SECOND)
    return [
        span(ids[0], {"user.id": user, "http.route": "/checkout"}, trace=trace, end=AT, took=took,
             name="POST /checkout", **more),
        below(ids[1], ids[0], trace=trace, name="SELECT cart", kind=CLIENT, took=took // 2,
              attributes={"db.system.name": "postgresql"}),
        below(ids[2], ids[0], trace=trace, name="send receipt", kind=PRODUCER, took=took // 4,
              attributes={"messaging.system": "kafka"}),
        below(ids[3], ids[1], trace=trace, name="parse", kind=Span.SPAN_KIND_INTERNAL,
              took=took // 8),
    ]  # fmt: skip


def count(company: Path, *bodies: bytes) -> None:
    """Count requests as they would have come."""
    model = company / "model.yaml"
    if "meters:" not in (text := model.read_text()):
        model.write_text(text + METERS)
    project = Project.open(company)
    spool = Entries()
    spool.now = datetime.fromisoformat(NOW)
    for body in bodies:
        spool.put("traces", body)
    with project.store(threads=1) as store, counting(project, store, spool) as digest:
        digest.finish(spool.now)


@contextmanager
def counting(project: Project, store: Store, spool: Entries) -> Iterator[Digest]:
    """Count what a spool has, in a store that is open."""
    live = store.live()
    try:
        models = Models(project.model_path, project.model)
        yield Digest(live, cast("Spool", spool), models, Marks(store.key))
    finally:
        live.close()


def send(company: Path, *spans: list[Span], service: str = "shop") -> None:
    """Count the spans of one service."""
    count(company, traces([one for some in spans for one in some], {"service.name": service}))
