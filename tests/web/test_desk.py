"""The desk: what it answers again by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from percapita.web.desk import Bench, Desk


def told(number: list[str], name: str, often: int, done: threading.Event) -> Callable[[Bench], str]:
    """Return what answers a question, notes it, and says when it did so often."""

    def make(_: Bench) -> str:
        number.append(name)
        if number.count(name) == often:
            done.set()
        return f"{name} {number.count(name)}"

    return make


def test_what_was_asked_is_answered_again_when_figures_change(project: Path) -> None:
    """One question after a change, and the others of before are worked out unasked."""
    made: list[str] = []
    again = threading.Event()
    first, other = told(made, "first", 2, again), told(made, "other", 1, threading.Event())
    desk = Desk(project)
    try:
        assert asyncio.run(desk.answer("first", first)) == "first 1"
        assert asyncio.run(desk.answer("first", first)) == "first 1"
        with (project / "percapita.yaml").open("a", encoding="utf-8") as settings:
            settings.write("# Changed.\n")
        assert asyncio.run(desk.answer("other", other)) == "other 1"
        assert again.wait(60)
        assert asyncio.run(desk.answer("first", first)) == "first 2"
    finally:
        desk.close()

    assert sorted(made) == ["first", "first", "other"]
