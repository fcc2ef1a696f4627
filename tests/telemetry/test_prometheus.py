"""Prometheus as a source, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from percapita import telemetry
from percapita.core.errors import InputError
from percapita.core.sources import Query, Source, Taken
from percapita.core.tables import READINGS
from percapita.project.grammar import read
from servers.prometheus import started
from telemetry.signal_tables import Taker

pytestmark = pytest.mark.external

START = datetime(2025, 10, 3, 12, tzinfo=UTC)
EVERY = 15


def metrics() -> list[str]:
    """Return four hours of a counter that restarts twice, and of two gauges."""
    lines = ["# TYPE work_seconds counter"]
    total = 1000.0
    for at in range(0, 4 * 3600, EVERY):
        total += 0.5
        if at in (5400, 9000):
            # Grows beyond its old value before anyone looks at steps of five minutes.
            total = 0.25
        stamp = int(START.timestamp()) + at
        lines.append(f'work_seconds_total{{tenant="acme",node="n1"}} {total} {stamp}')
        lines.append(f'work_seconds_total{{tenant="beta",node="n2"}} {at} {stamp}')
    lines.append("# TYPE held_bytes gauge")
    for at in range(0, 4 * 3600, EVERY):
        stamp = int(START.timestamp()) + at
        lines.append(f'held_bytes{{tenant="acme"}} {7200 if at < 7200 else 3600} {stamp}')
    lines.append("# TYPE running gauge")
    first = int(START.timestamp())
    lines += [f'running{{tenant="acme"}} 0.5 {first + at}' for at in range(0, 3600, EVERY)]
    return lines


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Give a server with these metrics."""
    with started(metrics()) as found:
        yield found


@dataclass
class Asker:
    """Calling it asks the server up to an hour."""

    take: Taker
    url: str

    def __call__(self, hour: float, queries: dict[str, Query], **said: Any) -> Taken:  # noqa: ANN401
        """Import what is new up to so many hours after the start."""
        source = Source(
            "prom", self.url, format="prometheus", queries=queries,
            columns={"tenant": "tenant", "resource": "node"}, since=START.isoformat(), **said,
        )  # fmt: skip
        now = START + timedelta(hours=hour)
        return telemetry.take(self.take.store, source, root=self.take.root, now=now)

    def totals(self, *keys: str) -> dict[Any, int]:
        """Return the sum of quantities by keys."""
        view = self.take.store.bind(READINGS)
        listed = ", ".join(keys)
        rows = self.take.store.engine.rows(
            f"SELECT {listed}, sum(quantity)::BIGINT FROM {view} GROUP BY ALL ORDER BY ALL"
        )
        return {row[0] if len(keys) == 1 else row[:-1]: row[-1] for row in rows}


@pytest.fixture
def asking(take: Taker, url: str) -> Asker:
    """Give a store and the server."""
    return Asker(take, url)


WORK = {"cpu": Query("work_seconds_total", unit="s")}


def test_counters_keep_what_they_counted_before_a_reset(asking: Asker) -> None:
    """The growth of every pair of samples counts, in its hour, also where a counter restarts."""
    taken = asking(4.5, WORK)

    assert (taken.kind, taken.format, taken.unchanged) == ("readings", "prometheus", False)
    steps = 4 * 3600 // EVERY
    # The first sample is where counting starts; a restart counts its 0.25 instead of 0.5.
    expected = (0.5 * (steps - 1) - 2 * 0.25) * 1_000_000
    assert asking.totals("resource")["n1"] == int(expected)
    assert asking.totals("resource")["n2"] == (4 * 3600 - EVERY) * 1_000_000
    hours = asking.totals("strftime(time, '%H')", "resource")
    assert hours["13", "n2"] == 3600 * 1_000_000
    assert asking.take.store.meter_bases() == {"cpu": "microsecond"}


def test_each_hour_is_read_once(asking: Asker) -> None:
    """Imports go on where the last one ended, and come to the same as one import of all."""
    assert not asking(1.9, WORK).unchanged
    assert asking(1.95, WORK).unchanged
    assert not asking(3.2, WORK).unchanged
    assert not asking(4.0, WORK).unchanged

    found = asking.totals("resource")
    assert found["n2"] == (4 * 3600 - EVERY) * 1_000_000
    assert found["n1"] == int((0.5 * (4 * 3600 // EVERY - 1) - 0.5) * 1_000_000)
    assert len(asking.take.store.imports("prom")) == 3


def test_a_meter_that_is_new_begins_at_the_beginning(asking: Asker) -> None:
    """Each meter has its own end: a query that found nothing is asked again when it is mended."""
    told = asking(2, {**WORK, "storage.bytes": Query("no_such_metric", "gauge", "B")})
    assert "Nothing was found of: storage.bytes" in told.notes[0]
    asking(4, {**WORK, "storage.bytes": Query("held_bytes", "gauge", "B")})

    found = asking.totals("meter", "resource")
    assert found["storage.bytes", None] == 2 * 7200 + 2 * 3600
    assert found["cpu", "n2"] == (4 * 3600 - EVERY) * 1_000_000


def test_gauges_are_levels_held_for_a_time(asking: Asker) -> None:
    """Bytes become byte-hours, cores microseconds; where there is no sample there is no level."""
    queries = {
        "storage.bytes": Query("held_bytes", "gauge", "B"),
        "pods": Query('sum by (tenant) (running{tenant!=""})', "gauge", "pod"),
    }
    asking(4.5, queries, step=60)

    # Prometheus lets a last sample stand for five minutes: four looks more than the hour has.
    assert asking.totals("meter", "level") == {
        ("pods", "tenant"): 65 * 60 * 500_000,
        ("storage.bytes", "tenant"): 2 * 7200 + 2 * 3600,
    }
    assert asking.take.store.meter_bases()["storage.bytes"] == "byte-hour"


def test_what_cannot_be_asked(asking: Asker) -> None:
    """A query that Prometheus refuses, a server that is not there, and a missing token say so."""
    with pytest.raises(InputError, match="ranges only allowed for vector selectors"):
        asking(4, {"cpu": Query("sum(work_seconds_total)")})
    with pytest.raises(InputError, match="NO_SUCH_TOKEN is not set"):
        asking(4, WORK, secret="env:NO_SUCH_TOKEN")  # noqa: S106
    away = Asker(asking.take, "http://127.0.0.1:9")
    with pytest.raises(InputError, match="does not answer: Connection refused"):
        away(4, WORK)
    with pytest.raises(InputError, match="asks Prometheus for nothing"):
        asking(4, {})


def test_percapita_yaml_says_it() -> None:
    """The keys of the project file make such a source; steps must divide an hour."""
    text = """\
sources:
  prom:
    format: prometheus
    url: http://prom.example:9090
    queries:
      cpu: {query: work_seconds_total, unit: s}
      mem: {query: held_bytes, kind: gauge, unit: B}
    columns: {tenant: namespace}
    step: 1m
    from: 2025-10-01
    secret: {env: TOKEN}
"""
    settings, problems = read(text, "percapita.yaml")

    assert problems == []
    assert settings is not None
    (source,) = settings.sources
    assert (source.path, source.step, source.since, source.secret) == (
        "http://prom.example:9090", 60, "2025-10-01", "env:TOKEN",
    )  # fmt: skip
    assert source.queries["mem"] == Query("held_bytes", "gauge", "B")
    assert read(text.replace("1m", "7m"), "p.yaml")[1][0].message == "'7m' does not divide an hour."
