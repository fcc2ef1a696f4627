"""The desk: a project kept open for pages, and the answers that were worked out already.

Answers are worked out in a few threads, each with a store of its own, since an engine serves one
question at a time. What was answered is kept until figures change by the word of the catalog,
whatever process wrote it, or the project's files are edited; what was asked last is then worked out
again, one after the other, before anybody asks. Since days pass and telemetry comes in all the
time, the same is done with what is older than a minute, behind the back of whoever asks.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from percapita.project import Project
from percapita.project.opening import FILE
from percapita.store import Store
from percapita.store.journal import decided
from percapita.store.site import NoStoreError

_THREADS: Final = 2
_KEPT: Final = 512
"""Answers kept, the last asked for first."""
_FRESH: Final = 60.0
"""Seconds after which an answer is worked out again though nothing was decided."""
_STALE: Final = 900.0
"""Seconds after which an answer is given no more, and the next one waited for."""
_AGAIN: Final = 24
"""Questions that are answered anew when figures change, the last asked for first."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What a question is answered with: the project as it is now, and this thread's store."""

    project: Project
    store: Store


Make = Callable[[Bench], Any]


@dataclass(slots=True)
class _Kept:
    """An answer, or the work on it."""

    make: Make
    answer: Future[Any]
    since: float = field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        return time.monotonic() - self.since

    @property
    def failed(self) -> bool:
        return self.answer.done() and self.answer.exception() is not None


class Desk:
    """Answers questions about one project, from any thread and any number at once."""

    def __init__(self, folder: Path, store_dir: Path | None = None, *, memory: str = "") -> None:
        self._folder = folder
        self._store_dir = store_dir
        self._memory = memory
        self._own = threading.local()
        self._stores: list[Store] = []
        self._watch: Store | None = None
        """The store that is asked whether anything changed."""
        self._answers: OrderedDict[tuple[object, object], _Kept] = OrderedDict()
        self._stamped: object = None
        self._waiting: deque[tuple[tuple[object, object], Make]] = deque()
        """Questions that are answered anew, as soon as no other one is."""
        self._renewing = False
        self._closed = False
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="desk")

    def project(self) -> Project:
        """Open the project as its files are now.

        Raises:
            InputError: percapita.yaml cannot be worked with.
        """
        return Project.open(self._folder, self._store_dir)

    async def answer(self, question: object, make: Make) -> Any:  # noqa: ANN401
        """Return the answer to a question, worked out by ``make`` if nobody asked it before.

        Args:
            question: what tells answers apart; ``None`` is never kept.
            make: works the answer out; it runs in a thread of the desk.

        Raises:
            PercapitaError: what ``make`` raises.
        """
        if question is None:
            return await asyncio.wrap_future(self._pool.submit(self._work, make))
        stamp = await asyncio.to_thread(self._stamp)
        return await asyncio.wrap_future(self._future(stamp, question, make))

    def close(self) -> None:
        """Let questions under way end, then give everything back."""
        with self._lock:
            self._closed = True
        self._pool.shutdown()
        for store in self._stores:
            store.close()

    def _future(self, stamp: object, question: object, make: Make) -> Future[Any]:
        key = (stamp, question)
        with self._lock:
            kept = self._answers.get(key)
            if kept is None or kept.age > _STALE or kept.failed:
                kept = self._answers[key] = _Kept(make, self._pool.submit(self._work, make))
            elif kept.age > _FRESH and kept.answer.done():
                self._waiting.append((key, make))
            self._answers.move_to_end(key)
            self._follow(stamp)
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
            self._renew()
            return kept.answer

    def _follow(self, stamp: object) -> None:
        """Where figures changed, let what was asked before be answered again."""
        if stamp == self._stamped:
            return
        asked = [(q, kept.make) for (was, q), kept in reversed(self._answers.items())
                 if was == self._stamped]  # fmt: skip
        self._stamped = stamp
        self._waiting = deque(((stamp, q), make) for q, make in asked[:_AGAIN])

    def _renew(self) -> None:
        """Answer a waiting question. One at a time: who asks something new waits for no more."""
        while self._waiting and not self._renewing and not self._closed:
            key, make = self._waiting.popleft()
            kept = self._answers.get(key)
            if kept is not None and (kept.age <= _FRESH or not kept.answer.done()):
                continue
            self._renewing = True
            work = self._pool.submit(self._work, make)
            if kept is None:
                self._answers[key] = _Kept(make, work)
            work.add_done_callback(partial(self._renewed, key, make))

    def _renewed(self, key: tuple[object, object], make: Make, work: Future[Any]) -> None:
        with self._lock:
            self._renewing = False
            kept = self._answers.get(key)
            if kept is None or kept.answer is not work:
                self._answers[key] = _Kept(make, work)
            self._renew()

    def _work(self, make: Make) -> Any:  # noqa: ANN401
        project = self.project()
        store: Store | None = getattr(self._own, "store", None)
        if store is None:
            store = project.store(create=False, threads=1, memory=self._memory)
            self._own.store = store
            with self._lock:
                self._stores.append(store)
        return make(Bench(project, store))

    def _stamp(self) -> tuple[object, ...]:
        """Return what changes whenever answers may."""
        watched = [self._folder / FILE, *sorted(self._folder.glob("*.yaml"))]
        return (self._decided(), *map(_seen, watched))

    def _decided(self) -> int | None:
        """Ask the catalog for the last act that figures depend on; nothing while there is none."""
        with self._lock:
            if self._watch is None:
                try:
                    self._watch = self.project().store(create=False)
                except NoStoreError:
                    return None
                self._stores.append(self._watch)
            catalog = self._watch.catalog
        return decided(catalog)


def _seen(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
