"""Events of spans, and log records in their place, say whose a span is."""

from __future__ import annotations

import pytest
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from digest.counter import MODEL, Counter
from digest.otlp import SECOND, SHOP, T, Tracing, bodies


def begun(tracing: Tracing, **attributes: str) -> Span:
    """Begin a request of the real SDK."""
    return tracing.tracer.start_span(
        "GET /items", kind=SpanKind.SERVER, start_time=T - SECOND, attributes=attributes
    )


def told(counter: Counter, tracing: Tracing) -> None:
    """Send what was finished as one request."""
    counter.send("traces", *bodies(tracing.spans())).finish()


@pytest.mark.parametrize("name", ["user.id", "enduser.id", "enduser.pseudo.id"])
def test_an_event_names_the_user_of_its_span(counter: Counter, name: str) -> None:
    """The attributes that name a user do so on an event too; its session likewise."""
    tracing = Tracing()
    span = begun(tracing)
    span.add_event("page.view", {"screen": "cart"})
    span.add_event("login", {"how": "sso", name: "a", "session.id": "s"})
    span.end(T)
    device = begun(tracing)
    device.add_event("session.start", {"session.id": "t"})
    device.end(T)
    told(counter, tracing)

    assert counter.of("requests", "user", ["a"]) == {"a": 1}
    assert counter.of("requests", "session", ["s", "t"]) == {"t": 1}


def test_the_span_s_own_attributes_come_first_and_the_resource_s_last(counter: Counter) -> None:
    """Any name on the span counts before an event's, and an event's before the resource's."""
    tracing = Tracing({**SHOP, "user.id": "of the resource"})
    own = begun(tracing, **{"enduser.id": "own"})
    own.add_event("login", {"user.id": "of the event"})
    own.end(T)
    event = begun(tracing)
    event.add_event("login", {"enduser.id": "of the event"})
    event.end(T)
    begun(tracing).end(T)
    told(counter, tracing)

    users = ["own", "of the event", "of the resource"]
    assert counter.of("requests", "user", users) == dict.fromkeys(users, 1)


def test_the_first_event_that_names_a_user_counts(counter: Counter) -> None:
    """Wherever it stands in the event; a better name goes before an earlier event."""
    tracing = Tracing()
    first = begun(tracing)
    first.add_event("login", {"how": "sso", "from": "web", "user.id": "first"})
    first.add_event("login", {"user.id": "second", "how": "sso"})
    first.end(T)
    better = begun(tracing)
    better.add_event("login", {"enduser.id": "other"})
    better.add_event("login", {"user.id": "better"})
    better.end(T)
    told(counter, tracing)

    users = ["first", "second", "other", "better"]
    assert counter.of("requests", "user", users) == {"first": 1, "better": 1}


def test_the_key_of_a_feature_flag_s_context_may_name_the_user(counter: Counter) -> None:
    """An attribute that only events have is listed as any other; the flag is read beside it."""
    counter.model_path.write_text(MODEL + "identity: {user: [user.id, feature_flag.context.id]}\n")
    tracing = Tracing()
    span = begun(tracing)
    span.add_event(
        "feature_flag.evaluation",
        {"feature_flag.key": "new-cart", "feature_flag.context.id": "a"},
    )
    span.end(T)
    told(counter, tracing)

    assert counter.of("requests", "user", ["a"]) == {"a": 1}
    assert counter.rows("feature", "meter = 'requests'") == [("new-cart", 1, 1)]


def test_events_say_nothing_where_the_model_says_so(counter: Counter) -> None:
    """With ``events: false`` a span that only its events name is nobody's."""
    counter.model_path.write_text(MODEL + "identity: {events: false}\n")
    tracing = Tracing()
    span = begun(tracing)
    span.add_event("login", {"user.id": "a"})
    span.end(T)
    counter.send("traces", *bodies(tracing.spans())).send("traces", after=31)

    assert counter.rows("level", "meter = 'requests'") == [(None, 1, 1)]


def test_a_log_record_in_place_of_an_event_names_the_user_of_its_span(counter: Counter) -> None:
    """A log record that the SDK writes inside of a span names the user of the span's trace."""
    tracing = Tracing()
    kept = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider = LoggerProvider(Resource(SHOP), shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    span = begun(tracing)
    provider.get_logger("tests").emit(
        timestamp=T, context=set_span_in_context(span), event_name="login",
        attributes={"user.id": "a"},
    )  # fmt: skip
    span.end(T)
    records = encode_logs(kept.get_finished_logs()).SerializeToString()
    counter.send("traces", *bodies(tracing.spans()))
    assert counter.meters() == {}
    counter.send("logs", records, after=2)

    assert counter.of("requests", "user", ["a"]) == {"a": 1}
