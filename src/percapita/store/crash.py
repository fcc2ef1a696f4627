"""Named points at which a process can be made to die, so that tests can prove nothing breaks.

``PERCAPITA_CRASH_AT=name`` ends the process at that point as ``kill -9`` would: no clean-up runs.
"""

from __future__ import annotations

import os

from percapita.core.tables import OUTPUTS

ENVIRONMENT = "PERCAPITA_CRASH_AT"
KILLED = 137

POINTS: tuple[str, ...] = (
    "subjects.staged",
    "subjects.committed",
    "import.begun",
    "import.file-written",
    "import.files-written",
    "import.catalog-staged",
    "import.catalog-committed",
    "import.done",
    "run.begun",
    *(f"run.{table.name}-written" for table in OUTPUTS),
    "run.proven",
    "run.catalog-staged",
    "run.catalog-committed",
    "run.done",
    "delta.created",
    "delta.committed",
    "delta.settled",
    "publish.staged",
    "publish.committed",
    "gc.marked",
    "gc.removed",
)
"""Every name, in the order a first import, run and publish pass them."""

CLOSING_POINTS: tuple[str, ...] = (
    "close.staged",
    "close.committed",
    "close.adjustments-staged",
    "close.adjustments-committed",
)
"""The names that closing a month passes, and a run that restates closed months alone."""

KEY_POINTS: tuple[str, ...] = (
    "key.file-written",
    "key.staged",
    "key.committed",
    "subjects.renewed",
    "key.retire-staged",
    "key.retire-committed",
)
"""The names that a rotation of the key passes, to the former key's retirement."""

LIVE_POINTS: tuple[str, ...] = (
    "live.file-written",
    "live.files-written",
    "live.catalog-staged",
    "live.catalog-committed",
    "live.done",
    "live.merge-written",
    "live.merge-staged",
    "live.merge-committed",
)
"""The names that counting what is received passes, and merging what was counted."""

LARGE_POINTS: tuple[str, ...] = ("live.large-split", *LIVE_POINTS[-3:])
"""The names that merging large files passes."""


def point(name: str) -> None:
    """Die here if the environment says so."""
    if os.environ.get(ENVIRONMENT) == name:
        os._exit(KILLED)
