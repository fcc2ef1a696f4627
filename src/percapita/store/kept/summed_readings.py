"""Readings summed over their subjects, for questions that ask what was used and not by whom.

A file of readings never changes, so a large one is summed once, and the sums are kept beside the
answers: a question then reads some thousand rows instead of every reading. Small files, as
telemetry writes them, are read as they are. Sums go when the file that they sum is gone, as soon as
another one is summed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from percapita.core.subjects import NOBODYS, USER
from percapita.core.tables import READINGS
from percapita.store.engine import Engine, literal, parquet, quote
from percapita.store.files import views
from percapita.store.kept.on_disk import OnDisk

if TYPE_CHECKING:
    from percapita.store.store import Store

_LARGE: Final = 1 << 18
"""Bytes from which a file is summed once for all."""
_LEAD: Final = "summed-"
_SLASH: Final = "+"
"""Stands in a name for what divides a path; no path of a table has one."""
_SUMMED: Final = ("signals", "quantity", "trace_squares")
_LEFT_OUT: Final = frozenset({"subject", "resource", "cluster", "namespace", "region", *_SUMMED})
_KEYS: Final = [name for name in READINGS.names if name not in _LEFT_OUT]


def bind(store: Store, *, periods: Collection[str] | None = None) -> str:
    """Make the view ``readings`` with one row for all subjects of a kind.

    Its ``subject`` says no more than whether there is one: above 0 is somebody, 0 nobody, below 0
    one that stands for many; as a number it is nobody's, so joins find nobody. Columns that tell
    single machines apart are left out. All else sums up to what the readings sum up to.

    Args:
        store: whose readings.
        periods: only these months.
    """
    files = _files(store, periods)
    sums = _sums(store, [path for path in files if _is_large(path)])
    as_they_are = [path for path in files if path not in sums]
    told = [f"SELECT * FROM {parquet([*sums.values()])}"] if sums else []
    told += [_over(as_they_are)] if as_they_are else []
    every = store.bind(READINGS, "every_reading", periods=())
    store.engine.view(READINGS.name, " UNION ALL BY NAME ".join([_none(every), *told]))
    return READINGS.name


def users(store: Store) -> int:
    """Return how many users the readings of the newest month name."""
    engine = store.engine
    newest = engine.value(f"SELECT max(period) FROM {bind(store)}")
    if newest is None:
        return 0
    files = sorted(_name(store, path) for path in _files(store, [newest]))

    def count() -> str:
        view = store.bind(READINGS, "every_reading", periods=[newest])
        return str(engine.value(
            f"SELECT count(DISTINCT subject) FROM {view}"
            f" WHERE subject > 0 AND level = {literal(USER)}"
        ))  # fmt: skip

    return int(OnDisk(store.root).text(f"users-{_hashed(files)}", count))


def _files(store: Store, periods: Collection[str] | None) -> list[Path]:
    with store.catalog.read() as connection:
        portions = views.inputs(connection, READINGS, periods=periods)
    return [_tables(store) / path for portion in portions for path in portion.paths]


def _tables(store: Store) -> Path:
    return store.root / "tables"


def _is_large(path: Path) -> bool:
    return path.is_file() and path.stat().st_size >= _LARGE


def _sums(store: Store, paths: Sequence[Path]) -> dict[Path, Path]:
    """Return the sums of files; a store that cannot be written to has none."""
    kept, found = OnDisk(store.root), {}
    names = {path: _name(store, path) for path in paths}
    anew = not all(map(kept.has, names.values()))
    for path, name in names.items():
        sums = kept.file(name, partial(_write, store.engine, path))
        if sums is not None:
            found[path] = sums
    if anew:
        kept.let_go(one for one in kept.names(_LEAD) if one != _name(store, _source(store, one)))
    return found


def _name(store: Store, path: Path) -> str:
    """Return what the sums of a file are kept as: where it is, and as it is now."""
    found = path.stat() if path.is_file() else None
    seen = _hashed([found.st_size, found.st_mtime_ns] if found else [])
    where = path.relative_to(_tables(store)).as_posix().replace("/", _SLASH)
    return f"{_LEAD}{seen}-{where}"


def _source(store: Store, name: str) -> Path:
    """Return the file that these sums are of."""
    where = name.removeprefix(_LEAD).partition("-")[2]
    return _tables(store) / where.replace(_SLASH, "/")


def _hashed(what: Sequence[object]) -> str:
    return hashlib.blake2b(repr(what).encode(), digest_size=16).hexdigest()


def _write(engine: Engine, path: Path, to: Path) -> None:
    engine.rows(f"COPY ({_over([path])}) TO {literal(str(to))} (FORMAT parquet, COMPRESSION zstd)")


def _over(paths: Sequence[Path]) -> str:
    """Return SQL of files' readings without their subjects."""
    listed = ", ".join(literal(str(path)) for path in paths)
    keys = ", ".join(quote(name) for name in (*_KEYS, *READINGS.partition))
    # A sum of 64 bits has 128, which no Parquet file holds but as a double.
    sums = ", ".join(f"CAST(sum({name}) AS DECIMAL(38,0)) AS {name}" for name in _SUMMED)
    return (
        f"SELECT {keys}, CAST(sign(subject) AS BIGINT) * {NOBODYS} AS subject,"
        " trace_squares IS NOT NULL AS traced,"
        f" {sums} FROM read_parquet([{listed}], hive_partitioning = true,"
        " hive_types_autocast = false) GROUP BY ALL"
    )


def _none(every: str) -> str:
    """Return SQL of the columns without a row."""
    names = ", ".join(map(quote, (*_KEYS, *READINGS.partition, "subject", *_SUMMED)))
    return f"SELECT {names}, NULL AS traced FROM {every} WHERE false"
