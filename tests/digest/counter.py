"""A spool in memory with a clock of its own, and a store that counts from it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from digest.otlp import NOON
from percapita.core.privacy import Key
from percapita.core.tables import READINGS
from percapita.model.load import loads
from percapita.store import Store
from percapita.store.live.turns import LiveStore
from percapita.store.spool import Entry, Signal, Spool
from percapita.telemetry.digest import Digest, Marks, Models

KEY = Key(b"k" * 32)
MODEL = "currency: USD\npools:\n  - {pool: all, match: {ServiceName: x}, by: requests}\n"


class Entries:
    """Stands for a spool whose entries were received when a test says."""

    def __init__(self) -> None:
        self.all: list[Entry] = []
        self.now = NOON
        self.forgotten = 0

    @property
    def head(self) -> int:
        """Position of the last entry."""
        return len(self.all)

    def put(self, signal: Signal, body: bytes) -> None:
        """Receive a request now."""
        self.all.append(Entry(self.head + 1, signal, self.now, body))

    def read(self, after: int, limit: int) -> list[Entry]:
        """Return entries behind a position, one at least."""
        found: list[Entry] = []
        size = 0
        for entry in self.all[after:]:
            size += len(entry.body)
            if found and size > limit:
                break
            found.append(entry)
        return found

    def forget(self, upto: int) -> None:
        """Remember what was said to be needed no more."""
        self.forgotten = upto


class Counter:
    """Counts what it is sent, turn by turn."""

    def __init__(self, root: Path, model: str = MODEL, spool: Entries | None = None) -> None:
        self.root = root
        self.spool = spool or Entries()
        self.model_path = root.parent / "model.yaml"
        self.model_path.write_text(model, encoding="utf-8")
        self._open()

    def _open(self) -> None:
        self.store = Store.open(self.root, KEY, threads=1, now=self.spool.now, who="tester")
        self.live: LiveStore = self.store.live()
        self.models = Models(self.model_path, lambda path: loads(path.read_text(), str(path)))
        self.digest = Digest(self.live, cast("Spool", self.spool), self.models, Marks(KEY))

    def again(self) -> None:
        """Start anew, as after a kill: all that was in memory is gone."""
        self.close()
        self._open()

    def send(self, signal: Signal, *bodies: bytes, after: float = 0) -> Self:
        """Receive requests, some seconds later than the last, and count in one turn."""
        self.pass_time(after)
        for body in bodies:
            self.spool.put(signal, body)
        return self.turn()

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.spool.now += timedelta(seconds=seconds)

    def turn(self) -> Self:
        """Count all that is there."""
        while self.digest.turn(self.spool.now):
            pass
        return self

    def finish(self) -> Self:
        """Count also what waits."""
        self.digest.finish(self.spool.now)
        return self

    def rows(self, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        """Return readings, summed by these columns."""
        self.store.bind(READINGS)
        return self.store.engine.rows(
            f"SELECT {columns}, sum(signals)::BIGINT, sum(quantity)::BIGINT FROM readings"
            f" WHERE {where} GROUP BY ALL ORDER BY ALL"
        )

    def meters(self) -> dict[str, tuple[int, int]]:
        """Return meter to signals and quantity."""
        return {meter: (signals, quantity) for meter, signals, quantity in self.rows("meter")}

    def of(self, meter: str, kind: str, names: Iterable[str]) -> dict[str, int]:
        """Return what each of these subjects used of a meter; who used nothing is left out."""
        numbers = {self.store.door.find(kind, name): name for name in names}
        rows = self.rows("subject", f"meter = '{meter}' AND level = '{kind}'")
        return {numbers[subject]: quantity for subject, _, quantity in rows}

    def close(self) -> None:
        """Let the store go."""
        self.live.close()
        self.store.close()

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()
