"""Shares that come from a sample are as unsure as the sample is small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from percapita.core.tables import INTERVALS, READINGS, SLICES
from percapita.live.sampled import Spreads, spreads
from percapita.model.load import loads
from percapita.reconcile.estimate.snapshot import widened
from percapita.reconcile.estimate.spending import Money
from percapita.store.engine import Engine

AT = datetime(2025, 11, 3, 9, tzinfo=UTC)
MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
segments: {tier: {from: users.plan}}
pools:
  - {pool: api, match: {ServiceName: api}, by: requests}
  - {pool: db, match: {ServiceName: db}, by: queries}
"""
TENTH = "e6666666666668"
"""Threshold of one trace kept in ten."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Give an engine with two users: subject 1 is Free, subject 2 is Pro."""
    made = Engine(threads=1)
    ever = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
    rows = [(1, *ever, 1), (2, *ever, 2)]
    made.load("intervals", INTERVALS, rows)
    schema = {column.name: column.type for column in SLICES.columns}
    known = [(1, "user", [("tier", "Free")]), (2, "user", [("tier", "Pro")]),
             (-5, "anonymous", [])]  # fmt: skip
    made.load("slices", schema, known)
    yield made
    made.close()


def kept(engine: Engine, traces: int, threshold: str | None) -> Spreads:
    """Sample ``traces`` requests of each user; return how unsure the shares are."""
    schema = {column.name: column.type for column in READINGS.columns}
    empty = dict.fromkeys(schema)
    scale = 10 if threshold == TENTH else 1
    rows = [
        {**empty, "time": AT, "grain": "hour", "meter": "requests", "subject": subject,
         "signals": traces, "quantity": traces * scale, "threshold": threshold,
         "trace_squares": Decimal(traces)}
        for subject in (1, 2)
    ]  # fmt: skip
    engine.load("readings", schema, [tuple(row[name] for name in schema) for row in rows])
    tier = "nullif(s.attributes['tier'], '')"
    return spreads(engine, loads(MODEL), tier, AT, AT + timedelta(hours=1), ["requests"])


def test_a_larger_sample_is_surer(engine: Engine) -> None:
    """Four times as many traces: half as wide. Pools of unsampled meters are sure."""
    few, many = kept(engine, 25, TENTH), kept(engine, 100, TENTH)

    assert set(few) == {"api"}
    assert few["api"][None, "Free"] == few["api"][None, "Pro"]
    assert float(few["api"][None, "Pro"] / many["api"][None, "Pro"]) == pytest.approx(2)


def test_a_handful_of_traces_tells_nothing(engine: Engine) -> None:
    """Where too few were kept, the share may be anything."""
    assert kept(engine, 3, TENTH)["api"][None, "Pro"] == 1


def test_what_is_whole_is_sure(engine: Engine) -> None:
    """Traces that were all kept say exactly whose they are."""
    assert kept(engine, 25, "0")["api"][None, "Pro"] == 0


def test_both_errors_count() -> None:
    """The error of the money and that of the share add as squares, and stop at nothing and all."""
    part, whole = Money(Decimal(50), Decimal(47), Decimal(53)), Money(*map(Decimal, (100, 94, 106)))

    assert widened(part, whole, Decimal("0.04")) == Money(*map(Decimal, (50, 45, 55)))
    assert widened(part, whole, Decimal(1)) == Money(*map(Decimal, (50, 0, 106)))
    assert widened(part, whole, Decimal(0)) == part
