"""Care of a store: remove what nothing names any more, and check that catalog and files agree."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import Problem
from percapita.core.tables import INPUTS, OUTPUTS, TABLES
from percapita.store.catalog.catalog import integrity
from percapita.store.catalog.tables import FILES, IMPORTS, PUBLISHED, RUNS, STEPS
from percapita.store.crash import point
from percapita.store.engine import literal
from percapita.store.files import delta, views
from percapita.store.journal import audit, owe
from percapita.store.live import files as live_files
from percapita.store.runs import closing
from percapita.store.site import Site, remove

RETENTION = timedelta(days=7)
"""Removed files stay this long for readers that have them open; so do the files of dead writers."""

_BATCH = 10_000


@dataclass(frozen=True, slots=True)
class Collected:
    """What one collection did."""

    marked: int
    """Files that are no longer part of any table; they go after the retention."""
    deleted: int
    """Files deleted, of earlier collections and of writers that died."""
    bytes: int
    """What the deletion freed."""


def collect(site: Site, now: datetime, keep: Collection[str]) -> Collected:
    """Mark what no live import, published or kept run names; delete what was marked long ago."""
    delta.settle(site)
    with site.catalog.write() as connection:
        runs = _kept_runs(connection, now, keep)
        needed = _needed(connection, runs)
        marked = _mark(connection, now, needed)
        if marked:
            _settle_states(connection, runs)
            audit(connection, site, now, "gc", "", files=marked, kept=sorted(runs))
    point("gc.marked")
    delta.settle(site)
    point("gc.removed")
    gone = [*_expired(site, now), *_strays(site, now)]
    size = sum(path.stat().st_size for path in gone if path.exists())
    for path in gone:
        remove(site.tables, path)
    _forget(site, now)
    _clear_temporary(site)
    return Collected(marked, len(gone), size)


def _kept_runs(connection: Connection, now: datetime, keep: Collection[str]) -> set[str]:
    published = connection.execute(sa.select(PUBLISHED.c.run_id).distinct()).scalars()
    going_on = sa.select(RUNS.c.id).where(RUNS.c.state == "open", RUNS.c.begun_at > now - RETENTION)
    return {*published, *keep, *closing.kept(connection), *connection.execute(going_on).scalars()}


def _needed(connection: Connection, runs: set[str]) -> set[str]:
    """Return the paths that are live, or that a kept run wrote or read."""
    known = set(connection.execute(sa.select(RUNS.c.id)).scalars())
    versions = [None, *(views.version_of(connection, run) for run in sorted(runs & known))]
    portions = [
        portion
        for table in INPUTS
        for version in versions
        for portion in views.inputs(connection, table, version=version)
    ]
    for table in OUTPUTS:
        portions += views.outputs(connection, table, [(run, None) for run in sorted(runs)])
    return {path for portion in portions for path in portion.paths}


def _mark(connection: Connection, now: datetime, needed: set[str]) -> int:
    held = sa.select(FILES.c.path, FILES.c.owner).where(FILES.c.removed_at.is_(None))
    loose = [row for row in connection.execute(held) if row.path not in needed]
    for start in range(0, len(loose), _BATCH):
        paths = [row.path for row in loose[start : start + _BATCH]]
        connection.execute(sa.update(FILES).where(FILES.c.path.in_(paths)).values(removed_at=now))
    for owner in sorted({row.owner for row in loose}):
        owe(connection, "remove", owner)
    return len(loose)


def _settle_states(connection: Connection, runs: set[str]) -> None:
    left = sa.exists().where(FILES.c.removed_at.is_(None))
    past = sa.update(IMPORTS).where(
        IMPORTS.c.state == "past", ~left.where(FILES.c.owner == IMPORTS.c.id)
    )
    connection.execute(past.values(state="collected"))
    ended = sa.update(RUNS).where(
        RUNS.c.state == "committed",
        RUNS.c.id.not_in(sorted(runs)),
        ~left.where(FILES.c.owner == RUNS.c.id),
    )
    connection.execute(ended.values(state="collected"))


def _expired(site: Site, now: datetime) -> list[Path]:
    with site.catalog.read() as connection:
        old = sa.select(FILES.c.path).where(FILES.c.removed_at <= now - RETENTION)
        return [site.tables / path for path in connection.execute(old).scalars()]


def _forget(site: Site, now: datetime) -> None:
    with site.catalog.write() as connection:
        connection.execute(sa.delete(FILES).where(FILES.c.removed_at <= now - RETENTION))


def _strays(site: Site, now: datetime) -> list[Path]:
    """Return the files of writers that died or failed."""
    with site.catalog.read() as connection:
        named = set(connection.execute(sa.select(FILES.c.path)).scalars())
        writing = {
            name
            for owners in (IMPORTS, RUNS)
            for name in connection.execute(
                sa.select(owners.c.id).where(
                    owners.c.state == "open", owners.c.begun_at > now - RETENTION
                )
            ).scalars()
        }
    return [
        path
        for path, owner in _stored(site)
        if path.relative_to(site.tables).as_posix() not in named
        and owner not in writing
        # What is received is counted all the time; who counts removes its own.
        and not owner.startswith(live_files.LEAD)
    ]


def _stored(site: Site) -> Iterator[tuple[Path, str]]:
    """Yield every Parquet file of the tables and the import or run it belongs to."""
    for table in TABLES.values():
        last = table.partition[-1]
        between = "*/" * (len(table.partition) - 1)
        for path in sorted((site.tables / table.name).glob(f"{between}{last}=*/*.parquet")):
            yield path, path.parent.name.partition("=")[2]


def _clear_temporary(site: Site) -> None:
    """Remove the temporary folders of processes that died."""
    for folder in (site.root / "temp").glob("*-*"):
        process = folder.name.partition("-")[0]
        if process.isdigit() and not _alive(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def doctor(site: Site) -> list[Problem]:
    """Return what does not agree; nothing is changed."""
    damage = integrity(site.catalog)
    found = [] if damage == "ok" else [Problem("catalog-damaged", "catalog", damage)]
    with site.catalog.read() as connection:
        owed = set(connection.execute(sa.select(STEPS.c.owner)).scalars())
        held = connection.execute(sa.select(FILES).order_by(FILES.c.path)).all()
        unlogged = owed | live_files.unlogged(connection)
    live = {row.path: row for row in held if row.removed_at is None}
    found += [
        Problem(
            "steps-owed", f"Delta log, {owner}",
            "A process ended before the log was written, or much is being received.",
            "The next import, run or gc writes it, or counting once it has time.",
        )
        for owner in sorted(owed)
    ]  # fmt: skip
    found += _wrong_files(site, [(row.path, row.rows, row.bytes) for row in live.values()])
    found += _wrong_logs(
        site, {path for path, row in live.items() if row.owner not in unlogged}, owed
    )
    named = {row.path for row in held}
    strays = [
        path.relative_to(site.tables).as_posix()
        for path, owner in _stored(site)
        if not owner.startswith(live_files.LEAD)
    ]
    found += [
        Problem("stray-file", path, "Nothing names this file.", "percapita gc removes it in time.")
        for path in strays
        if path not in named
    ]
    return found


def _wrong_files(site: Site, live: list[tuple[str, int, int]]) -> list[Problem]:
    restore = "Restore it from a backup, or import its source again with --again and run again."
    found: list[Problem] = []
    whole: dict[str, tuple[str, int]] = {}
    for path, rows, size in live:
        file = site.tables / path
        if not file.exists():
            found.append(Problem("file-missing", path, "The file is not there.", restore))
        elif file.stat().st_size != size:
            message = f"The file has {file.stat().st_size} bytes, not {size}."
            found.append(Problem("file-changed", path, message, restore))
        else:
            whole[str(file)] = (path, rows)
    if not whole:
        return found
    listed = ", ".join(literal(path) for path in whole)
    counted = site.engine.rows(f"SELECT file_name, num_rows FROM parquet_file_metadata([{listed}])")
    for name, rows in counted:
        path, expected = whole[name]
        if rows != expected:
            message = f"The file has {rows} rows, not {expected}."
            found.append(Problem("file-changed", path, message, restore))
    return found


def _wrong_logs(site: Site, live: set[str], owed: set[str]) -> list[Problem]:
    logged = {
        path
        for table in TABLES.values()
        for folder, paths in delta.files(site, table).items()
        for path in paths
        if folder.rpartition("=")[2] not in owed
    }
    return [
        Problem("log-differs", path, f"The Delta log {says}.", "Report this; figures are not hurt.")
        for paths, says in (
            (live - logged, "does not name this file"),
            (logged - live, "names a file that is not live"),
        )
        for path in sorted(paths)
    ]
