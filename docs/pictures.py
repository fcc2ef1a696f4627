"""Writes the documentation's pictures of pages, from a project that has figures.

    python docs/pictures.py demo/company

It serves the project on this machine and looks at it with Chromium, as the tests of pages do.
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES: Final = Path(__file__).parent / "images"
SIZE: Final = {"width": 1280, "height": 860}
PAGES: Final = {
    "overview": "/overview?period=2025-10",
    "explorer": "/cost?by=layer&by=tier&period=2025-10&facet=tier&facet=pool&facet=region",
    "statement": "/statements?for=tier%3DPro&period=2025-10",
}
"""Name of a picture -> the page it shows."""
_PORTS: Final = ("--port=0", "--otlp-http-port=0", "--otlp-grpc-port=0", "--format=json")
_QUIET: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
)


def main(project: str) -> None:
    """Serve the project and write every picture."""
    command = [sys.executable, "-m", "percapita", "serve", "--project", project, *_PORTS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 our own
        try:
            assert server.stdout is not None  # noqa: S101 it is a pipe
            _look(f"http://127.0.0.1:{json.loads(server.stdout.readline())['port']}")
        finally:
            server.terminate()


def _look(site: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(_QUIET)
        )
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type, unused-ignore]
        for name, path in PAGES.items():
            page.goto(site + path)
            seen = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            seen.save(IMAGES / f"page-{name}.webp", quality=82, method=6)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])
