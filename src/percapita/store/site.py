"""What every part of a store works with: the folder, the catalog, the engine, who and when."""

from __future__ import annotations

import getpass
import os
import re
import shutil
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from percapita.core.errors import InputError, PercapitaError
from percapita.core.privacy import Key
from percapita.core.tables import Table

if TYPE_CHECKING:
    # Both are slow to import, and not every command needs both.
    from percapita.store.catalog.catalog import Catalog
    from percapita.store.engine import Engine

_PARTITIONS = {"period", "import", "run"}
_PERIOD = re.compile(r"\d{4}-\d{2}")
_PART = re.compile(r"[0-9A-Za-z_-]{1,64}")


class NoStoreError(PercapitaError):
    """A command wants to read a store that is not there."""

    def __init__(self, root: Path) -> None:
        super().__init__(
            f"There is no store in {root}.", hint="Take something in first: percapita import FILE."
        )


class NoClockError(PercapitaError):
    """Something is to be written and nobody said when."""

    def __init__(self) -> None:
        super().__init__("The store was opened without a time; writing needs now=.")


class Site:
    """The folder of a store, with its catalog and engine opened when they are first used."""

    def __init__(
        self,
        root: Path,
        key: Key,
        *,
        who: str,
        now: datetime | None,
        catalog: str = "",
        threads: int | None = None,
        memory: str = "",
    ) -> None:
        # DuckDB reads every KEY=VALUE folder of a path as a partition column, the first one wins.
        if any(part.partition("=")[0] in _PARTITIONS and "=" in part for part in root.parts):
            raise InputError(
                f"A store cannot lie below a folder named like a partition: {root}.",
                hint="Rename the folder, or choose another with --store DIR.",
            )
        self.root = root
        self.tables = root / "tables"
        self.key = key
        self.who = who
        self.now = now
        self.marks: dict[int, str] = {}
        """Kinds that the import going on gives to subjects; they count when it commits."""
        self._url = catalog
        self._threads = threads
        self._memory = memory
        self._temp = root / "temp" / f"{os.getpid()}-{os.urandom(4).hex()}"

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog, made if it is not there."""
        from percapita.store.catalog.catalog import Catalog  # noqa: PLC0415

        return Catalog.of(self.root, self._url)

    @cached_property
    def engine(self) -> Engine:
        """The engine. What does not fit its memory goes to a folder of this process alone."""
        from percapita.store.engine import Engine  # noqa: PLC0415

        return Engine(threads=self._threads, memory=self._memory, temp=self._temp)

    def clock(self, now: datetime | None) -> datetime:
        """Return the time a write carries.

        Raises:
            NoClockError: it was given neither here nor when the store was opened.
        """
        moment = now or self.now
        if moment is None:
            raise NoClockError
        return moment

    def close(self) -> None:
        """Close what was opened."""
        if "engine" in self.__dict__:
            self.engine.close()
            shutil.rmtree(self._temp, ignore_errors=True)
        if "catalog" in self.__dict__:
            self.catalog.close()


def remove(tables: Path, path: Path) -> None:
    """Delete a file, if it is there, and the folders it leaves empty, up to the table's own."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder.parent == tables or not folder.is_relative_to(tables):
            break
        try:
            folder.rmdir()
        except OSError:
            # Not empty, or another process was faster.
            break


def partition(table: Table, period: str | None, owner: str) -> str:
    """Return the folder of a table's partition, relative to the folder ``tables``.

    Raises:
        ValueError: the period is not a month, or given for a table that has none, or missing.
    """
    if ("period" in table.partition) != (period is not None):
        raise ValueError(f"{table.name} is partitioned by {table.partition}, period is {period!r}")
    if period is not None and not _PERIOD.fullmatch(period):
        raise ValueError(f"{period!r} is not a month such as 2025-10")
    months = [] if period is None else [f"period={period}"]
    return "/".join([table.name, *months, f"{table.partition[-1]}={owner}"])


def part_name(part: str) -> str:
    """Return a part's file name.

    Raises:
        ValueError: the part has characters that a path would have to escape.
    """
    if not _PART.fullmatch(part):
        raise ValueError(f"{part!r} cannot name a part of a table")
    return f"{part}.parquet"


def user() -> str:
    """Return who the operating system says is at work."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
