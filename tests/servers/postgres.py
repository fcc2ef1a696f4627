"""A throw-away PostgreSQL on a free loopback port, with pg_stat_statements loaded."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pg8000.dbapi

from servers.ports import free_ports

USER, PASSWORD = "percapita", "a pass:word@with/marks"
_SECONDS = 60
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=32MB")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that accepts only its superuser, over TCP, by password."""

    port: int
    host: str = "127.0.0.1"
    user: str = USER
    password: str = PASSWORD
    _numbers: Iterator[int] = field(default_factory=count)

    def connect(self, database: str = "postgres") -> Any:  # noqa: ANN401
        """Open a connection in which every statement commits by itself."""
        connection = pg8000.dbapi.connect(
            self.user, self.host, database, self.port, self.password, timeout=_SECONDS
        )
        connection.autocommit = True
        return connection

    def database(self) -> str:
        """Make an empty database, with the extension pg_stat_statements; return its name."""
        name = f"test_{next(self._numbers)}"
        self.execute(f'CREATE DATABASE "{name}"')
        self.execute("CREATE EXTENSION pg_stat_statements", database=name)
        return name

    def url(self, database: str) -> str:
        """Return the address of a database, password included."""
        who = f"{self.user}:{quote(self.password, safe='')}"
        return f"postgresql://{who}@{self.host}:{self.port}/{database}"

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        """Run one statement."""
        connection = self.connect(database)
        try:
            connection.cursor().execute(statement)
        finally:
            connection.close()


def programs() -> Path | None:
    """Return the folder of the newest installed server's programs, if there is one."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    found = debian[-1] if debian else shutil.which("initdb")
    return Path(found).parent if found else None


@contextmanager
def served() -> Iterator[Postgres]:
    """Run a server for as long as the context lasts; nothing of it remains."""
    place = programs()
    assert place is not None, "PostgreSQL is not installed: make services"
    [port] = free_ports(1)
    owner = _owner()
    with ExitStack() as stack:
        # Not pytest's folder: its parents are closed to the user that runs the server.
        folder = Path(tempfile.mkdtemp(prefix="percapita-postgres-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "password").write_text(PASSWORD)
        if owner:
            for path in (folder, folder / "password"):
                shutil.chown(path, owner, owner)
        _initialise(place, folder, owner)
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(  # noqa: S603
            _command(place, folder, port), cwd=folder, stdout=log, stderr=log, user=owner
        )
        stack.callback(_end, process)
        server = Postgres(port)
        _wait(server, process, folder / "log")
        yield server


def _owner() -> str | None:
    """Return the user to run as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise AssertionError("root needs a user such as postgres to run the server as")


def _initialise(place: Path, folder: Path, owner: str | None) -> None:
    command = [
        str(place / "initdb"), f"--pgdata={folder / 'data'}", f"--username={USER}",
        f"--pwfile={folder / 'password'}", "--auth=scram-sha-256", "--encoding=UTF8",
        "--locale=C", "--no-sync", "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, user=owner)  # noqa: S603, PLW1510
    assert done.returncode == 0, done.stderr


def _command(place: Path, folder: Path, port: int) -> list[str]:
    settings = (
        "listen_addresses=127.0.0.1",
        f"unix_socket_directories={folder}",
        "shared_preload_libraries=pg_stat_statements",
        "log_timezone=UTC",
        "timezone=UTC",
        *_QUICK,
    )
    options = [part for setting in settings for part in ("-c", setting)]
    return [str(place / "postgres"), "-D", str(folder / "data"), "-p", str(port), *options]


def _wait(server: Postgres, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            server.connect().close()
        except (pg8000.dbapi.Error, OSError):
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.1)
        else:
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    # Its data is of no use to anyone: it need not be written out.
    process.send_signal(signal.SIGQUIT)
    try:
        process.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
