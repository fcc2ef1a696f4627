"""Calls to others: every span of kind client or producer, by the peer that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from digest.counter import MODEL, Counter
from digest.otlp import SECOND, logs, span, traces

USER = {"user.id": "a"}
CLIENT, PRODUCER = Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_PRODUCER


def peers(counter: Counter, meter: str = "external.calls") -> dict[Any, int]:
    """Return peer to quantity."""
    return {row[0]: row[-1] for row in counter.rows("operation", f"meter = '{meter}'")}


def called(number: int, named: Mapping[str, Any], **more: Any) -> Span:  # noqa: ANN401
    """Return a call of a peer."""
    return span(number, {**USER, **named}, kind=more.pop("kind", CLIENT), **more)


def test_calls_errors_and_time_by_peer(counter: Counter) -> None:
    """Each call counts with its duration, each that failed besides; served requests do not."""
    spans = [
        called(1, {"server.address": "api.stripe.com"}, took=2 * SECOND),
        called(2, {"server.address": "api.stripe.com"}, error=True),
        called(3, {"messaging.system": "kafka"}, kind=PRODUCER),
        span(4, {**USER, "server.address": "shop.example"}),
    ]
    counter.send("traces", traces(spans))

    assert peers(counter) == {"api.stripe.com": 2, "kafka": 1}
    assert peers(counter, "external.errors") == {"api.stripe.com": 1}
    assert peers(counter, "external.time") == {"api.stripe.com": 3_000_000, "kafka": 1_000_000}
    assert counter.of("external.calls", "user", ["a"]) == {"a": 3}


@pytest.mark.parametrize(
    ("named", "peer"),
    [
        ({"peer.service": "billing", "server.address": "10.0.0.7"}, "billing"),
        ({"service.peer.name": "billing", "peer.service": "old"}, "billing"),
        ({"gen_ai.provider.name": "openai", "server.address": "api.openai.com"}, "openai"),
        ({"gen_ai.system": "anthropic"}, "anthropic"),
        ({"rpc.service": "shop.Cart", "rpc.system": "grpc"}, "shop.Cart"),
        ({"db.system.name": "postgresql", "db.namespace": "orders"}, "postgresql"),
        ({"server.address": "192.168.7.12"}, "{ip}"),
        ({"server.address": "[2001:db8::7]"}, "{ip}"),
        ({"server.address": "fe80::1%eth0"}, "{ip}"),
        ({"server.address": "tenant-48151623.hooks.example"}, "tenant-{id}.hooks.example"),
        ({"server.address": "ann@mail.example"}, "{id}"),
        ({}, None),
    ],
)  # fmt: skip
def test_the_peer_is_what_the_conventions_name(
    counter: Counter, named: Mapping[str, str], peer: str | None
) -> None:
    """The first of the conventions' names counts; ids and addresses in it are reduced."""
    counter.send("traces", traces([called(1, named)]))

    assert peers(counter) == {peer: 1}


def test_other_meters_keep_the_name_of_the_span(counter: Counter) -> None:
    """A query of a database is called by its span in ``db.queries``, by its host as a call."""
    spans = [called(1, {"db.system.name": "mysql", "server.address": "db"}, name="SELECT orders")]
    counter.send("traces", traces(spans))

    assert peers(counter, "db.queries") == {"SELECT orders": 1}
    assert peers(counter) == {"db": 1}


def test_calls_that_are_sent_again_or_joined_late_count_once(counter: Counter) -> None:
    """A call without a user waits for its trace, is known again, and survives a kill."""
    call = span(2, {"server.address": "api.x.io"}, trace=1, kind=CLIENT)
    counter.send("traces", traces([call])).again()
    counter.send("traces", traces([call, span(1, USER, trace=1)]), after=2).finish()

    assert peers(counter) == {"api.x.io": 1}
    assert counter.of("external.calls", "user", ["a"]) == {"a": 1}


def test_sampled_calls_stand_for_all(counter: Counter) -> None:
    """A call that was kept one in four times counts four times, by its peer."""
    spans = [called(n, {"server.address": f"h{n % 2}.io"}, state="ot=th:c") for n in range(1, 5)]
    counter.send("traces", traces(spans))

    assert peers(counter) == {"h0.io": 8, "h1.io": 8}


def test_a_meter_of_ones_own_says_what_its_operation_is(counter: Counter) -> None:
    """The key ``operation`` names readings of spans, logs and resources alike; ``off`` ends it."""
    counter.model_path.write_text(
        MODEL
        + "meters:\n"
        + "  external.calls: off\n"
        + "  mails: {from: spans, where: {mail: present}, operation: [mail.kind, cloud.region]}\n"
        + "  exports: {from: logs, where: {event: export}, operation: [format]}\n"
    )
    counter.send("traces", traces([
        called(1, {"mail": True, "mail.kind": "welcome", "server.address": "smtp.x.io"}),
        called(2, {"mail": True}),
    ]))  # fmt: skip
    counter.send("logs", logs([{"event": "export", "attributes": {**USER, "format": "csv"}}]))

    assert peers(counter, "mails") == {"welcome": 1, "eu-west-1": 1}
    assert peers(counter, "exports") == {"csv": 1}
    assert peers(counter) == {}
    assert peers(counter, "external.time") == {"smtp.x.io": 1_000_000, None: 1_000_000}


def test_a_meter_that_changes_its_operation_is_counted_by_the_new_one(counter: Counter) -> None:
    """When the model says another attribute, or none any more, later spans are called by that."""
    calls = "meters: {external.calls: {from: spans, where: {kind: client}"
    for number, ending in enumerate((", operation: [host]}}\n", "}}\n"), 1):
        counter.model_path.write_text(MODEL + "#\n" * number + calls + ending)
        counter.send("traces", traces([called(number, {"host": "h.io"}, name="GET")]), after=2)

    assert peers(counter) == {"h.io": 1, "GET": 1}
