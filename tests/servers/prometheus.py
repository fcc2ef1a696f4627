"""A throw-away Prometheus on a free loopback port, with samples that a test wrote."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from servers import missing
from servers.ports import free_ports

_SECONDS = 60


@contextmanager
def started(metrics: Sequence[str]) -> Iterator[str]:
    """Start a server that holds these lines of OpenMetrics; give its URL, and end it."""
    for program in ("prometheus", "promtool"):
        if not shutil.which(program):
            missing("Prometheus")
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="percapita-prometheus-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        text = folder / "metrics.txt"
        text.write_text("\n".join([*metrics, "# EOF", ""]))
        (folder / "data").mkdir()
        made = subprocess.run(  # noqa: S603
            ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text),  # noqa: S607
             str(folder / "data")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        (folder / "prometheus.yml").write_text("scrape_configs: []\n")
        (port,) = free_ports(1)
        log = stack.enter_context((folder / "log").open("wb"))
        process = subprocess.Popen(  # noqa: S603
            ["prometheus", f"--config.file={folder / 'prometheus.yml'}",  # noqa: S607
             f"--storage.tsdb.path={folder / 'data'}", "--storage.tsdb.retention.time=50y",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=log, stderr=log,
        )  # fmt: skip
        stack.callback(process.wait, _SECONDS)
        stack.callback(process.kill)
        url = f"http://127.0.0.1:{port}"
        _wait(url, process, folder / "log")
        yield url


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            with urlopen(f"{url}/-/ready", timeout=5):  # noqa: S310
                return
        except (URLError, OSError):
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.1)
