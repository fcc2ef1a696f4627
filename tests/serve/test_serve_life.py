"""From start to stop: one server a store, ports that are said, an end in order or at any moment."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from percapita.cli import main
from percapita.core.privacy import open_key
from percapita.store.spool import Spool
from serve.running import Server, packed, serving, spans, until


def test_a_second_server_on_one_store_is_refused(server: Server) -> None:
    """The error names the process that serves, and its ports."""
    command = [sys.executable, "-m", "percapita", "serve", "--project", str(server.folder)]
    done = subprocess.run(  # noqa: S603
        [*command, "--port", "0"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert (
        f"Process {server.process.pid} (OTLP/HTTP {server.ports['otlp_http_port']}" in done.stderr
    )
    assert "is serving this store already" in done.stderr
    assert "--store DIR" in done.stderr


@pytest.mark.parametrize("which", ["otlp_http_port", "otlp_grpc_port", "port"])
def test_a_port_in_use_is_said(which: str, server: Server, tmp_path: Path) -> None:
    """A port that another process has is named, with what to do."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    ports = {"port": 0, "otlp_http_port": 0, "otlp_grpc_port": 0, which: server.ports[which]}
    options = [f"--{name.replace('_', '-')}={number}" for name, number in ports.items()]
    command = [sys.executable, "-m", "percapita", "serve", "--project", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603

    assert done.returncode == 2, done.stderr
    assert f"127.0.0.1:{server.ports[which]} cannot be opened" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_web_leaves_health_with_the_receiver(tmp_path: Path) -> None:
    """With the receivers alone, health and counters are on the port of OTLP/HTTP."""
    with serving(tmp_path, port=None) as server:
        assert server.ports["port"] is None
        assert server.ask("/healthz").status == 200
        assert b"percapita_spool_position 0" in server.ask("/metrics").body


def test_what_waits_is_said_while_nothing_is_counted(tmp_path: Path) -> None:
    """Where counting has ended, what came since waits; before it said anything, nobody knows."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    silent = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with serving(tmp_path, command=silent) as server:
        server.send(packed(spans(3)[0]), content_encoding="gzip")
        assert server.state()["spool"]["waiting"] is None

    ends = [sys.executable, "-c", "print('{\"position\": 0}', flush=True)"]
    with serving(tmp_path, command=ends) as server:
        until(lambda: server.state()["counting"]["restarts"] > 0)
        assert server.state()["spool"]["waiting"] == 1


def test_a_stop_counts_what_was_acknowledged(tmp_path: Path) -> None:
    """SIGTERM: what was acknowledged is counted, no process stays, the exit code is 0."""
    with serving(tmp_path) as server:
        until(lambda: server.state()["status"] == "ready")
        children = psutil.Process(server.process.pid).children(recursive=True)
        body, ids = spans(500)
        for _ in range(10):
            assert server.send(packed(body), content_encoding="gzip").status == 200
        code = server.stop()

    assert code == 0
    assert set(ids) == set(server.counted())
    assert children
    psutil.wait_procs(children, timeout=20)
    assert not any(child.is_running() for child in children)
    assert server.log.read_text() == ""


def test_what_counts_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    """A server that is killed takes its counting process along."""
    with serving(tmp_path) as server:
        until(lambda: server.state()["status"] == "ready")
        children = psutil.Process(server.process.pid).children(recursive=True)
        server.kill()

    assert children
    psutil.wait_procs(children, timeout=20)
    assert not any(child.is_running() for child in children)


def test_ids_stay_out_of_files_and_log(tmp_path: Path) -> None:
    """Neither the spool nor the log has what a sender said about a user, good body or bad."""
    with serving(tmp_path) as server:
        body, _ = spans(50, user="mailto:grace@example.com")
        assert server.send(body).status == 200
        server.send(b"\xff" + body)
        bad = b'{"resourceSpans": [{"schemaUrl": {"a": "grace@example.com"}}]}'
        answer = server.ask("/v1/traces", bad, {"content-type": "application/json"})
        until(lambda: len(server.counted()) == 50)
        server.kill()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]

    assert answer.status == 400
    assert b"grace" not in answer.body
    assert any(path.suffix == ".spool" for path in files)
    assert [path for path in files if b"grace@example" in path.read_bytes()] == []


def test_the_command_says_its_ports(tmp_path: Path) -> None:
    """``percapita serve`` prints one line with the real ports, and one JSON object if asked."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    command = [sys.executable, "-m", "percapita", "serve", "--project", str(tmp_path)]
    free = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"]
    said = []
    for more in ([], ["--format", "json", "--no-web"]):
        with subprocess.Popen(  # noqa: S603
            [*command, *free, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            said.append(process.stdout.readline())
            process.terminate()
    found = json.loads(said[1])

    assert said[0].startswith(f"Serving {tmp_path.name}: http://127.0.0.1:")
    assert ", OTLP http://127.0.0.1:" in said[0]
    assert found["port"] is None
    assert min(found["otlp_http_port"], found["otlp_grpc_port"], found["process"]) > 0


def test_a_folder_without_a_project_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Serving needs a project."""
    assert main.run(["serve", "--project", str(tmp_path)]) == 2
    assert "is no project" in capsys.readouterr().err


@pytest.mark.slow
def test_the_spool_keeps_what_a_killed_server_acknowledged(tmp_path: Path) -> None:
    """While nothing is counted, kills at random moments lose nothing from the spool."""
    chance = random.Random(9)  # noqa: S311
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    (tmp_path / "stop").touch()
    acknowledged: list[str] = []
    for _ in range(8):
        server = Server(tmp_path).start()
        senders = [threading.Thread(target=_send, args=(server, acknowledged)) for _ in range(4)]
        for sender in senders:
            sender.start()
        time.sleep(chance.uniform(0.05, 0.5))
        server.kill()
        for sender in senders:
            sender.join()
    with serving(tmp_path) as server:
        (tmp_path / "stop").unlink()
        until(lambda: server.state()["spool"]["waiting"] == 0 and server.counted() != [])
        counted = server.counted()
    spool = Spool(tmp_path / ".percapita", open_key(tmp_path / "percapita.key"))

    assert len(acknowledged) > 200
    assert set(acknowledged) - set(counted) == set()
    assert len(counted) == len(set(counted))
    assert spool.head > 0


def _send(server: Server, acknowledged: list[str]) -> None:
    """Send until the server is gone; note what it acknowledged."""
    while True:
        body, ids = spans(20)
        try:
            answer = server.send(packed(body), content_encoding="gzip")
        except (OSError, EOFError):
            return
        if answer.status == 200:
            acknowledged.extend(ids)


def test_packages_that_are_not_installed_are_named(tmp_path: Path) -> None:
    """Without a package of the server's the command says which, and what to install."""
    (tmp_path / "percapita.yaml").write_text("version: 1\n")
    for package in ("uvicorn", "starlette"):
        code = f"import sys; sys.modules[{package!r}] = None; from percapita.cli import main; "
        ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"]
        arguments = ["serve", "--project", str(tmp_path), *ports]
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-c", code + f"sys.exit(main.run({arguments!r}))"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

        assert done.returncode == 2, done.stderr
        assert f"percapita serve needs {package}" in done.stderr
        assert "percapita[serve]" in done.stderr
