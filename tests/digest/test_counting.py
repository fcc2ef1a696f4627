"""Spans of the real SDK become readings: all of them, once, whoever sends how often."""

from __future__ import annotations

import random

from opentelemetry.trace import SpanKind

from digest.counter import Counter
from digest.otlp import HOUR, SECOND, SHOP, T, Tracing, bodies, span, traces


def test_the_sdk_s_spans_are_counted_exactly(counter: Counter) -> None:
    """N spans of known users, sent with duplicates and retries over several turns, are N."""
    tracing, luck, sent = Tracing(), random.Random(7), {f"user-{n}": 0 for n in range(40)}  # noqa: S311
    for _ in range(1_500):
        user = luck.choice(list(sent))
        attributes = {"user.id": user, "http.route": "/items/{id}"}
        with tracing.tracer.start_as_current_span(
            "GET /items/{id}", kind=SpanKind.SERVER, attributes=attributes
        ):
            sent[user] += 1
    spans = tracing.spans()
    requests = bodies(spans, 100)
    end = max(one.end_time or 0 for one in spans)
    counter.spool.now = counter.spool.now.fromtimestamp(end / 1e9 + 1, counter.spool.now.tzinfo)

    counter.send("traces", *requests[:5], *requests[2:4])
    counter.send("traces", *bodies(spans, 512), after=2)
    counter.again()
    counter.send("traces", *requests, after=40)

    assert counter.of("requests", "user", sent) == {u: n for u, n in sent.items() if n}
    assert counter.meters()["requests"] == (1_500, 1_500)
    took = sum(((s.end_time or 0) - (s.start_time or 0) + 500) // 1_000 for s in spans)
    assert counter.meters()["request.time"] == (1_500, took)
    assert counter.rows("service, operation", "meter = 'requests'") == [
        ("shop", "/items/{id}", 1_500, 1_500)
    ]


def test_a_span_is_of_the_hour_in_which_it_ended(counter: Counter) -> None:
    """A request that began before noon and ended after it is of the hour from noon."""
    counter.send("traces", traces([span(1, {"user.id": "a"}, end=T + SECOND, took=HOUR // 2)]))

    assert counter.rows("time::VARCHAR, grain", "meter = 'requests'") == [
        ("2026-11-03 12:00:00+00", "hour", 1, 1)
    ]


def test_late_spans_go_to_their_own_hour(counter: Counter) -> None:
    """A span that comes twenty days late is of the hour and month it ended in."""
    counter.send("traces", traces([span(1, {"user.id": "a"}, end=T - 20 * 24 * HOUR)]))

    assert counter.rows("time::VARCHAR, period", "meter = 'requests'") == [
        ("2026-10-14 12:00:00+00", "2026-10", 1, 1)
    ]


def test_clocks_that_are_far_off_are_quarantined(counter: Counter) -> None:
    """Spans from the future or from long ago are set apart with reason and number, not counted."""
    wrong = [span(n, {"user.id": "a"}, end=T + 2 * HOUR) for n in (1, 2)]
    wrong.append(span(3, {"user.id": "a"}, end=T - 91 * 24 * HOUR))
    counter.send("traces", traces([*wrong, span(4, {"user.id": "a"})]))
    counter.again()
    counter.send("traces", traces([span(5, {"user.id": "a"})]), after=60)

    assert counter.meters()["requests"] == (2, 2)
    found = [(q.file, q.code, q.value, q.reason) for q in counter.store.quarantined()]
    assert found == [
        ("otlp, spans of shop", "clock-ahead", "2026-11-03T14:00:00Z",
         "2 spans end more than an hour after they were received"),
        ("otlp, spans of shop", "clock-behind", "2026-08-04T12:00:00Z",
         "1 spans ended more than 90 days before they were received"),
    ]  # fmt: skip


def test_spans_without_ids_are_known_by_their_place(counter: Counter) -> None:
    """Two spans whose sender gave them no ids are two, and one request sent twice is one."""
    nameless = [span(1, {"user.id": "a"}), span(1, {"user.id": "a"})]
    for one in nameless:
        one.trace_id = one.span_id = b""
    body = traces(nameless)
    counter.send("traces", body, body).send("traces", body, after=2)

    assert counter.meters()["requests"] == (2, 2)


def test_a_body_that_is_no_request_does_not_stop_the_others(counter: Counter) -> None:
    """Of two requests of which one is broken, the other one is counted."""
    good = traces([span(1, {"user.id": "a"})])
    counter.send("traces", good[:-3], good, b"\x0a\x05", b"\xff\xff\xff")

    assert counter.meters()["requests"] == (1, 1)
    assert [q.code for q in counter.store.quarantined()] == ["malformed"] * 3


def test_names_of_spans_hide_what_may_be_an_id(counter: Counter) -> None:
    """A raw path in a span's name becomes a pattern; a route and a method stay as they are."""
    names = {
        "GET /users/alice@example.com/cart?token=1": "GET /users/{id}/cart",
        "GET /orders/81722/lines": "GET /orders/{id}/lines",
        "SELECT orders": "SELECT orders",
        "rpc.Shop/Buy": "rpc.Shop/Buy",
        "job 3f2504e0-4f89-11d3-9a0c-0305e82c3301": "job {id}",
    }
    counter.send("traces", traces([span(n, name=name) for n, name in enumerate(names, 1)])).finish()

    assert {row[0] for row in counter.rows("operation")} == set(names.values())


def test_what_is_in_the_spool_stays_until_nothing_waits_for_it(counter: Counter) -> None:
    """An entry is let go when what it may explain can no longer come: after the wait."""
    counter.send("traces", traces([span(1, {"user.id": "a"})]))
    assert counter.spool.forgotten == 0
    counter.send("traces", traces([span(2, {"user.id": "a"})]), after=31)
    assert counter.spool.forgotten == 1


def test_cells_come_from_the_resource(counter: Counter) -> None:
    """Service, resource, cluster, namespace and region are what the resource says."""
    resource = {
        "service.name": "shop", "host.id": "i-1", "k8s.node.name": "node-1",
        "k8s.cluster.name": "prod", "service.namespace": "web", "cloud.region": "eu-west-1",
    }  # fmt: skip
    counter.send("traces", traces([span(1, {"user.id": "a"})], resource))
    counter.send("traces", traces([span(2, {"user.id": "a"})], SHOP), after=2)

    columns = "service, resource, cluster, namespace, region"
    assert counter.rows(columns, "meter = 'requests'") == [
        ("shop", "node-1", "prod", "web", "eu-west-1", 1, 1),
        ("shop", None, None, None, "eu-west-1", 1, 1),
    ]
