"""The memory of a process that counts: what libraries would keep beyond what is counted."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from types import ModuleType


def alone() -> None:
    """Keep Arrow to this thread, and to the allocator that all else uses.

    Threads would keep memory of their own, and so does Arrow's allocator: 25 MiB of a turn's.
    """
    import pyarrow as pa  # noqa: PLC0415

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """Give back what Arrow and the allocator keep of memory that was needed once."""
    import pyarrow as pa  # noqa: PLC0415

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def spare() -> None:
    """Keep libraries from memory that counting has no use for. To be called before any is loaded.

    Arrow loads pandas where it is installed, for 45 MiB, if only to ask whether something is of it.
    What it makes for itself comes from its own allocator whatever is set later: 40 MiB that stay.
    """
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    sys.meta_path.insert(0, _Without())


class _Without(MetaPathFinder):
    """Finds no pandas, wherever it is."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 the caller's form
        target: ModuleType | None = None,  # noqa: ARG002 likewise
    ) -> None:
        """Say that there is none; of all else others know."""
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)
