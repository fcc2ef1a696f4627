"""What a browser does with a page: how much it loads, and how soon a choice is painted."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Page, sync_playwright

_QUIET: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
_WATCH: Final = """() => {
    addEventListener("change", () => { window.chosen = performance.now(); }, true);
    document.addEventListener("swapped", () => requestAnimationFrame(() => requestAnimationFrame(
        () => { window.took = performance.now() - window.chosen; })));
}"""
"""Takes the time from a choice to the frame after the one that first shows its answer."""
_SHOWN: Final = """title => window.took !== null && document.querySelector("main table") !== null
    && document.querySelector("h1")?.textContent === title"""


@contextmanager
def _page() -> Iterator[Page]:
    program = shutil.which("chromium")
    if program is None:
        sys.exit("chromium is missing: make services installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_QUIET))
        yield browser.new_page()
        browser.close()


def weight(url: str) -> int:
    """Return the bytes that come over the wire for a page and all it needs, the first time."""
    sizes: list[int] = []
    with _page() as page:
        page.on("requestfinished", lambda r: sizes.append(r.sizes()["responseBodySize"]))
        page.goto(url, wait_until="networkidle")
    return sum(sizes)


def repaints(
    url: str, count: int, cuts: Sequence[str] = ("pool", "plan", "month", "scope")
) -> list[float]:
    """Return the seconds from choosing another cut to its picture, again and again."""
    found = []
    with _page() as page:
        page.goto(url)
        page.evaluate(_WATCH)
        for at in range(count + len(cuts)):
            wanted = cuts[at % len(cuts)]
            page.evaluate("window.took = null")
            page.select_option("select[name=by] >> nth=0", wanted)
            page.wait_for_function(_SHOWN, arg=f"Cost by {wanted}")
            if at >= len(cuts):  # what was never asked before is measured elsewhere
                found.append(page.evaluate("window.took") / 1000)
    return found
