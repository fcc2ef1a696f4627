"""Whose signals are: the users, sessions and tenants that they or their resources name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from percapita.core.subjects import SESSION, TENANT, USER
from percapita.model.spec import Identity
from percapita.store.live.numbers import PROVISIONAL, Numbers, resolve
from percapita.telemetry.digest.decode.keys import Values
from percapita.telemetry.digest.decode.signals import Batch
from percapita.telemetry.digest.decode.wire import Ints, Words
from percapita.telemetry.digest.marks import Marks
from percapita.telemetry.digest.meters.plan import BAGGAGE

TRACE: Final = "trace"
_PROVISIONAL: Final = np.uint64(PROVISIONAL << 1)


class Owners:
    """Reads a model's identity from signals."""

    def __init__(self, identity: Identity, numbers: Numbers, marks: Marks) -> None:
        self._identity = identity
        self._numbers = numbers
        self._marks = marks

    def named(self, batch: Batch) -> tuple[Ints, Ints, Ints]:
        """Return the user, session and tenant of each signal, 0 where it names none."""
        names = self._identity
        return (
            self._level(batch, USER, names.user),
            self._level(batch, SESSION, names.session),
            self._level(batch, TENANT, names.tenant),
        )

    def of_texts(self, texts: Sequence[Mapping[str, str]]) -> tuple[Ints, Ints, Ints]:
        """Return the user, session and tenant that attributes name, 0 where they name none."""
        found = []
        for kind, names in self._identity.attributes.items():
            spelled = [*names, *(BAGGAGE + name for name in names)]
            ids = [next((one[n] for n in spelled if one.get(n)), "") for one in texts]
            given = self._numbers.of(kind, ids) if any(ids) else np.zeros(len(ids), np.int64)
            found.append(given)
        user, session, tenant = found
        return user, session, tenant

    def joins(self, batch: Batch, trace: Words, session: Ints) -> tuple[Words, ...]:
        """Return the hashes that a signal may share with one that names its user."""
        found = []
        for name in self._identity.join:
            if name == TRACE:
                found.append(trace)
            elif name == SESSION:
                found.append(self.of_sessions(session))
            else:
                codes = batch.texts(name)
                unique, which = np.unique(codes, return_inverse=True)
                texts = (batch.lexicon.shown(code) for code in unique.tolist())
                hashes = [self._marks.of_text(name, text) if text else 0 for text in texts]
                found.append(np.array(hashes, np.uint64)[which])
        return tuple(found)

    @staticmethod
    def of_sessions(session: Ints) -> Words:
        """Return sessions as hashes: their numbers, apart from the odd hashes of all else."""
        return (session << 1).view(np.uint64)

    def _level(self, batch: Batch, kind: str, names: Sequence[str]) -> Ints:
        result = self._of_resources(batch, kind, names)
        # The first that is there wins, so it is written last; copies of baggage stand behind.
        spelled = [*names, *(BAGGAGE + name for name in names)][::-1]
        if self._identity.events:
            signal, values = batch.events()
            for event, number in self._found(batch, kind, values, spelled):
                # They come by their places in the events, not event by event.
                order = np.argsort(event)[::-1]
                result[signal[event[order]]] = number[order]
        for owner, number in self._found(batch, kind, batch.own, spelled):
            result[owner] = number
        return result

    def _found(
        self, batch: Batch, kind: str, values: Mapping[str, Values], names: Sequence[str]
    ) -> Iterator[tuple[Ints, Ints]]:
        """Yield who is named by each of the attributes, and the number of whom it names."""
        for name in names:
            if name not in values:
                continue
            for texts, owner in values[name].names(batch.buffer):
                number = self._numbers.at(kind, texts)
                named = number > 0
                yield owner[named], number[named]

    def _of_resources(self, batch: Batch, kind: str, names: Sequence[str]) -> Ints:
        texts = [
            next((r.texts[name] for name in names if r.texts.get(name)), "")
            for r in batch.resources
        ]
        if not any(texts):
            return np.zeros(len(batch), np.int64)
        return self._numbers.of(kind, texts)[batch.resource]


def resolve_sessions(hashes: Words, numbers: Ints) -> None:
    """Do for sessions that stand as hashes what ``resolve`` does for their numbers."""
    at = np.flatnonzero((hashes >= _PROVISIONAL) & (hashes & np.uint64(1) == 0))
    if len(at):
        given = (hashes[at] >> np.uint64(1)).view(np.int64)
        resolve(given, numbers)
        hashes[at] = Owners.of_sessions(given)
