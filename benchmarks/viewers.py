"""Viewers: each asks for a page, reads it, and asks for the next one when its pause is over."""

from __future__ import annotations

import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Sequence

Times = dict[str, list[float]]
"""Page to the seconds it took, each time it was asked for."""


def look(url: str, pages: Sequence[Sequence[str]], pause: float) -> Times:
    """Let as many viewers as there are lists look at their pages, all at once.

    Raises:
        HTTPError: a page was refused.
    """
    found: Times = defaultdict(list)
    failed: list[Exception] = []
    threads = [
        threading.Thread(target=_viewer, args=(url, own, pause, pause * at / len(pages), found,
                                               failed))
        for at, own in enumerate(pages)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return found


def _viewer(
    url: str, pages: Sequence[str], pause: float, first: float, found: Times,
    failed: list[Exception],
) -> None:  # fmt: skip
    time.sleep(first)
    for page in pages:
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(url + page, timeout=120) as reply:  # noqa: S310 loopback
                reply.read()
        except OSError as error:
            failed.append(error)
            return
        spent = time.perf_counter() - began
        found[page].append(spent)
        time.sleep(max(pause - spent, 0))
