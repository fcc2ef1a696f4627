"""Tells every signal of a Python service whose it is: OpenTelemetry baggage, put on spans and logs.

    from percapita.instrument import BaggageSpans, WsgiIdentity

    provider.add_span_processor(BaggageSpans())
    app = WsgiIdentity(app, user="header:X-User-Id", tenant="header:X-Tenant-Id")

Baggage travels with the context: through async tasks, and to every service that is called. Put an
id of your own in it, never an e-mail address. OpenTelemetry is imported when it is first needed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

USER: Final = "user.id"
SESSION: Final = "session.id"
TENANT: Final = "tenant.id"
FLAG: Final = "feature_flag."
"""Leads the baggage entry of a feature flag: ``feature_flag.new-cart`` holds its variant."""

KEYS: Final = (USER, SESSION, TENANT)
_LONGEST: Final = 256
"""Characters of an id; baggage is sent along with every call."""

Request: TypeAlias = Mapping[str, Any]
"""The environ of WSGI, or the scope of ASGI."""
Found: TypeAlias = str | Callable[[Request], str | None]
"""Where an id stands: ``header:NAME``, ``cookie:NAME``, or what a callable says of the request."""


@contextmanager
def identity(
    user: str | None = None,
    *,
    session: str | None = None,
    tenant: str | None = None,
    flags: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Let all that happens inside belong to a user, session or tenant, under these feature flags.

    What is ``None`` stays as it was outside. Works in threads and in async code alike.
    """
    from opentelemetry import baggage, context  # noqa: PLC0415

    current = context.get_current()
    entries = {USER: user, SESSION: session, TENANT: tenant}
    entries |= {f"{FLAG}{name}": variant for name, variant in (flags or {}).items()}
    for key, value in entries.items():
        if value:
            current = baggage.set_baggage(key, value[:_LONGEST], current)
    token = context.attach(current)
    try:
        yield
    finally:
        context.detach(token)


class BaggageSpans:
    """A span processor that copies ids and feature flags from baggage to every span.

    Its methods are those of ``opentelemetry.sdk.trace.SpanProcessor``; an attribute that the span
    has already is left alone.
    """

    def __init__(self, keys: Sequence[str] = KEYS, prefixes: Sequence[str] = (FLAG,)) -> None:
        self._keys = frozenset(keys)
        self._prefixes = tuple(prefixes)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Copy what the context carries."""
        for key, value in self._wanted(parent_context):
            if key not in (span.attributes or {}):
                span.set_attribute(key, value)

    def _wanted(self, context: Context | None) -> Iterator[tuple[str, str]]:
        from opentelemetry import baggage  # noqa: PLC0415

        for key, value in baggage.get_all(context).items():
            if key in self._keys or key.startswith(self._prefixes):
                yield key, str(value)

    def _on_ending(self, span: Span) -> None:
        """Leave a span that ends alone; the SDK asks every processor."""

    def on_end(self, span: ReadableSpan) -> None:
        """Leave a span that ended alone."""

    def shutdown(self) -> None:
        """There is nothing to shut down."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002
        """There is nothing to flush."""
        return True


class LogIdentity(logging.Filter):
    """A filter that puts ids on log records: ``user_id``, ``session_id``, ``tenant_id``.

    Put it on a handler: then formats may say ``%(user_id)s``, empty where nobody is known, and
    OpenTelemetry's handler sends them as attributes.
    """

    def __init__(self, keys: Sequence[str] = KEYS) -> None:
        super().__init__()
        self._keys = tuple(keys)

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the attributes; every record passes."""
        from opentelemetry import baggage  # noqa: PLC0415

        for key in self._keys:
            name = re.sub(r"\W", "_", key)
            if not hasattr(record, name):
                setattr(record, name, str(baggage.get_baggage(key) or ""))
        return True


class _Identity:
    """What both middlewares ask a request for."""

    def __init__(
        self,
        *,
        user: Found | None = None,
        session: Found | None = None,
        tenant: Found | None = None,
        flags: Callable[[Request], Mapping[str, str]] | None = None,
    ) -> None:
        self._found = {"user": user, "session": session, "tenant": tenant}
        self._flags = flags
        for found in self._found.values():
            if isinstance(found, str) and not re.match(r"(header|cookie):.", found):
                raise ValueError(f"{found!r} is neither header:NAME nor cookie:NAME")

    def entries(self, request: Request, header: Callable[[str], str | None]) -> dict[str, Any]:
        """Return the arguments of ``identity`` for a request."""
        said = {
            level: self._one(found, request, header)
            for level, found in self._found.items()
            if found is not None
        }
        return {**said, "flags": self._flags(request) if self._flags else None}

    def _one(
        self, found: Found, request: Request, header: Callable[[str], str | None]
    ) -> str | None:
        if not isinstance(found, str):
            return found(request)
        kind, _, name = found.partition(":")
        return header(name) if kind == "header" else _cookie(header("cookie"), name)


def _cookie(text: str | None, name: str) -> str | None:
    """Return a cookie's value; what others put beside it, well formed or not, is none of ours."""
    for part in (text or "").split(";"):
        key, _, value = part.partition("=")
        if key.strip() == name:
            return value.strip().strip('"') or None
    return None


Start: TypeAlias = Callable[..., Any]
Wsgi: TypeAlias = Callable[[dict[str, Any], Start], Iterable[bytes]]


class WsgiIdentity(_Identity):
    """WSGI middleware: while a request is answered, baggage says whose it is.

    Wrap the instrumentation that starts the server's span around it: the ids are put on that span
    too, and a callable may read what the framework found out.
    """

    def __init__(self, app: Wsgi, **found: Any) -> None:  # noqa: ANN401
        super().__init__(**found)
        self._app = app

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Answer a request; the context lasts until the body is read or closed."""

        def header(name: str) -> str | None:
            value = environ.get(f"HTTP_{name.upper().replace('-', '_')}")
            return str(value) if value is not None else None

        with identity(**self.entries(environ, header)):
            _tag_current()
            body = self._app(environ, start)
        return _Body(body, lambda: identity(**self.entries(environ, header)))


class _Body:
    """A body whose parts are made in the request's context."""

    def __init__(self, body: Iterable[bytes], inside: Callable[[], Any]) -> None:
        self._body, self._parts, self._inside = body, iter(body), inside

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._inside():
            return next(self._parts)

    def close(self) -> None:
        """Close what the application made."""
        if close := getattr(self._body, "close", None):
            with self._inside():
                close()


Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsgiIdentity(_Identity):
    """ASGI middleware: while a request or socket is served, baggage says whose it is."""

    def __init__(self, app: Asgi, **found: Any) -> None:  # noqa: ANN401
        super().__init__(**found)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; what is no request passes."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        def header(name: str) -> str | None:
            wanted = name.lower().encode("latin-1")
            found = [value for key, value in scope.get("headers", ()) if key.lower() == wanted]
            return b"; ".join(found).decode("latin-1") if found else None

        with identity(**self.entries(scope, header)):
            _tag_current()
            await self._app(scope, receive, send)


def _tag_current() -> None:
    """Put the ids on the span that is going on: it started before they were known."""
    from opentelemetry import baggage, trace  # noqa: PLC0415

    span = trace.get_current_span()
    if span.is_recording():
        for key, value in baggage.get_all().items():
            if key in KEYS or key.startswith(FLAG):
                span.set_attribute(key, str(value))
