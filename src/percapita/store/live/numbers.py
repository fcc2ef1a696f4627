"""Numbers of many names, fast and in little memory: what the door said is remembered by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from percapita.core.privacy import HASH_BYTES, digest
from percapita.core.subjects import NOBODY
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import AUDIT
from percapita.store.door import Door

Ints: TypeAlias = npt.NDArray[np.int64]
Words: TypeAlias = npt.NDArray[np.uint64]

_MOST: Final = 4_000_000
"""Names remembered at most; 24 bytes each."""
_FEW: Final = 32_768
"""Names that are new since the long list was sorted."""


class Numbers:
    """Hands names to the door, and remembers the answers until somebody is aliased or erased."""

    def __init__(self, door: Door, catalog: Catalog) -> None:
        self._door = door
        self._catalog = catalog
        self._acts: int | None = None
        self._long = _Sorted.empty()
        self._short = _Sorted.empty()

    def refresh(self) -> None:
        """Forget what may have changed: call it before each batch."""
        with self._catalog.read() as connection:
            acts = connection.execute(sa.select(sa.func.max(AUDIT.c.id))).scalar()
        self._door.refresh()
        if acts != self._acts:
            self._acts = acts
            self._long = self._short = _Sorted.empty()

    def of(self, kind: str, names: Sequence[str]) -> Ints:
        """Return the number of each name; new ones get one, the empty name is nobody."""
        hashes = self._hashes(kind, names)
        result = self._long.find(hashes)
        if "" in names:
            result[[at for at, name in enumerate(names) if not name]] = NOBODY
        unknown = np.flatnonzero(result < 0)
        if len(unknown) and len(self._short):
            result[unknown] = self._short.find(hashes[unknown])
            unknown = unknown[result[unknown] < 0]
        if len(unknown):
            asked = unknown.tolist()
            spelled = [hashes[at].tobytes().hex() for at in asked]
            given = self._door.numbers_of(
                kind, {spelt: names[at] for spelt, at in zip(spelled, asked, strict=True)}
            )
            result[unknown] = [given[spelt] for spelt in spelled]
            self._remember(hashes[unknown], result[unknown])
        return result

    def _remember(self, hashes: Words, numbers: Ints) -> None:
        self._short = self._short.merged(_Sorted.of(hashes, numbers))
        if len(self._short) > _FEW:
            room = len(self._long) + len(self._short) <= _MOST
            self._long = self._long.merged(self._short) if room else self._short
            self._short = _Sorted.empty()

    def _hashes(self, kind: str, names: Sequence[str]) -> Words:
        """Return the pseudonyms of names as rows of two words."""
        state = hashlib.blake2b(
            f"{kind}\x1f".encode(), digest_size=HASH_BYTES, key=self._door.key.secret
        )
        copy, found = state.copy, []
        for name in names:
            one = copy()
            one.update(name.encode())
            found.append(one.digest())
        lead = f"{kind}:"
        if lead in "\n".join(names):
            # A name may be a pseudonym already.
            for at, name in enumerate(names):
                if name.startswith(lead):
                    found[at] = bytes.fromhex(digest(self._door.key, kind, name))
        return np.frombuffer(b"".join(found), "<u8").reshape(-1, 2)


class _Sorted:
    """Hashes in order, and the number of each."""

    def __init__(self, first: Words, second: Words, numbers: Ints) -> None:
        self._first = first
        self._second = second
        self._numbers = numbers

    @classmethod
    def empty(cls) -> _Sorted:
        return cls(np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.int64))

    @classmethod
    def of(cls, hashes: Words, numbers: Ints) -> _Sorted:
        order = np.argsort(hashes[:, 0], kind="stable")
        return cls(hashes[order, 0], hashes[order, 1], numbers[order])

    def __len__(self) -> int:
        return len(self._first)

    def find(self, hashes: Words) -> Ints:
        """Return the numbers; -1 where a hash is not known."""
        if not len(self):
            return np.full(len(hashes), -1)
        # Two names that share eight bytes of their hash: the second is asked anew each time.
        at = np.minimum(np.searchsorted(self._first, hashes[:, 0]), len(self) - 1)
        same = (self._first[at] == hashes[:, 0]) & (self._second[at] == hashes[:, 1])
        return np.where(same, self._numbers[at], -1)

    def merged(self, other: _Sorted) -> _Sorted:
        """Return both lists as one."""
        first = np.concatenate([self._first, other._first])
        order = np.argsort(first, kind="stable")
        second = np.concatenate([self._second, other._second])
        numbers = np.concatenate([self._numbers, other._numbers])
        return _Sorted(first[order], second[order], numbers[order])
