"""The ports of a project, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from percapita.core.announced import ESTIMATES, SERVE
from percapita.core.errors import InputError
from percapita.project import Project
from percapita.sample import loading
from percapita.store import Store
from percapita.store.lock import Lock
from percapita.store.spool import Spool
from percapita.store.tokens import SENDERS
from percapita.telemetry.receive import rpc
from percapita.telemetry.receive.access import Access
from percapita.telemetry.receive.connection import Connection
from percapita.telemetry.receive.counters import Counters
from percapita.telemetry.receive.http import OtlpHttp
from percapita.telemetry.receive.intake import Intake, Limits
from percapita.web import app, table
from percapita.web.desk import Desk
from percapita.web.door import Door
from percapita.web.health import PATHS as HEALTH
from percapita.web.health import Health
from percapita.web.health.counting import Counting
from percapita.web.live import Estimates
from percapita.web.live.beside import beside

_CONNECTIONS: Final = 2000
_FILES: Final = 4 * _CONNECTIONS
"""Both HTTP ports, gRPC, and what the store opens."""
_KEEP_ALIVE_SECONDS: Final = 75
_GRACE_SECONDS: Final = 5


class PortError(InputError):
    """An address that cannot be opened."""

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"{host}:{port} cannot be opened: {why}.",
            hint="Choose another port; 0 takes any that is free.",
        )


@dataclass(frozen=True, slots=True)
class Serving:
    """What is to be served, and where."""

    host: str = "127.0.0.1"
    port: int | None = 8000
    """Of the pages; ``None`` for the receivers alone."""
    otlp_http_port: int = 4318
    otlp_grpc_port: int = 4317
    tls: tuple[Path, Path] | None = None
    """Certificate and key, in PEM, that all ports speak TLS with."""
    sign_in: bool = False
    """Sign-in is asked for on this machine too."""
    names: tuple[str, ...] = ()
    """Names in ``Host`` that lead here, besides the host's own."""
    limits: Limits = field(default_factory=Limits)
    spool_bytes: int = 2 << 30
    command: tuple[str, ...] = ()
    """What counts; ``percapita digest`` on this project unless said."""


class TlsError(InputError):
    """A certificate or key that nobody can speak TLS with."""

    def __init__(self, certificate: Path, key: Path, why: str) -> None:
        super().__init__(
            f"{certificate} and {key} are no certificate and key to speak TLS with: {why}.",
            hint="Give the certificate with its chain, and its key without a passphrase, in PEM.",
        )


class Opened(NamedTuple):
    """The ports that were opened."""

    host: str
    port: int | None
    otlp_http_port: int
    otlp_grpc_port: int
    closed: bool
    """Tokens are asked for, and none is in force."""


def serve(project: Project, serving: Serving, opened: Callable[[Opened], None]) -> None:
    """Serve until SIGTERM or SIGINT; what was acknowledged is durable whatever ends it.

    Raises:
        HeldError: another process serves this store.
        TlsError: certificate and key are not a pair.
        PortError: an address cannot be opened.
    """
    if serving.tls is not None:
        _check_tls(*serving.tls)
    _more_files()
    with Lock(project.store_root / SERVE, "serving this store").take() as lock:
        store = project.store()
        try:
            with Spool(store.root, store.key, limit=serving.spool_bytes).start() as spool:
                asyncio.run(_Server(project, serving, store, spool).run(lock, opened))
        finally:
            store.close()


class _Server:
    """The parts of a server, put together."""

    def __init__(self, project: Project, serving: Serving, store: Store, spool: Spool) -> None:
        self._project = project
        self._serving = serving
        self._spool = spool
        tokens = store.tokens
        self._intake = Intake(spool, serving.limits, Counters())
        sending = Access(serving.host, lambda token: tokens.role(token) in SENDERS, serving.names)
        said = project.settings
        door = Door(
            sending,
            lambda: store,
            viewers=said.viewers,
            limits=said.limits,
            demands=serving.sign_in,
        )
        self._counting = Counting(serving.command or _counts(project))
        health = Health(self._intake, spool, self._counting).routes()
        self._desk = None if serving.port is None else Desk(project.root, project.store_root)
        self._estimates = Estimates(project)
        pages = table.routes(project, self._desk, door, self._estimates) if self._desk else ()
        routes = [*health, *pages]
        self._pages = app.create(routes, door)
        self._otlp = _Beside(OtlpHttp(self._intake, sending), app.create(health, door))
        self._rpc: grpc.aio.Server | None = None
        self._sending = sending
        self._in_force = tokens.in_force

    async def run(self, lock: Lock, opened: Callable[[Opened], None]) -> None:
        """Open the ports, serve, and leave in order."""
        serving = self._serving
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with contextlib.AsyncExitStack() as stack:
            apps: list[tuple[Any, socket.socket]] = [
                (self._otlp, stack.enter_context(_listen(serving.host, serving.otlp_http_port)))
            ]
            if serving.port is not None:
                pages_at = stack.enter_context(_listen(serving.host, serving.port))
                apps.append((self._pages, pages_at))
            grpc_port = await self._open_grpc()
            ports = [at.getsockname()[1] for _, at in apps]
            servers = [_Uvicorn(_config(app, serving.tls)) for app, _ in apps]
            tasks = [
                asyncio.create_task(server.serve(sockets=[at]))
                for server, (_, at) in zip(servers, apps, strict=True)
            ]
            counting = asyncio.create_task(self._counting.run())
            made = Opened(
                serving.host, ports[1] if len(ports) > 1 else None, ports[0], grpc_port,
                not self._sending.open and not self._in_force(),
            )  # fmt: skip
            told: dict[str, object] = {
                "OTLP/HTTP": made.otlp_http_port, "OTLP/gRPC": made.otlp_grpc_port,
            }  # fmt: skip
            if serving.port is not None:
                told[ESTIMATES] = await stack.enter_async_context(beside(self._estimates))
            lock.tell(told)
            opened(made)
            await asyncio.to_thread(loading.resume, self._project)
            await _first({*tasks, asyncio.create_task(stop.wait())})
            await self._leave(servers, tasks)
            counting.cancel()
            await asyncio.wait({counting})

    async def _open_grpc(self) -> int:
        host, port = self._serving.host, self._serving.otlp_grpc_port
        self._rpc = rpc.server(self._intake, self._sending)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._serving.tls is None:
                found = self._rpc.add_insecure_port(address)
            else:
                certificate, key = (path.read_bytes() for path in self._serving.tls)
                secret = grpc.ssl_server_credentials([(key, certificate)])
                found = self._rpc.add_secure_port(address, secret)
        except RuntimeError:
            raise PortError(host, port, "it is in use, or not an address of this machine") from None
        await self._rpc.start()
        return int(found)

    async def _leave(self, servers: list[_Uvicorn], tasks: list[asyncio.Task[None]]) -> None:
        """Answer what has arrived, take nothing new, count what is durable."""
        self._intake.stopping = True
        for server in servers:
            server.should_exit = True
        if self._rpc is not None:
            await self._rpc.stop(_GRACE_SECONDS)
        await asyncio.wait(tasks)
        if self._desk:
            await asyncio.to_thread(self._desk.close)
        self._intake.close()
        await self._counting.stop(self._spool.head, drain=_GRACE_SECONDS, wait=20)


class _Beside:
    """The receiver's paths, and health beside them on the same port."""

    def __init__(self, otlp: OtlpHttp, health: ASGIApp) -> None:
        self._otlp = otlp
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["path"] in HEALTH
        await (self._health if known else self._otlp)(scope, receive, send)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its own signal handlers: two servers share one process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _config(app: Any, tls: tuple[Path, Path] | None) -> uvicorn.Config:  # noqa: ANN401 any ASGI callable
    certificate, key = tls or (None, None)
    return uvicorn.Config(
        app, http=Connection, ws="none", lifespan="off", log_config=None, access_log=False,
        server_header=False, limit_concurrency=_CONNECTIONS, proxy_headers=False,
        ssl_certfile=certificate, ssl_keyfile=key,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=_GRACE_SECONDS,
    )  # fmt: skip


def _more_files() -> None:
    """Let this process have as many connections as the system allows it, if they are needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _check_tls(certificate: Path, key: Path) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: b"")
    except (OSError, ssl.SSLError, ValueError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise TlsError(certificate, key, why.lower().replace("_", " ")) from None


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as error:
        why = getattr(error, "strerror", None) or "it is no port of this machine"
        raise PortError(host, port, why.lower()) from None


async def _first(tasks: set[asyncio.Task[Any]]) -> None:
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


def _counts(project: Project) -> tuple[str, ...]:
    return (
        sys.executable, "-m", "percapita", "digest",
        "--project", str(project.root), "--store", str(project.store_root),
    )  # fmt: skip
