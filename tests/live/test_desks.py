"""The desk of a store: one for all who ask it, and given back with it."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from pathlib import Path

from percapita.live.desks import desk_of
from percapita.live.standing import look
from percapita.project import Project


def test_a_store_has_one_desk_of_a_basis(october: Path) -> None:
    """Whoever asks a store gets the desk that is there; another basis has its own."""
    with Project.open(october).store(create=False) as store:
        assert desk_of(store) is desk_of(store)
        assert desk_of(store, "list") is desk_of(store, "list")
        assert desk_of(store, "list") is not desk_of(store)


def test_a_desk_is_given_back_with_its_store(october: Path) -> None:
    """Nothing holds a store that was asked what everything costs, once it is closed."""
    project = Project.open(october)
    store = project.store(create=False)
    look(desk_of(store), project.now, "tier")
    gone = weakref.ref(store)
    store.close()
    del store
    gc.collect()

    assert gone() is None


def test_a_server_that_nobody_visits_is_light() -> None:
    """The pages are there, and Ibis is not: it is loaded with the first desk."""
    code = "import sys, percapita.web.server; sys.exit(bool({'ibis', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=False)  # noqa: S603 fixed text

    assert done.returncode == 0
