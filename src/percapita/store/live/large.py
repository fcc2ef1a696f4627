"""Large files of readings, merged on the disk, in steps that take a part of a second each.

A turn of counting under load writes as many readings as fit into memory, nearly all different:
merging the files of a few turns brings nothing, merging those of many does not fit. So their rows
are split by subject into buckets, on the disk, and each bucket is merged by itself. Counting goes
on between two steps. Until the last one nobody sees anything of it, and a killed process leaves
nothing but a folder that the next one removes.
"""

from __future__ import annotations

import os
import shutil
import time
import zlib
from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from percapita.core.tables import READINGS
from percapita.store.crash import point
from percapita.store.journal import Staging
from percapita.store.live import memory, merging
from percapita.store.live.files import LEAD, LOGGED, Part, is_live, parts
from percapita.store.site import Site

if TYPE_CHECKING:
    import pyarrow as pa

Ints: TypeAlias = npt.NDArray[np.int64]

_MOST: Final = 8_000_000
"""Rows that are merged together; they are on the disk once more while they are."""
_BUCKET: Final = 100_000
"""Rows of a bucket, about: it is merged in memory."""
_WAITING: Final = 128
"""Files that wait to be merged while counting is busy. The more there are, the more agrees."""
_AGAIN: Final = 8
"""Files that came of this and are merged with each other."""
_SPLIT: Final = 250_000
"""Rows that are split at once: what a bucket gets of them is written for the price of a few."""
_FEW: Final = 256
"""Texts that may stand beside the codes of a part of a column, though the part has none of them."""
_ODD: Final = np.uint64(0x9E3779B97F4A7C15)


def wanted(site: Site, *, idle: bool) -> list[Part]:
    """Return the parts that are to be merged now, of one month; none where none are."""
    months: dict[str, list[Part]] = defaultdict(list)
    for part in parts(site):
        if part.table == READINGS.name and part.rows > merging.SMALL:
            months[part.period].append(part)
    for of_month in months.values():
        fresh = [part for part in of_month if part.level < LOGGED]
        if len(fresh) >= (1 if idle else _WAITING):
            return _at_once(fresh)
        done = [part for part in of_month if part.level >= LOGGED]
        again = _at_once(sorted(done, key=lambda part: part.rows))
        if len(again) >= _AGAIN:
            return again
    return []


def _at_once(found: Sequence[Part]) -> list[Part]:
    """Return the first parts, as many as may be merged together."""
    if not found:
        return []
    rows = np.cumsum([part.rows for part in found])
    return list(found[: max(int(np.searchsorted(rows, _MOST, "right")), 1)])


def steps(site: Site, found: Sequence[Part], now: datetime) -> Generator[None]:
    """Merge parts, a step at a time; closed before the end, nothing has changed."""
    folder = _folder(site)
    clear(site)
    folder.mkdir(parents=True)
    try:
        with closing(_steps(site, folder, found, now)) as going:
            for step in going:
                memory.give_back()
                yield step
    finally:
        clear(site)


def clear(site: Site) -> None:
    """Remove what a merge that did not end left behind."""
    shutil.rmtree(_folder(site), ignore_errors=True)


def _folder(site: Site) -> Path:
    return site.root / "temp" / "merging"


def _steps(site: Site, folder: Path, found: Sequence[Part], now: datetime) -> Generator[None]:
    from percapita.store.files import arrow_files, arrow_merge  # noqa: PLC0415

    began = time.monotonic()
    before, after = arrow_merge.Totals(), arrow_merge.Totals()
    with ExitStack() as stack:
        buckets = _Buckets(folder, sum(part.rows for part in found) // _BUCKET + 1, stack)
        for path in [site.tables / path for part in found for path in part.paths]:
            for rows in arrow_merge.pieces(path):
                before.add(rows)
                buckets.add(rows)
                yield
        buckets.flush()
    point("live.large-split")
    draft = folder / "merged.parquet"
    with arrow_files.Growing(READINGS, draft) as file:
        for bucket in buckets.paths:
            for rows in _merged(site, bucket):
                file.add(rows)
            bucket.unlink()
            yield
    for rows in arrow_merge.pieces(draft, before.COLUMNS):
        after.add(rows)
        yield
    period = found[0].period
    if before != after:
        raise merging.MergeError(READINGS.name, period)
    if not is_live(site, found):
        return
    staging = Staging(site, owner := LEAD + os.urandom(8).hex())
    staging.adopt(READINGS, draft, file.rows, period=period, part="0")
    level = max(LOGGED, *(part.level for part in found))
    ended = now + timedelta(seconds=time.monotonic() - began)
    merging.commit(site, staging, owner, found, level, ended)


def _merged(site: Site, bucket: Path) -> Iterator[pa.Table]:
    import pyarrow as pa  # noqa: PLC0415

    from percapita.store.files import arrow_files, arrow_merge  # noqa: PLC0415

    with pa.OSFile(str(bucket), "rb") as file, pa.ipc.open_stream(file) as stream:
        rows = stream.read_all()
    found = arrow_merge.together(rows)
    if found is not None:
        yield found
        return
    apart, done = bucket.with_suffix(".parquet"), bucket.with_suffix(".merged")
    arrow_files.write(READINGS, rows.select(READINGS.names), apart)
    engine = merging.engine(site)
    engine.copy(READINGS, merging.relation(READINGS, [apart]), done, row_group=65_536)
    yield from arrow_merge.pieces(done)
    apart.unlink()
    done.unlink()


class _Buckets:
    """Rows by subject, in files that need not outlive this process.

    They are streams of Arrow's: a file of Parquet keeps what it knows of each of its parts in
    memory until it is closed, and these have thousands.
    """

    def __init__(self, folder: Path, count: int, stack: ExitStack) -> None:
        self._folder = folder
        self._count = count
        self._stack = stack
        self._files: dict[int, Any] = {}
        self._waiting: list[pa.Table] = []

    @property
    def paths(self) -> list[Path]:
        """The files that have rows."""
        return [self._path(at) for at in sorted(self._files)]

    def add(self, rows: pa.Table) -> None:
        """Put each row into its bucket: rows that agree in all keys into the same."""
        self._waiting.append(rows)
        if sum(len(some) for some in self._waiting) >= _SPLIT:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        import pyarrow as pa  # noqa: PLC0415

        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
        self._waiting.clear()
        which = self._of(rows)
        order = np.argsort(which.astype(np.uint16), kind="stable")
        ends = np.cumsum(np.bincount(which, minlength=self._count)).tolist()
        rows = rows.take(order)
        for at, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if end > start:
                self._write(at, rows.slice(start, end - start))

    def _of(self, rows: pa.Table) -> Ints:
        """Return the bucket of each row. Rows of nobody are told apart by their operation."""
        operation: Any = rows["operation"].combine_chunks()
        texts = [*map(_hashed, operation.dictionary.to_pylist()), 0]
        codes = operation.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        subject = np.asarray(rows["subject"].to_numpy()).view(np.uint64)
        mixed = (subject ^ np.array(texts, np.uint64)[codes]) * _ODD >> np.uint64(32)
        found: Ints = (mixed % np.uint64(self._count)).view(np.int64)
        return found

    def _write(self, at: int, rows: pa.Table) -> None:
        import pyarrow as pa  # noqa: PLC0415

        for place, column in enumerate(rows.columns):
            chunk: Any = column.combine_chunks()
            if column.type.__class__.__name__ == "DictionaryType" and len(chunk.dictionary) > _FEW:
                own = chunk.dictionary_decode().dictionary_encode()
                rows = rows.set_column(place, rows.field(place), own)
        if at not in self._files:
            packed = pa.ipc.IpcWriteOptions(compression="lz4")
            writer = pa.ipc.new_stream(str(self._path(at)), rows.schema, options=packed)
            self._files[at] = self._stack.enter_context(writer)
        self._files[at].write_table(rows)

    def _path(self, at: int) -> Path:
        return self._folder / f"{at}.arrows"


def _hashed(text: str | None) -> int:
    return 0 if text is None else zlib.crc32(text.encode())
