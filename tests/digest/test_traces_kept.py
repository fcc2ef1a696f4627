"""A sample of traces: taken while they are counted, few, for a day, and nobody's name in it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from digest.counter import Counter
from digest.otlp import SECOND, T, span, traces
from percapita.store.catalog import traced
from percapita.store.catalog.traced import Begun, Kept
from percapita.store.erasure import erase

USER = {"user.id": "ann@example.com"}
CLIENT, INTERNAL = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_INTERNAL


def kept(counter: Counter) -> dict[str, list[Kept]]:
    """Return the spans of each trace, the newest trace first."""
    found = traced.begun(counter.store.catalog, counter.spool.now)
    spans = traced.spans(counter.store.catalog, [one.trace for one in found])
    return {one.trace: [s for s in spans if s.trace == one.trace] for one in found}


def chosen(counter: Counter) -> dict[int, str]:
    """Return why each trace was chosen."""
    found = traced.begun(counter.store.catalog, counter.spool.now)
    return {int(one.trace, 16): one.why for one in found}


def child(number: int, parent: int, **more: Any) -> Span:  # noqa: ANN401
    """Return a span below another of its trace."""
    made = span(number, more.pop("attributes", None), **more)
    made.parent_span_id = parent.to_bytes(8, "big")
    return made


def test_spans_are_kept_with_what_they_were_counted_as(counter: Counter) -> None:
    """Ids, times, names and quantities of each span are there, also of those nobody counts."""
    spans = [
        span(1, {**USER, "http.route": "/buy"}, name="POST /buy", took=2 * SECOND),
        child(2, 1, trace=1, name="work", kind=INTERNAL, took=SECOND),
        child(3, 2, trace=1, name="POST", kind=CLIENT, error=True,
              attributes={"server.address": "api.stripe.com"}),
    ]  # fmt: skip
    counter.send("traces", traces(spans)).finish()

    ((first, work, call),) = (sorted(s, key=lambda one: one.span) for s in kept(counter).values())
    assert first.body["meters"] == {"requests": 1, "request.time": 2_000_000}
    assert (first.body["service"], first.body["operation"]) == ("shop", "/buy")
    assert (first.body["begun"], first.body["took"]) == (T - 2 * SECOND, 2 * SECOND)
    assert (work.body["parent"], work.body["kind"], work.body["meters"]) == (
        first.span, "internal", {},
    )  # fmt: skip
    assert call.body["failed"]
    assert call.body["called"]["external.calls"] == "api.stripe.com"
    assert first.user == counter.store.door.find("user", USER["user.id"])


def test_no_name_and_no_raw_path_is_kept(counter: Counter) -> None:
    """What may name somebody is no part of the sample: ids, mails, addresses, raw paths."""
    secret = ["ann@example.com", "4711", "10.1.2.3", "s3cr3t"]
    attributes = {**USER, "client.address": "10.1.2.3", "url.query": "t=s3cr3t",
                  "server.address": "10.1.2.3", "session.id": "s3cr3t"}  # fmt: skip
    name = "GET /of/ann@example.com/orders/4711?t=s3cr3t"
    spans = [span(1, attributes, name=name), span(2, attributes, name=name, kind=CLIENT)]
    counter.send("traces", traces(spans)).finish()

    told = json.dumps([one.body for spans in kept(counter).values() for one in spans])
    assert "GET /of/{id}/orders/{id}" in told
    assert not [word for word in secret if word in told]


def test_a_trace_comes_together_from_turns_and_services(counter: Counter) -> None:
    """Spans of one trace that come in different turns, also after a kill, are one trace."""
    counter.send("traces", traces([child(2, 1, trace=1, kind=CLIENT)])).again()
    counter.send("traces", traces([span(1, USER, trace=1)], {"service.name": "web"}), after=5)
    counter.send("traces", traces([span(1, USER, trace=1)], {"service.name": "web"}), after=5)

    ((_, spans),) = kept(counter).items()
    assert sorted(one.body["service"] for one in spans) == ["shop", "web"]


def test_spans_that_are_sent_twice_in_one_turn_are_kept_once(counter: Counter) -> None:
    """An exporter that tries again sends the same spans: the trace has each of them once."""
    body = traces([span(1, USER), child(2, 1, trace=1)])
    counter.send("traces", body, body, traces([child(3, 1, trace=1)]))

    assert [len(spans) for spans in kept(counter).values()] == [3]


def test_spans_with_impossible_clocks_or_ids_are_not_kept(counter: Counter) -> None:
    """What is set aside is in no sample; an id of another length is none."""
    long = span(3, USER, trace=1)
    long.span_id = b"x" * 500
    odd = child(4, 1, trace=1)
    odd.parent_span_id = b"y" * 500
    early = [span(5, USER, end=2 * SECOND), span(6, USER, end=2**63 + 5)]
    counter.send("traces", traces([span(1, USER), long, odd, *early]))

    found = {int(one.span, 16): one.body["parent"] for s in kept(counter).values() for one in s}
    assert found == {1: None, 4: None}


def test_of_many_traces_few_are_taken(counter: Counter) -> None:
    """Under load the sample stays small, goes on for hours, and has what failed and was slow."""
    number = 0
    for turn in range(60):
        spans = []
        for _ in range(400):
            number += 1
            spans.append(span(number, USER, took=SECOND // 100))
        odd = 10**6 + turn
        spans.append(span(odd, USER, took=SECOND // 100, error=turn == 50))
        if turn == 40:
            spans.append(span(10**7, USER, took=9 * SECOND))
        counter.send("traces", traces(spans), after=60)

    why = chosen(counter)
    assert 300 <= len(why) <= 480
    assert why[10**6 + 50] == "failed"
    assert why[10**7] == "slow"
    assert len([one for one in why if one > 300 * 40]) > 10


def test_the_sample_is_even(counter: Counter) -> None:
    """Of more traces than may be taken those are, whose hash says so: no order of ids matters."""
    counter.send("traces", traces([span(n, USER) for n in range(1, 4001)]))

    even = [number for number, reason in chosen(counter).items() if reason == "even"]
    assert 100 <= len(even) <= 300
    assert 1_400 < sum(even) / len(even) < 2_600


def test_a_trace_has_so_many_spans_at_most(counter: Counter) -> None:
    """A trace without end fills neither memory nor disk."""
    counter.send("traces", traces([span(n, USER, trace=1) for n in range(1, 1001)]))

    assert [len(spans) for spans in kept(counter).values()] == [200]


def test_traces_go_after_a_day(counter: Counter) -> None:
    """What is older than 24 hours is neither shown nor kept; later ones are."""
    counter.send("traces", traces([span(1, USER)]))
    counter.pass_time(24 * 3600 + 1)
    assert kept(counter) == {}

    counter.send("traces", traces([span(2, USER, end=T + 86_400 * SECOND)])).finish()
    counter.digest.tend(counter.spool.now, idle=True)
    past = counter.spool.now - timedelta(days=2)
    assert [int(one.trace, 16) for one in traced.begun(counter.store.catalog, past)] == [2]


def test_only_the_newest_stay(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above a number the oldest traces go, with all their spans."""
    monkeypatch.setattr(traced, "MOST", 3)
    for number in range(1, 6):
        counter.send("traces", traces([span(number, USER)]), after=2)
    counter.digest.tend(counter.spool.now, idle=True)

    assert sorted(int(trace, 16) for trace in kept(counter)) == [3, 4, 5]
    assert len(traced.spans(counter.store.catalog, [f"{1:032x}"])) == 0


def test_who_is_erased_takes_their_traces_along(counter: Counter) -> None:
    """After an erasure no span of a trace with that user, session or tenant is left."""
    counter.send("traces", traces([span(1, USER), child(2, 1, trace=1), span(3, {"user.id": "b"})]))
    erase(counter.store, "user", USER["user.id"])

    assert [int(trace, 16) for trace in kept(counter)] == [3]
    assert traced.spans(counter.store.catalog, [f"{1:032x}"]) == []


def test_spans_without_ids_are_counted_and_not_kept(counter: Counter) -> None:
    """What belongs to no trace is in no sample; a broken request takes none along."""
    nameless = span(1, USER)
    nameless.trace_id = b""
    short = span(2, USER)
    short.span_id = b""
    counter.send("traces", traces([nameless, short]), b"\xff\xff", traces([span(3, USER)]))

    assert counter.meters()["requests"] == (3, 3)
    assert {int(trace, 16): len(spans) for trace, spans in kept(counter).items()} == {3: 1}


def test_a_store_that_never_counted_has_no_traces(counter: Counter) -> None:
    """The catalog of a store without live readings is asked without harm."""
    with counter.store.catalog.write() as connection:
        for table in traced.TABLES:
            table.drop(connection)

    assert traced.begun(counter.store.catalog, counter.spool.now) == []


def test_rows_are_plain() -> None:
    """Records of the sample are what its tables hold."""
    assert Begun._fields == tuple(traced.TRACES.columns.keys())
    assert Kept._fields == tuple(traced.SPANS.columns.keys())
