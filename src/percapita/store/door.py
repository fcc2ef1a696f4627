"""The door: names of people come in, numbers go on.

A number is handed out, never computed, so that nothing behind the door leads back to a name. New
numbers are given in the order of the keyed hashes: the same names get the same numbers whatever
order they come in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.core.errors import InputError
from percapita.core.privacy import Key, digest, digests
from percapita.core.sources import Source
from percapita.core.subjects import ERASED, NOBODY
from percapita.store.catalog import renewals, traced
from percapita.store.catalog.catalog import take
from percapita.store.catalog.many_rows import among, bulk, pairs
from percapita.store.catalog.tables import ABOUT, IMPORTS, MARKS, PSEUDONYMS, QUARANTINE, SUBJECTS
from percapita.store.crash import point
from percapita.store.journal import audit
from percapita.store.site import Site

Item = TypeVar("Item", int, str)

_BATCH = 20_000
_COLUMNS = ("number", "kind", "named", "key_id", "hash", "label")
_SCAN_FROM = 2
"""The whole table is read where the names asked for are more than one in this many."""


class KeyChangedError(InputError):
    """The store's pseudonyms were made with another key."""

    def __init__(self, held: str, given: str) -> None:
        super().__init__(
            f"The store's pseudonyms were made with key {held}, the project's key is {given}:"
            " every user would be counted a second time.",
            hint="Restore the key file, or copy it from where the key was rotated;"
            " else import into a new store with --store DIR.",
        )


class KeyRotatedError(InputError):
    """The key was rotated by another process just now."""

    def __init__(self, given: str) -> None:
        super().__init__(
            f"Key {given} was rotated while this went on; nothing was changed.",
            hint="Run the same command again.",
        )


class Door:
    """Maps names to numbers, and numbers to the few labels that may be kept."""

    def __init__(self, site: Site, labels: Collection[str]) -> None:
        self._site = site
        self._labels = frozenset(labels)
        self._renews: bool | None = None
        """Whether subjects may be known by former keys too; ``None`` before it was looked."""

    @property
    def key(self) -> Key:
        """The key of the pseudonyms."""
        return self._site.key

    def refresh(self) -> None:
        """Go on with the key of now: another process may have rotated it."""
        if self.key.changed:
            self._site.key = self.key.latest()
            self._renews = None

    def numbers(self, kind: str, names: Sequence[str]) -> dict[str, int]:
        """Return each name's number; names that are new get one. The empty name is nobody.

        Hand in all names of a delivery at once: numbers are sorted within a call.
        """
        self.refresh()
        hashes = {name: digest(self.key, kind, name) for name in set(names) if name}
        known = self.numbers_of(kind, {found: name for name, found in hashes.items()})
        result = {name: known[found] for name, found in hashes.items()}
        if "" in names:
            result[""] = NOBODY
        return result

    def numbers_of(self, kind: str, names: Mapping[str, str]) -> dict[str, int]:
        """Return the number of each pseudonym, perhaps among others; ``names`` has what it is of.

        Those that are new get one, as by ``numbers``.
        """
        with self._site.catalog.read() as connection:
            last = _last(connection)
            known = self._known(connection, names)
        fresh = names.keys() - known.keys()
        if fresh and self.key.old:
            known.update(self._recognised(kind, fresh, names))
            fresh -= known.keys()
        if fresh:
            known.update(self._hand_out(kind, sorted(fresh), names, last))
        return known

    def find(self, kind: str, name: str) -> int | None:
        """Return a name's number, ``None`` where it was never seen."""
        self.refresh()
        wanted = [digest(key, kind, name) for key in (self.key, *self.key.former)]
        with self._site.catalog.read() as connection:
            known = self._known(connection, wanted)
        return next((known[one] for one in wanted if one in known), None)

    def known(self, kind: str, names: Collection[str]) -> set[str]:
        """Return those of the names that have a number."""
        self.refresh()
        keys = (self.key, *self.key.former)
        hashes = {digest(key, kind, name): name for key in keys for name in names if name}
        if not hashes:
            return set()
        with self._site.catalog.read() as connection:
            found = self._known(connection, list(hashes))
        return {name for known, name in hashes.items() if known in found}

    def labels(self, numbers: Iterable[int]) -> dict[int, str]:
        """Return the readable names of those numbers that have one."""
        columns = (SUBJECTS.c.number, SUBJECTS.c.label)
        result: dict[int, str] = {}
        with self._site.catalog.read() as connection:
            for batch in _batches(sorted(set(numbers))):
                wanted = sa.select(*columns).where(
                    SUBJECTS.c.number.in_(batch), SUBJECTS.c.label.is_not(None)
                )
                result |= {row.number: row.label for row in connection.execute(wanted)}
        return result

    def keeps(self, kind: str) -> bool:
        """Tell whether names of this kind of subject stay readable."""
        return kind in self._labels

    def set_kind(self, numbers: Iterable[int], kind: str) -> None:
        """Take these subjects for bots or anonymous, by the word of the import going on.

        It counts from the moment the import commits, for as long as that import is live.
        """
        self._site.marks.update(dict.fromkeys((n for n in numbers if n > NOBODY), kind))

    def kinds(self) -> dict[int, str]:
        """Return the kind of every subject that is not plainly a user."""
        columns = sa.select(SUBJECTS.c.number, SUBJECTS.c.kind)
        with self._site.catalog.read() as connection:
            found = connection.execute(columns.where(SUBJECTS.c.kind != sa.text("'user'")))
            return {row.number: row.kind for row in found}

    def subjects(self) -> list[tuple[int, str, str | None]]:
        """Return (number, kind, label) of every subject with a label or a kind of its own."""
        wanted = sa.select(SUBJECTS.c.number, SUBJECTS.c.kind, SUBJECTS.c.label)
        special = (SUBJECTS.c.kind != sa.text("'user'")) | SUBJECTS.c.label.is_not(None)
        with self._site.catalog.read() as connection:
            found = connection.execute(wanted.where(special).order_by(SUBJECTS.c.number))
            return [(number, kind, label) for number, kind, label in found]

    def named(self, kinds: Sequence[str]) -> list[tuple[int, str, str]]:
        """Return (number, kind, label) of those of some kinds, users apart, that have a label."""
        columns = sa.select(SUBJECTS.c.number, SUBJECTS.c.kind, SUBJECTS.c.label)
        # The first condition is the one that the index of those who are no users is made for.
        special = (SUBJECTS.c.kind != sa.text("'user'")) & SUBJECTS.c.kind.in_(kinds)
        wanted = columns.where(special, SUBJECTS.c.label.is_not(None), SUBJECTS.c.label != "")
        with self._site.catalog.read() as connection:
            found = connection.execute(wanted.order_by(SUBJECTS.c.number))
            return [(number, kind, label) for number, kind, label in found]

    def alias(self, number: int, of: int, *, now: datetime | None = None) -> None:
        """Let one subject's name lead to another's number from now on: both are the same person."""
        with self._site.catalog.write() as connection:
            root = connection.execute(
                sa.select(SUBJECTS.c.alias_of).where(SUBJECTS.c.number == of)
            ).scalar_one()
            root = of if root is None else root
            if root == number:
                raise ValueError(f"{of} already stands for {number}")
            same = (SUBJECTS.c.number == number) | (SUBJECTS.c.alias_of == number)
            connection.execute(sa.update(SUBJECTS).where(same).values(alias_of=root))
            audit(connection, self._site, self._site.clock(now), "alias", str(number), of=root)

    def forget(self, numbers: Sequence[int], *, now: datetime | None = None) -> None:
        """Let these numbers lead to nobody, and leave no trace of who they were."""
        with self._site.catalog.write() as connection:
            if connection.dialect.name == "sqlite":
                # What is deleted is overwritten, not only left out of the tree.
                connection.execute(sa.text("PRAGMA secure_delete = ON"))
            mine = SUBJECTS.c.number.in_(numbers)
            held = connection.execute(sa.select(SUBJECTS.c.hash).where(mine)).scalars()
            hashes = [found for found in held if found]
            if renewals.there(connection):
                hashes += renewals.forget(connection, numbers)
            if traced.there(connection):
                traced.forget(connection, numbers)
            nobody = dict.fromkeys(("key_id", "hash", "label", "alias_of"))
            at = self._site.clock(now)
            connection.execute(
                sa.update(SUBJECTS)
                .where(mine)
                .values(kind=ERASED, named=ERASED, erased_at=at, **nobody)
            )
            connection.execute(sa.delete(MARKS).where(MARKS.c.number.in_(numbers)))
            refused = sa.update(QUARANTINE).where(QUARANTINE.c.value.in_(hashes))
            connection.execute(refused.values(value=""))
            audit(connection, self._site, at, "erase", ", ".join(map(str, numbers)))
        self._site.catalog.overwrite()

    def _known(self, connection: Connection, hashes: Collection[str]) -> dict[str, int]:
        """Return the numbers of those of the hashes that have one, perhaps among others."""
        self._check_key(connection)
        if self._renews is None:
            self._renews = renewals.there(connection)
        last = _last(connection)
        if last == 0:
            return {}
        number = sa.func.coalesce(SUBJECTS.c.alias_of, SUBJECTS.c.number)
        wanted = sa.select(SUBJECTS.c.hash, number.label("number"))
        if len(hashes) * _SCAN_FROM > last:
            known = pairs(connection, wanted.where(SUBJECTS.c.hash.is_not(None)))
            return known | renewals.known(connection) if self._renews else known
        result: dict[str, int] = {}
        for batch in _batches(sorted(hashes)):
            # Twenty thousand parameters cost more than the look-up.
            listed, values = among(connection, batch)
            rows = connection.exec_driver_sql(
                f"SELECT hash, coalesce(alias_of, number) FROM subjects WHERE hash IN {listed}",
                values,
            )
            result |= {row[0]: row[1] for row in rows}
            if self._renews:
                result |= renewals.known(connection, batch)
        return result

    def _recognised(
        self, kind: str, hashes: Collection[str], names: Mapping[str, str]
    ) -> dict[str, int]:
        """Return the numbers of those whom former keys know; this key knows them from now on."""
        if not self._renews:
            self._site.catalog.prepare([PSEUDONYMS])
            self._renews = True
        found: dict[str, int] = {}
        for key in self.key.former:
            asked = [one for one in hashes if one not in found]
            by_former = dict(
                zip(digests(key, kind, [names[one] for one in asked]), asked, strict=True)
            )
            with self._site.catalog.read() as connection:
                known = self._known(connection, by_former)
            mine = {by_former[one]: n for one, n in known.items() if one in by_former}
            former = {by_former[one]: one for one in known.keys() & by_former.keys()}
            if mine:
                with self._site.catalog.write() as connection:
                    self._claim_key(connection)
                    renewals.keep(connection, former, self.key.id)
                    point("subjects.renewed")
            found |= mine
        return found

    def _hand_out(
        self, kind: str, digests: Sequence[str], names: Mapping[str, str], last: int
    ) -> dict[str, int]:
        """Give numbers to sorted hashes that had none while ``last`` was the last number given."""
        key_id, labelled = self.key.id, kind in self._labels
        with self._site.catalog.write() as connection:
            self._claim_key(connection)
            # Another process may have been faster with some.
            known = {} if _last(connection) == last else self._known(connection, digests)
            fresh = [digest for digest in digests if digest not in known]
            number = take(connection, "subjects", len(fresh))
            for batch in _batches(fresh):
                given = range(number, number + len(batch))
                shown = [names[digest] for digest in batch] if labelled else repeat(None)
                same = repeat(kind), repeat(kind), repeat(key_id)
                bulk(connection, SUBJECTS, _COLUMNS, list(zip(given, *same, batch, shown)))  # noqa: B905
                known.update(zip(batch, given, strict=True))
                number += len(batch)
            point("subjects.staged")
        point("subjects.committed")
        return known

    def _check_key(self, connection: Connection) -> str | None:
        """Return which key the store's pseudonyms are made with; refuse any other than ours."""
        held = renewals.held(connection)
        if held not in (None, self.key.id, *(key.id for key in self.key.former)):
            if self.key.latest().id == held:
                raise KeyRotatedError(self.key.id)
            raise KeyChangedError(str(held), self.key.id)
        return held

    def _claim_key(self, connection: Connection) -> None:
        held = self._check_key(connection)
        if held != self.key.id:
            claim(connection, self._site, held)


def claim(
    connection: Connection, site: Site, former: str | None, now: datetime | None = None
) -> None:
    """Make pseudonyms with the site's key from now on; ``former`` is the key until now."""
    if former is None:
        connection.execute(sa.insert(ABOUT), {"name": "key", "value": site.key.id})
        return
    connection.execute(sa.update(ABOUT).where(renewals.KEY).values(value=site.key.id))
    audit(connection, site, site.clock(now), "key rotate", site.key.id, former=former)


def _last(connection: Connection) -> int:
    return connection.execute(sa.select(sa.func.max(SUBJECTS.c.number))).scalar() or 0


def mark(connection: Connection, import_id: str, source: Source, marks: Mapping[int, str]) -> None:
    """Record the kinds an import gives, and let go those of the imports it replaced."""
    bulk(
        connection, MARKS, ("import_id", "number", "kind"),
        [(import_id, number, kind) for number, kind in sorted(marks.items())],
    )  # fmt: skip
    last = (
        sa.select(MARKS.c.kind)
        .join(IMPORTS, IMPORTS.c.id == MARKS.c.import_id)
        .where(MARKS.c.number == SUBJECTS.c.number, IMPORTS.c.state == "live")
        .order_by(IMPORTS.c.seq.desc())
        .limit(1)
        .correlate(SUBJECTS)
        .scalar_subquery()
    )
    of_source = sa.select(IMPORTS.c.id).where(IMPORTS.c.source == source.name)
    concerned = sa.select(MARKS.c.number).where(MARKS.c.import_id.in_(of_source))
    connection.execute(
        sa.update(SUBJECTS)
        .where(SUBJECTS.c.number.in_(concerned), SUBJECTS.c.erased_at.is_(None))
        .values(kind=sa.func.coalesce(last, SUBJECTS.c.named))
    )


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]
