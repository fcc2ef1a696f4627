"""Whose a signal is: named by itself, its resource, its trace, a link or its session."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from digest.counter import MODEL, Counter
from digest.otlp import SECOND, SHOP, T, logs, span, traces
from percapita.core.tables import CLAIMS
from percapita.store.claimed import bind
from percapita.store.erasure import erase

WAIT = 31
HOUR = 3_600 * SECOND


def levels(counter: Counter) -> dict[str | None, int]:
    """Return how many requests each level of subject has."""
    return {level: n for level, n, _ in counter.rows("level", "meter = 'requests'")}


def test_the_first_attribute_that_is_there_names_the_user(counter: Counter) -> None:
    """user.id before enduser.id before a copy of baggage before the resource."""
    resource = {**SHOP, "user.id": "of the resource"}
    named: list[dict[str, object]] = [
        {"enduser.id": "b", "user.id": "a"},
        {"enduser.id": "b", "baggage.user.id": "c"},
        {"baggage.user.id": "c"},
        {"user.id": ""},
        {"user.id": 17},
    ]
    counter.send("traces", traces([span(n, each) for n, each in enumerate(named, 1)], resource))

    users = ["a", "b", "c", "of the resource", "17"]
    assert counter.of("requests", "user", users) == dict.fromkeys(users, 1)


def test_user_then_session_then_tenant_then_nobody(counter: Counter) -> None:
    """A signal is of the closest subject that it names."""
    named = [
        {"user.id": "a", "session.id": "s", "tenant.id": "t"},
        {"session.id": "s", "tenant.id": "t"},
        {"tenant.id": "t"},
        {},
    ]
    counter.send("traces", traces(span(n, each) for n, each in enumerate(named, 1))).finish()

    assert levels(counter) == {"user": 1, "session": 1, "tenant": 1, None: 1}
    labels = counter.store.door.labels([number for (number, *_) in counter.rows("subject")])
    assert list(labels.values()) == ["t"]


def test_spans_of_a_trace_are_their_user_s(counter: Counter) -> None:
    """Calls to a database know no user; they have the one of the request that made them."""
    calls = [
        span(n, {"db.system.name": "postgresql"}, trace=1, kind=Span.SPAN_KIND_CLIENT)
        for n in (2, 3)
    ]
    counter.send("traces", traces(calls))
    assert counter.meters() == {}
    counter.send("traces", traces([span(1, {"user.id": "a"}, trace=1)]), after=5)
    counter.send("traces", traces([span(4, trace=1)]), after=5)

    assert counter.of("db.queries", "user", ["a"]) == {"a": 2}
    assert counter.of("requests", "user", ["a"]) == {"a": 2}


def test_what_waits_is_nobody_s_after_the_wait(counter: Counter) -> None:
    """A signal without a user is counted when the wait is over, and only then."""
    counter.send("traces", traces([span(1)])).send("traces", after=WAIT - 2)
    assert counter.meters() == {}
    counter.send("traces", after=2)
    assert levels(counter) == {None: 1}


def test_a_kill_loses_nothing_that_waits(counter: Counter) -> None:
    """What waited in memory is read from the spool again, and what was counted is not."""
    counter.send("traces", traces([span(2, trace=1), span(3, {"user.id": "b"})]))
    counter.again()
    counter.send("traces", traces([span(1, {"user.id": "a"}, trace=1)]), after=5)
    counter.again()
    counter.send("traces", traces([span(4, trace=1)]), after=5)

    assert counter.of("requests", "user", ["a", "b"]) == {"a": 3, "b": 1}


def test_a_linked_span_has_the_user_of_what_it_continues(counter: Counter) -> None:
    """A consumer of a message, and what it calls, is of the user whose request sent it."""
    counter.send("traces", traces([span(1, {"user.id": "a"}, trace=1)]))
    consumer = span(2, trace=2, link=1)
    call = span(3, {"db.system.name": "x"}, trace=2, kind=Span.SPAN_KIND_CLIENT)
    counter.send("traces", traces([call, consumer]), after=10)

    assert counter.of("requests", "user", ["a"]) == {"a": 2}
    assert counter.of("db.queries", "user", ["a"]) == {"a": 1}


@pytest.mark.parametrize("first", ["call", "consumer"])
def test_a_consumer_that_no_meter_counts_hands_its_user_on(counter: Counter, first: str) -> None:
    """The span that takes a message off a queue is no request: its link still says whose it is."""
    counter.send("traces", traces([span(1, {"user.id": "a"}, trace=1)]))
    consumer = span(2, trace=2, link=1, kind=Span.SPAN_KIND_CONSUMER)
    call = span(3, {"db.system.name": "x"}, trace=2, kind=Span.SPAN_KIND_CLIENT)
    both = [call, consumer] if first == "call" else [consumer, call]
    for one in both:
        counter.send("traces", traces([one]), after=5)
    counter.send("traces", after=WAIT)

    assert counter.of("requests", "user", ["a"]) == {"a": 1}
    assert counter.of("db.queries", "user", ["a"]) == {"a": 1}


def test_a_log_record_joins_its_trace(counter: Counter) -> None:
    """A log record that names a trace is of the trace's user."""
    ticket = {"event": "support.ticket", "trace": 1, "attributes": {"support.minutes": 12}}
    counter.send("logs", logs([ticket]))
    counter.send("traces", traces([span(1, {"user.id": "a"}, trace=1)]), after=1)

    assert counter.of("support.minutes", "user", ["a"]) == {"a": 12 * 60 * SECOND // 1000}


def test_a_request_id_joins_where_the_model_says(counter: Counter) -> None:
    """With ``join: [http.request.id, session]`` signals of one request or session are one's."""
    counter.model_path.write_text(
        MODEL + "identity: {join: [http.request.id, session], wait: 10}\n"
    )
    first = span(1, {"http.request.id": "r1"}, trace=1)
    second = span(2, {"http.request.id": "r1", "user.id": "a", "session.id": "s"}, trace=2)
    third = span(3, {"session.id": "s"}, trace=3)
    fourth = span(4, {"http.request.id": "r2"}, trace=1)
    counter.send("traces", traces([first]))
    counter.send("traces", traces([second]), after=2)
    counter.send("traces", traces([third, fourth]), after=2).send("traces", after=11)

    assert counter.of("requests", "user", ["a"]) == {"a": 3}
    assert levels(counter) == {"user": 3, None: 1}


def test_two_users_of_one_trace_keep_their_own(counter: Counter) -> None:
    """Spans that name a user keep it; others of the trace have the user of the earliest span."""
    spans = [
        span(1, {"user.id": "late"}, trace=1, end=T + SECOND),
        span(2, {"user.id": "early"}, trace=1, end=T),
        span(3, trace=1, end=T + 2 * SECOND),
    ]
    counter.send("traces", traces(spans))

    assert counter.of("requests", "user", ["early", "late"]) == {"early": 2, "late": 1}


def claimed(counter: Counter) -> list[tuple[object, ...]]:
    """Return whose sessions are, and since when that is known, in seconds after noon."""
    counter.store.bind(CLAIMS)
    names = {counter.store.door.find("session", name): name for name in ("s", "t")}
    names |= {counter.store.door.find("user", name): name for name in ("a", "b")}
    rows = counter.store.engine.rows(
        "SELECT subject, of, level, epoch(min(seen))::BIGINT FROM claims GROUP BY 1, 2, 3"
    )
    return sorted((names[s], names[of], level, at - T // SECOND) for s, of, level, at in rows)


def test_a_session_is_claimed_by_its_user(counter: Counter) -> None:
    """Where a signal names a session and a user, or joins both, the session is that user's."""
    spans = [
        span(1, {"session.id": "s"}, end=T),
        span(2, {"session.id": "s", "user.id": "a"}, end=T + 9 * SECOND, kind=1),
        span(3, {"session.id": "s", "user.id": "a"}, end=T + 5 * SECOND),
        span(4, {"session.id": "t"}, trace=4, end=T + 6 * SECOND),
        span(5, {"user.id": "b"}, trace=4, end=T + 7 * SECOND),
    ]
    counter.send("traces", traces(spans))
    expected = [("s", "a", "user", 5), ("t", "b", "user", 6)]
    assert claimed(counter) == expected

    counter.again()
    for n in range(6, 26):
        counter.send("traces", traces([span(n, {"session.id": "s", "user.id": "a"})]), after=2)
    counter.digest.tend(counter.spool.now, idle=True)
    assert claimed(counter) == [("s", "a", "user", 0), ("t", "b", "user", 6)]
    assert counter.store.doctor() == []
    assert len(counter.store.logged(CLAIMS)) == 1


@pytest.mark.parametrize("together", [True, False])
def test_a_shared_device_goes_back_to_who_had_it_before(
    counter: Counter,
    together: bool,  # noqa: FBT001 a case
) -> None:
    """Of two who use one session in turn, each has what was done while it was theirs."""
    logins = [(1, 5, "a"), (2, 3, "b"), (3, 1, "a")]
    named = [
        span(n, {"session.id": "s", "user.id": who}, end=T - ago * HOUR) for n, ago, who in logins
    ]
    hours = enumerate((4, 3, 2, 1), start=10)
    unnamed = [span(n, {"session.id": "s"}, end=T - ago * HOUR + 600 * SECOND) for n, ago in hours]
    bodies = [traces([one]) for one in [*named, *unnamed]]
    if together:
        counter.send("traces", *bodies)
    else:
        for body in bodies:
            counter.send("traces", body, after=1)
    counter.finish()

    bind(counter.store, ZoneInfo("UTC"))
    rows = counter.store.engine.rows(
        "SELECT subject, sum(quantity)::BIGINT FROM readings WHERE meter = 'requests' GROUP BY 1"
    )
    found = {counter.store.door.find("user", who): n for who, n in (("a", 4), ("b", 3))}
    assert dict(rows) == found


def test_the_erased_are_forgotten_by_what_counts(counter: Counter) -> None:
    """Who was erased while counting goes on comes back as somebody new, by name or by session."""
    named = {"user.id": "a", "session.id": "s"}
    counter.send("traces", traces([span(1, named, trace=1)]))
    before = counter.store.door.find("user", "a")
    erase(counter.store, "user", "a")
    counter.send("traces", traces([span(2, {"session.id": "s"})]), after=5)
    counter.send("traces", traces([span(3, trace=1)]), after=5)
    counter.send("traces", traces([span(4, {"user.id": "a"})]), after=5)
    counter.finish()

    after = counter.store.door.find("user", "a")
    assert after not in (None, before)
    assert counter.rows("subject", "meter = 'requests' AND level = 'user'") == [
        (before, 1, 1), (after, 1, 1),
    ]  # fmt: skip
    assert levels(counter) == {"user": 2, "session": 1, None: 1}


def test_who_becomes_another_is_that_one_at_once(counter: Counter) -> None:
    """An alias holds for traces that counting knows already, too."""
    counter.send("traces", traces([span(1, {"user.id": "phone"}, trace=1)]))
    counter.send("traces", traces([span(2, {"user.id": "ada"})]))
    door = counter.store.door
    phone, ada = door.find("user", "phone"), door.find("user", "ada")
    assert phone
    assert ada
    door.alias(phone, ada)
    counter.send("traces", traces([span(3, trace=1), span(4, {"user.id": "phone"})]), after=5)

    assert counter.rows("subject", "meter = 'requests'") == [(phone, 1, 1), (ada, 3, 3)]


def test_many_names_at_once_keep_apart(counter: Counter) -> None:
    """Names of every length, such as start or end alike, each have their own number, every turn."""
    names = [
        *(f"u{n}" for n in range(300)),
        *("x" * n for n in range(1, 300)),
        "é" * 70,
        "a\0",
        "a",
    ]
    for turn in range(2):
        spans = [span(turn * 1000 + n, {"user.id": each}) for n, each in enumerate(names, 1)]
        counter.send("traces", traces(spans))

    assert counter.of("requests", "user", names) == dict.fromkeys(names, 2)
