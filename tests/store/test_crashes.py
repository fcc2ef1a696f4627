"""Killed anywhere, the store shows all or nothing, and repeating the command mends it."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

import killable
from percapita.store import Store
from percapita.store.crash import KILLED, POINTS
from store.crash_script import main, show
from store.store_rows import KEY, NOW


def call(root: Path, crash_at: str = "") -> int | None:
    """Import, run and publish in a process of its own; return its exit code."""
    return killable.ended(killable.start(main, root, crash_at=crash_at))


def shown(root: Path) -> dict[str, Any]:
    """Return what a reader sees now."""
    with Store.open(root, KEY, now=NOW) as store:
        return show(store)


def whole(state: dict[str, Any], after: dict[str, Any]) -> bool:
    """Tell whether each import, and the published run, is there wholly or not at all."""
    imports = all(state[name] in ([], after[name]) for name in ("lines", "segments", "kinds"))
    run = [state[name] for name in after if name not in {"lines", "segments", "kinds"}]
    full = [after[name] for name in after if name not in {"lines", "segments", "kinds"}]
    return imports and run in (full, [type(value)() for value in full])


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the state after the command ran in peace."""
    root = tmp_path_factory.mktemp("peace") / "store"
    assert call(root) == 0
    return shown(root)


@pytest.mark.slow
@pytest.mark.parametrize("name", POINTS)
def test_every_crash_point(name: str, tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    """Killed at this point: nothing is half there, and the same command gives the same state."""
    root = tmp_path / "store"
    assert call(root, name) == KILLED

    assert whole(shown(root), undisturbed)
    assert call(root) == 0
    assert shown(root) == undisturbed
    with Store.open(root, KEY, now=NOW) as store:
        assert {problem.code for problem in store.doctor()} <= {"stray-file"}


@pytest.mark.slow
def test_random_kills(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    """Killed at any moment, again and again, the store never shows a half."""
    root, luck = tmp_path / "store", random.Random(11)  # noqa: S311
    for _ in range(6):
        process = killable.start(main, root)
        time.sleep(luck.random())
        process.kill()
        killable.ended(process)

        assert whole(shown(root), undisturbed)
    assert call(root) == 0
    assert shown(root) == undisturbed
