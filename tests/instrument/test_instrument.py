"""Services that say whose their signals are, with the real OpenTelemetry SDK."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Iterable, Iterator, MutableMapping
from typing import Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from percapita.instrument import AsgiIdentity, BaggageSpans, LogIdentity, WsgiIdentity, identity


class Traced:
    """A tracer, and the spans that it made."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(BaggageSpans())  # type: ignore[arg-type]
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = provider.get_tracer("shop")

    def attributes(self) -> dict[str, dict[str, Any]]:
        """Return span name to attributes."""
        return {s.name: dict(s.attributes or {}) for s in self.exporter.get_finished_spans()}


@pytest.fixture
def traced() -> Traced:
    """Give a tracer of its own."""
    return Traced()


def test_spans_carry_ids_and_flags_of_the_context(traced: Traced) -> None:
    """Every span inside gets them, none outside does, and other baggage stays where it is."""
    with (
        identity("u1", session="s1", tenant="acme", flags={"new-cart": "on"}),
        traced.tracer.start_as_current_span("outer"),
        identity("u2"),
    ):
        traced.tracer.start_span("inner").end()
    with traced.tracer.start_as_current_span("after"):
        pass

    found = traced.attributes()
    ids = {"user.id": "u1", "session.id": "s1", "tenant.id": "acme", "feature_flag.new-cart": "on"}
    assert found["outer"] == ids
    assert found["inner"] == {**ids, "user.id": "u2"}
    assert found["after"] == {}


def test_a_span_keeps_what_it_says_itself(traced: Traced) -> None:
    """An attribute that a span starts with is not replaced; unknown baggage is not copied."""
    from opentelemetry import context  # noqa: PLC0415

    other = baggage.set_baggage("password", "x", baggage.set_baggage("user.id", "u1"))
    token = context.attach(other)
    traced.tracer.start_span("own", attributes={"user.id": "mine"}).end()
    context.detach(token)

    assert traced.attributes()["own"] == {"user.id": "mine"}


def test_async_tasks_do_not_mix(traced: Traced) -> None:
    """Two tasks at once each keep their own user, and hand it to tasks that they start."""

    async def child(name: str) -> None:
        await asyncio.sleep(0)
        traced.tracer.start_span(name).end()

    async def task(user: str) -> None:
        with identity(user):
            await asyncio.sleep(0)
            await asyncio.create_task(child(user))

    async def both() -> None:
        await asyncio.gather(*(task(f"u{n}") for n in range(20)))

    asyncio.run(both())

    assert traced.attributes() == {f"u{n}": {"user.id": f"u{n}"} for n in range(20)}


def start(_status: str, _headers: list[tuple[str, str]]) -> None:
    """Take the head of an answer."""


def test_wsgi(traced: Traced) -> None:
    """Header, cookie and callable name ids, for the server's span, the answer and its parts."""

    def app(environ: dict[str, Any], begin: Any) -> Iterable[bytes]:  # noqa: ANN401
        traced.tracer.start_span("call").end()
        begin("200 OK", [])

        def parts() -> Iterator[bytes]:
            traced.tracer.start_span("part").end()
            yield environ["PATH_INFO"].encode()

        return parts()

    wrapped = WsgiIdentity(
        app, user="header:X-User-Id", session="cookie:sid",
        tenant=lambda environ: str(environ["HTTP_HOST"]).partition(".")[0],
        flags=lambda _: {"beta": "b"},
    )  # fmt: skip
    environ = {
        "PATH_INFO": "/a", "HTTP_X_USER_ID": "u7", "HTTP_COOKIE": "x=1; sid=s9",
        "HTTP_HOST": "acme.shop.example",
    }  # fmt: skip
    with traced.tracer.start_as_current_span("server"):
        body = wrapped(environ, start)
        assert b"".join(body) == b"/a"
        body.close()  # type: ignore[attr-defined]

    ids = {"user.id": "u7", "session.id": "s9", "tenant.id": "acme", "feature_flag.beta": "b"}
    assert traced.attributes() == dict.fromkeys(("call", "part", "server"), ids)
    assert baggage.get_all() == {}


def test_asgi(traced: Traced) -> None:
    """The same for an async application; a start-up message passes."""
    sent: list[MutableMapping[str, Any]] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        await asyncio.sleep(0)
        traced.tracer.start_span(scope["type"]).end()
        await send({"type": "done"})

    async def receive() -> MutableMapping[str, Any]:
        return {}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    wrapped = AsgiIdentity(app, user="header:x-user-id", session="cookie:sid")
    headers = [(b"X-User-Id", b"u7"), (b"cookie", b"a=1"), (b"cookie", b"sid=s9")]
    asyncio.run(wrapped({"type": "http", "headers": headers}, receive, send))
    asyncio.run(wrapped({"type": "lifespan"}, receive, send))

    assert traced.attributes() == {
        "http": {"user.id": "u7", "session.id": "s9"}, "lifespan": {},
    }  # fmt: skip
    assert len(sent) == 2


def test_a_request_without_ids_is_anonymous(traced: Traced) -> None:
    """Missing headers and broken cookies name nobody, and break nothing."""

    def app(_environ: dict[str, Any], _begin: Any) -> Iterable[bytes]:  # noqa: ANN401
        traced.tracer.start_span("call").end()
        return [b""]

    wrapped = WsgiIdentity(app, user="header:X-User-Id", session="cookie:sid")
    list(wrapped({"HTTP_COOKIE": "\x00=;;="}, start))

    assert traced.attributes() == {"call": {}}
    with pytest.raises(ValueError, match="neither header:NAME nor cookie:NAME"):
        WsgiIdentity(app, user="X-User-Id")


@pytest.mark.parametrize(
    "said",
    [
        'consent={"ads":1}; sid=s1',
        "sid=s1; a=b{c}",
        'flag; {x}=1; sid="s1"',
        "a[0]=1;sid=s1; sid=2",
    ],
)
def test_a_strange_cookie_hides_no_other(traced: Traced, said: str) -> None:
    """What a third party writes into a cookie takes nobody's session away."""

    def app(_environ: dict[str, Any], _start: Any) -> Iterable[bytes]:  # noqa: ANN401
        traced.tracer.start_span("work").end()
        return [b""]

    list(WsgiIdentity(app, session="cookie:sid")({"HTTP_COOKIE": said}, start))

    assert traced.attributes()["work"] == {"session.id": "s1"}


def test_log_records_carry_ids(caplog: pytest.LogCaptureFixture) -> None:
    """A format may name the ids of whoever is being served; they are empty for nobody."""
    caplog.handler.addFilter(LogIdentity())
    log = logging.getLogger("shop")
    with identity("u1", tenant="acme"):
        log.warning("in")
    log.warning("out")

    assert [(r.message, r.user_id, r.tenant_id) for r in caplog.records] == [  # type: ignore[attr-defined]
        ("in", "u1", "acme"),
        ("out", "", ""),
    ]


def test_importing_it_costs_nothing() -> None:
    """The module imports no OpenTelemetry, and of percapita nothing but its version."""
    code = "import sys, percapita.instrument; print([n for n in sys.modules if 'telemetry' in n or n.startswith('percapita.')])"  # noqa: E501
    found = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == (
        "['percapita.core', 'percapita.core.version', 'percapita.instrument']"
    )
    assert trace.get_current_span().get_span_context().is_valid is False
