"""Numbers of many names, fast and in little memory: what the door said is remembered by hash.

A name that was met before costs a hash of its bytes and a look into a table, for thousands of names
in one step. A new one gets a *provisional* number until the names of the turn are all known; then
the door numbers them together, which costs a fraction of asking it again and again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from percapita.core.privacy import digests
from percapita.core.subjects import NOBODY
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import AUDIT
from percapita.store.door import Door
from percapita.store.live.names import Hasher, Names, Table, Words

Ints: TypeAlias = npt.NDArray[np.int64]

PROVISIONAL: Final = 1 << 62
"""Numbers from here on stand for names that the door has not seen yet."""
_MOST: Final = 3_000_000
"""Names remembered at most."""
_ALIAS, _ERASE = "alias", "erase"
_ACTS: Final = (_ALIAS, _ERASE, "key rotate", "key retire")
"""What may lead a name to another number, or is to learn it under a new key."""


class Numbers:
    """Hands names to the door, and remembers the answers until somebody is aliased or erased."""

    def __init__(self, door: Door, catalog: Catalog) -> None:
        self._door = door
        self._catalog = catalog
        self._acts: int | None = None
        self._hasher = Hasher()
        self._known = Table()
        self._new = Table()
        self._asked: list[tuple[str, list[str]]] = []
        """Kind and names that the provisional numbers stand for."""
        self._hashes: list[tuple[Words, Words]] = []

    def refresh(self) -> Mapping[int, int]:
        """Forget what was said of anybody who changed since; return who is who now.

        The erased are nobody. Call it before each turn.
        """
        acts = sa.select(AUDIT.c.id, AUDIT.c.what, AUDIT.c.ref, AUDIT.c.detail)
        wanted = acts.where(AUDIT.c.what.in_(_ACTS), AUDIT.c.id > (self._acts or 0))
        with self._catalog.read() as connection:
            rows = connection.execute(wanted.order_by(AUDIT.c.id)).all()
        self._door.refresh()
        before, self._acts = self._acts, rows[-1].id if rows else self._acts or 0
        if before is None or not rows:
            return {}
        self._known = Table()
        changed: dict[int, int] = {}
        for row in rows:
            if row.what in (_ALIAS, _ERASE):
                now = row.detail["of"] if row.what == _ALIAS else NOBODY
                changed |= dict.fromkeys(map(int, row.ref.split(", ")), now)
        return changed

    def of(self, kind: str, names: Sequence[str]) -> Ints:
        """Return the number of each name, as ``at`` does."""
        return self.at(kind, Names.of(names))

    def at(self, kind: str, names: Names) -> Ints:
        """Return the number of each name, provisional where it is new; the empty name is nobody."""
        one, two = self._hasher.hashed(kind, names)
        result = self._known.find(one, two)
        result[names.length == 0] = NOBODY
        unknown = np.flatnonzero(result < 0)
        if len(unknown):
            result[unknown] = self._provisional(
                kind, names.only(unknown), one[unknown], two[unknown]
            )
        return result

    def _provisional(self, kind: str, names: Names, one: Words, two: Words) -> Ints:
        result = self._new.find(one, two)
        new = np.flatnonzero(result < 0)
        if len(new):
            first = _first(one[new], two[new])
            once = new[first]
            given = PROVISIONAL + len(self._new) + np.arange(len(once))
            self._new.add(one[once], two[once], given)
            self._asked.append((kind, names.only(once).texts()))
            self._hashes.append((one[once], two[once]))
            result[new] = self._new.find(one[new], two[new])
        return result

    def settled(self) -> Ints:
        """Return the numbers that the provisional ones stand for, in order; the door gives them."""
        if not self._asked:
            return np.zeros(0, np.int64)
        hashed = [(kind, digests(self._door.key, kind, names)) for kind, names in self._asked]
        given: dict[str, dict[str, str]] = {}
        for (kind, names), (_, hashes) in zip(self._asked, hashed, strict=True):
            given.setdefault(kind, {}).update(zip(hashes, names, strict=True))
        known = {kind: self._door.numbers_of(kind, names) for kind, names in given.items()}
        found = [known[kind][one] for kind, hashes in hashed for one in hashes]
        numbers = np.array(found, np.int64)
        if len(self._known) + len(numbers) > _MOST:
            self._known = Table()
        one, two = (np.concatenate(words) for words in zip(*self._hashes, strict=True))
        self._known.add(one, two, numbers)
        self._new, self._asked, self._hashes = Table(), [], []
        return numbers


def _first(one: Words, two: Words) -> Ints:
    """Return the first place of each different hash, in order."""
    order = np.lexsort((two, one))
    same = (np.diff(one[order]) == 0) & (np.diff(two[order]) == 0)
    # A stable order: of equal ones the first is the earliest.
    return np.sort(order[np.concatenate([[True], ~same])])


def resolve(column: Ints, numbers: Ints) -> None:
    """Write numbers over the provisional ones."""
    at = np.flatnonzero(column >= PROVISIONAL)
    column[at] = numbers[column[at] - PROVISIONAL]
