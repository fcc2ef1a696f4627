"""A real S3 server on loopback, for as long as the tests of a module need it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyarrow.fs import S3FileSystem

from servers.ports import free_ports

KEY, SECRET, BUCKET = "access", "secret", "billing"
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """A server with one empty bucket."""

    endpoint: str
    files: S3FileSystem

    def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        with self.files.open_output_stream(f"{BUCKET}/{key}", compression=None) as stream:
            stream.write(content)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self.files.delete_file(f"{BUCKET}/{key}")


def program() -> str | None:
    """Return the server's program, if it is installed."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


@contextmanager
def served(folder: Path) -> Iterator[ObjectStore]:
    """Run a server whose data lies in ``folder``."""
    master, volume, filer, s3, *internal = free_ports(8)
    identity = {
        "name": "test",
        "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}))
    ports = {
        "master.port": master, "volume.port": volume, "filer.port": filer, "s3.port": s3,
        "master.port.grpc": internal[0], "volume.port.grpc": internal[1],
        "filer.port.grpc": internal[2], "s3.port.grpc": internal[3],
    }  # fmt: skip
    command = [
        str(program()), "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3", f"-s3.config={config}",
        "-master.volumeSizeLimitMB=32", "-volume.max=10", "-volume.preStopSeconds=0",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]  # fmt: skip
    with ExitStack() as stack:
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)  # noqa: S603
        stack.callback(process.wait)
        # Its data is of no use to anyone: there is nothing to wait for.
        stack.callback(process.kill)
        files = S3FileSystem(
            access_key=KEY, secret_key=SECRET, endpoint_override=f"127.0.0.1:{s3}", scheme="http",
            region="us-east-1", allow_bucket_creation=True,
        )  # fmt: skip
        store = ObjectStore(f"http://127.0.0.1:{s3}", files)
        _wait(store, process)
        yield store


def _wait(store: ObjectStore, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            store.files.create_dir(BUCKET)
            store.put("ready", b"yes")
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            store.remove("ready")
            return
