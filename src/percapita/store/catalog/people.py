"""Who a number is, as far as the catalog may say: kind, pseudonym, and a label where it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from percapita.core.subjects import PSEUDO, USER
from percapita.store.catalog import renewals
from percapita.store.catalog.catalog import Catalog
from percapita.store.catalog.tables import SUBJECTS

_BATCH = 10_000


class Person(NamedTuple):
    """A subject behind its number."""

    number: int
    kind: str
    pseudonym: str | None
    """``None`` where the number is a named receiver, or was erased."""
    label: str | None

    @property
    def name(self) -> str:
        """What it is called on a page: label, kind of nobody, or the pseudonym's first digits."""
        if self.label:
            return self.label
        return self.kind if self.pseudonym is None else f"{self.kind} {self.pseudonym[:12]}"


_COLUMNS = (SUBJECTS.c.number, SUBJECTS.c.kind, SUBJECTS.c.hash, SUBJECTS.c.label)


def people(catalog: Catalog, numbers: Iterable[int]) -> dict[int, Person]:
    """Return who these numbers are; every number is answered."""
    wanted = sorted(set(numbers))
    found = {n: Person(n, PSEUDO[n], None, None) for n in wanted if n in PSEUDO}
    with catalog.read() as connection:
        for start in range(0, len(wanted), _BATCH):
            batch = wanted[start : start + _BATCH]
            rows = connection.execute(sa.select(*_COLUMNS).where(SUBJECTS.c.number.in_(batch)))
            found.update({row.number: Person(*row) for row in rows})
    return {n: found.get(n, Person(n, USER, None, None)) for n in wanted}


def by_pseudonym(catalog: Catalog, digits: str) -> list[int]:
    """Return the numbers whose pseudonym starts with these hex digits, two at most."""
    with catalog.read() as connection:
        rows = connection.execute(
            sa.select(SUBJECTS.c.number, SUBJECTS.c.alias_of)
            .where(SUBJECTS.c.hash.startswith(digits, autoescape=True))
            .order_by(SUBJECTS.c.number)
            .limit(2)
        )
        found = [row.number if row.alias_of is None else row.alias_of for row in rows]
        return found or renewals.by_pseudonym(connection, digits)


def with_aliases(catalog: Catalog, number: int) -> tuple[int, ...]:
    """Return a number and those that were found to be the same person."""
    with catalog.read() as connection:
        rows = connection.execute(sa.select(SUBJECTS.c.number).where(SUBJECTS.c.alias_of == number))
        return (number, *sorted(row.number for row in rows))
